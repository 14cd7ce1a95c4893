package kube

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/run"
)

func TestListed(t *testing.T) {
	var s sliceView
	require.NoError(t, json.Unmarshal([]byte(`{"endpoints":[
		{"conditions":{"ready":true},"targetRef":{"kind":"Pod","name":"a"}},
		{"conditions":{},"targetRef":{"kind":"Pod","name":"b"}},
		{"conditions":{"ready":false},"targetRef":{"kind":"Pod","name":"c"}},
		{"conditions":{"ready":true}}]}`), &s))
	require.Equal(t, map[string]bool{"a": true, "b": true}, s.listed())
}

// sliceOf is a Service's slice. A pod is written as its name, with - behind it
// if it is not ready, and ! if it is called ready while it goes.
func sliceOf(t *testing.T, name, service string, pods ...string) *unstructured.Unstructured {
	t.Helper()
	var all []string
	for _, p := range pods {
		conditions := `"ready":true,"serving":true,"terminating":false`
		switch {
		case strings.HasSuffix(p, "-"):
			conditions = `"ready":false,"serving":false,"terminating":false`
		case strings.HasSuffix(p, "!"):
			conditions = `"ready":true,"serving":true,"terminating":true`
		}
		all = append(all, fmt.Sprintf(`{"conditions":{%s},"targetRef":{"kind":"Pod","name":%q}}`, conditions, strings.TrimRight(p, "-!")))
	}
	u := &unstructured.Unstructured{}
	require.NoError(t, json.Unmarshal(fmt.Appendf(nil, `{"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice",
		"metadata":{"name":%q,"namespace":"shop","labels":{"kubernetes.io/service-name":%q}},"endpoints":[%s]}`, name, service, strings.Join(all, ",")), &u.Object))
	return u
}

// TestSeveralServices front one workload, and do not agree.
func TestSeveralServices(t *testing.T) {
	type slice struct {
		name, service string
		pods          []string
	}
	both := []slice{{"s-1", "orders", []string{"a", "b"}}, {"h-1", "orders-headless", []string{"a", "b"}}}
	cases := map[string]struct {
		named string
		then  []slice // pods nil: it is gone
		want  map[string]bool
	}{
		"they agree":                       {"", nil, map[string]bool{"a": true, "b": true}},
		"one publishes what goes":          {"", []slice{{"h-1", "orders-headless", []string{"a!", "b"}}, {"s-1", "orders", []string{"b"}}}, map[string]bool{"a": false, "b": true}},
		"and what comes":                   {"", []slice{{"h-1", "orders-headless", []string{"a!", "b", "c"}}}, map[string]bool{"a": true, "b": true, "c": false}},
		"the first to drop it counts":      {"", []slice{{"h-1", "orders-headless", []string{"b"}}}, map[string]bool{"a": false, "b": true}},
		"the one that is named counts":     {"orders", []slice{{"h-1", "orders-headless", []string{"b"}}}, map[string]bool{"a": true, "b": true}},
		"as it is, if it publishes":        {"orders-headless", []slice{{"h-1", "orders-headless", []string{"a!", "b"}}, {"s-1", "orders", []string{"b"}}}, map[string]bool{"a": true, "b": true}},
		"one is named that fronts nothing": {"nothing", []slice{{"s-1", "orders", []string{"b"}}}, map[string]bool{"a": false, "b": true}},
		"not ready":                        {"", []slice{{"s-1", "orders", []string{"a-", "b"}}}, map[string]bool{"a": false, "b": true}},
		"one is deleted":                   {"", []slice{{"h-1", "orders-headless", nil}}, map[string]bool{"a": true, "b": true}},
		"all are deleted":                  {"", []slice{{"h-1", "orders-headless", nil}, {"s-1", "orders", nil}}, map[string]bool{"a": false, "b": false}},
		"a pod moves to a second slice":    {"", []slice{{"s-2", "orders", []string{"a"}}, {"s-1", "orders", []string{"b"}}}, map[string]bool{"a": true, "b": true}},
		"another workload's":               {"", []slice{{"x-1", "other", []string{"x!"}}, {"x-1", "other", []string{}}}, map[string]bool{"a": true, "b": true, "x": false}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			e := newEndpoints(map[string]bool{c.named: true})
			for _, pod := range []string{"a", "b", "c"} {
				e.meet(pod, "orders")
			}
			e.meet("x", "other")
			for _, s := range append(append([]slice{}, both...), c.then...) {
				if s.pods == nil {
					e.drop(s.name)
					continue
				}
				var v sliceView
				require.NoError(t, decodeInto(sliceOf(t, s.name, s.service, s.pods...), &v))
				e.take(s.name, &v)
			}
			for pod, on := range c.want {
				require.Equal(t, on, e.offered(pod), pod)
			}
		})
	}
}

func TestServicesByName(t *testing.T) {
	var streams []traffic.Stream
	for _, u := range []string{"http://a.shop", "http://b.shop.svc:8080/x", "https://c.shop.svc.cluster.local", "http://d", "http://e.else", "http://f.shop.example.com", "http://10.0.0.1", "://"} {
		streams = append(streams, traffic.Stream{Target: u})
	}
	require.Equal(t, map[string]bool{"a": true, "b": true, "c": true}, namedServices(streams, "shop"))
}

// watching is a node of a run on the target orders of namespace shop, and what
// it tells the plane.
func watching(t *testing.T, a *api) (*node, func() []control.Event) {
	t.Helper()
	th := &theirs{view: view(2, 2)}
	var err error
	th.pods, err = a.owned("shop", "orders", &th.view.Spec.Selector)
	require.NoError(t, err)
	n := newNode(t.Context(), &stage{p: attachedPlan(), api: a}, th, make(chan error, 1))
	var told []control.Event
	n.inbox = run.Inbox{Control: func(e control.Event) { told = append(told, e) }}
	return n, func() []control.Event {
		out := told
		told = nil
		return out
	}
}

// ordersPod is one of the target's that runs and is ready.
func ordersPod(t *testing.T, name string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	require.NoError(t, json.Unmarshal(fmt.Appendf(nil, `{"apiVersion":"v1","kind":"Pod","metadata":{"name":%q,"namespace":"shop","uid":%q,"labels":{"app":"orders"},
		"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"orders-1","uid":"uid-orders-1","controller":true}]},
		"spec":{"containers":[{"name":"server"}]},"status":{"phase":"Running","podIP":"10.0.0.1","conditions":[{"type":"Ready","status":"True"}],
		"containerStatuses":[{"name":"server","state":{"running":{}}}]}}`, name, "uid-"+name), &u.Object))
	return u
}

// TestPodsMayComeLast: three lists are asked for at once, and what the others
// tell of a pod is not told again.
func TestPodsMayComeLast(t *testing.T) {
	n, told := watching(t, shopOf(setOf("orders-1", "orders")))
	event := &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"name": "e"}, "involvedObject": map[string]any{"kind": "Pod", "name": "a"}, "reason": "Unhealthy", "message": "probe", "count": int64(1),
	}}
	require.NoError(t, n.seeSlice(sliceOf(t, "s-1", "orders", "a", "b-")))
	require.NoError(t, n.seeEvent(event))
	require.NoError(t, n.seeEvent(event))
	require.Empty(t, told(), "of a pod that is not known")
	a := record.Instance{Pod: "a", Incarnation: 1}
	require.NoError(t, n.seePod(ordersPod(t, "a")))
	require.Equal(t, []control.Event{
		control.PodObserved{Pod: a, Workload: "orders", UID: "uid-a"}, control.ContainerRunning{Pod: a}, control.ReadinessObserved{Pod: a, Ready: true},
		control.AddressObserved{Pod: a, IP: "10.0.0.1"},
		control.EndpointObserved{Pod: a, Ready: true}, control.KubernetesEvent{Pod: a, Kind: record.KindProbeFailed, Count: 1, Message: "probe"},
	}, told())
	require.NoError(t, n.seePod(ordersPod(t, "b")))
	require.NotContains(t, told(), control.EndpointObserved{Pod: record.Instance{Pod: "b", Incarnation: 1}, Ready: true})
	require.NoError(t, n.seeSlice(sliceOf(t, "s-1", "orders", "b-")))
	require.Contains(t, told(), control.EndpointObserved{Pod: a}, "the first change is its removal")
}

// TestThePlaneNotesTheRemoval, as it knew that the pod was there.
func TestThePlaneNotesTheRemoval(t *testing.T) {
	n, told := watching(t, shopOf(setOf("orders-1", "orders")))
	require.NoError(t, n.seeSlice(sliceOf(t, "s-1", "orders", "a")))
	require.NoError(t, n.seePod(ordersPod(t, "a")))
	require.NoError(t, n.seeSlice(sliceOf(t, "s-1", "orders")))
	n.losePod(ordersPod(t, "a"))
	plane, err := control.NewObservedCluster(attachedPlan().Control)
	require.NoError(t, err)
	var noted []record.Kind
	for _, e := range told() {
		for _, a := range plane.Step(0, e) {
			noted = append(noted, a.(control.RecordEvent).Event.Kind)
		}
	}
	require.Contains(t, noted, record.KindEndpointRemoved)
}

// TestWhatIsNotTheTargetsIsNotTold, neither of leftovers nor of a canary.
func TestWhatIsNotTheTargetsIsNotTold(t *testing.T) {
	n, told := watching(t, shopOf(setOf("orders-1", "orders"), setOf("orders-canary-1", "orders-canary")))
	left := ordersPod(t, "left")
	require.NoError(t, unstructured.SetNestedField(left.Object, "Failed", "status", "phase"))
	canary := ordersPod(t, "canary")
	require.NoError(t, unstructured.SetNestedSlice(canary.Object, []any{map[string]any{
		"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "orders-canary-1", "uid": "uid-orders-canary-1", "controller": true,
	}}, "metadata", "ownerReferences"))
	for _, u := range []*unstructured.Unstructured{left, canary} {
		require.NoError(t, n.seePod(u))
		n.losePod(u)
	}
	require.Empty(t, told())
}
