package observe

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"zeroloss/loadgen/traffic"
)

func TestReadyPods(t *testing.T) {
	yes, no := true, false
	pod := func(name string) *corev1.ObjectReference { return &corev1.ObjectReference{Kind: "Pod", Name: name} }
	s := &discoveryv1.EndpointSlice{Endpoints: []discoveryv1.Endpoint{
		{Conditions: discoveryv1.EndpointConditions{Ready: &yes}, TargetRef: pod("a")},
		{TargetRef: pod("b")},
		{Conditions: discoveryv1.EndpointConditions{Ready: &no}, TargetRef: pod("c")},
		{Conditions: discoveryv1.EndpointConditions{Ready: &yes}},
	}}
	require.Equal(t, map[string]bool{"a": true, "b": true}, readyPods(s))
}

// slice is a Service's EndpointSlice. A pod is written as its name, followed by -
// if it is not ready, and by ! if it is called ready while it terminates.
func slice(name, service string, pods ...string) *discoveryv1.EndpointSlice {
	s := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{discoveryv1.LabelServiceName: service}}}
	for _, p := range pods {
		ready, terminating := !strings.HasSuffix(p, "-"), strings.HasSuffix(p, "!")
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{
			Conditions: discoveryv1.EndpointConditions{Ready: &ready, Serving: &ready, Terminating: &terminating},
			TargetRef:  &corev1.ObjectReference{Kind: "Pod", Name: strings.TrimRight(p, "-!")},
		})
	}
	return s
}

// TestSeveralServices front one workload, and do not agree.
func TestSeveralServices(t *testing.T) {
	type change struct {
		name, service string
		pods          []string
	}
	both := []change{{"s-1", "orders", []string{"a", "b"}}, {"h-1", "orders-headless", []string{"a", "b"}}}
	cases := map[string]struct {
		named string
		then  []change // pods nil: it is gone
		want  map[string]bool
	}{
		"they agree":                       {"", nil, map[string]bool{"a": true, "b": true}},
		"one publishes what goes":          {"", []change{{"h-1", "orders-headless", []string{"a!", "b"}}, {"s-1", "orders", []string{"b"}}}, map[string]bool{"a": false, "b": true}},
		"and what comes":                   {"", []change{{"h-1", "orders-headless", []string{"a!", "b", "c"}}}, map[string]bool{"a": true, "b": true, "c": false}},
		"the first to drop it counts":      {"", []change{{"h-1", "orders-headless", []string{"b"}}}, map[string]bool{"a": false, "b": true}},
		"the one that is named counts":     {"orders", []change{{"h-1", "orders-headless", []string{"b"}}}, map[string]bool{"a": true, "b": true}},
		"as it is, if it publishes":        {"orders-headless", []change{{"h-1", "orders-headless", []string{"a!", "b"}}, {"s-1", "orders", []string{"b"}}}, map[string]bool{"a": true, "b": true}},
		"one is named that fronts nothing": {"nothing", []change{{"s-1", "orders", []string{"b"}}}, map[string]bool{"a": false, "b": true}},
		"not ready":                        {"", []change{{"s-1", "orders", []string{"a-", "b"}}}, map[string]bool{"a": false, "b": true}},
		"one is deleted":                   {"", []change{{"h-1", "orders-headless", nil}}, map[string]bool{"a": true, "b": true}},
		"all are deleted":                  {"", []change{{"h-1", "orders-headless", nil}, {"s-1", "orders", nil}}, map[string]bool{"a": false, "b": false}},
		"a pod moves to a second slice":    {"", []change{{"s-2", "orders", []string{"a"}}, {"s-1", "orders", []string{"b"}}}, map[string]bool{"a": true, "b": true}},
		"another workload's":               {"", []change{{"x-1", "other", []string{"x!"}}, {"x-1", "other", []string{}}}, map[string]bool{"a": true, "b": true, "x": false}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			e := newEndpoints(map[string]bool{c.named: true})
			for _, pod := range []string{"a", "b", "c"} {
				e.addPod(pod, "orders")
			}
			e.addPod("x", "other")
			for _, s := range append(append([]change{}, both...), c.then...) {
				if s.pods == nil {
					e.remove(s.name)
					continue
				}
				e.update(slice(s.name, s.service, s.pods...))
			}
			for pod, on := range c.want {
				require.Equal(t, on, e.isOffered(pod), pod)
			}
		})
	}
}

func TestServicesByName(t *testing.T) {
	var streams []traffic.Stream
	for _, u := range []string{"http://a.shop", "http://b.shop.svc:8080/x", "https://c.shop.svc.cluster.local", "http://d", "http://e.else", "http://f.shop.example.com", "http://10.0.0.1", "://"} {
		streams = append(streams, traffic.Stream{Target: u})
	}
	require.Equal(t, map[string]bool{"a": true, "b": true, "c": true}, servicesByName(streams, "shop"))
}
