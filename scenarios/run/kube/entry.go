package kube

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"

	"zeroloss/loadgen/traffic"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/observe"
)

// entry finds the URL that the load goes to: that of the entry's Service or, if it
// has none, of its oldest ready pod.
type entry struct {
	plan       *plan.Plan
	serviceURL string // "": the entry has no Service

	// loadBegun is set once the URL is asked for: a pod that ends from then on is
	// what the run measures.
	loadBegun atomic.Bool

	mu    sync.Mutex
	podIP string
}

func (e *entry) onPod(p *corev1.Pod, workload string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if workload == e.plan.Entry.Workload && observe.Ready(p) && e.podIP == "" {
		e.podIP = p.Status.PodIP
	}
}

// url returns the base URL; "" if no stream goes to the entry.
func (e *entry) url() (string, error) {
	e.loadBegun.Store(true)
	if e.serviceURL != "" || !slices.ContainsFunc(e.plan.Streams, func(s traffic.Stream) bool { return !s.External() }) {
		return e.serviceURL, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.podIP == "" {
		return "", fmt.Errorf("%w: the entry %q has neither a Service nor a ready pod", run.ErrEnvironment, e.plan.Entry.Workload)
	}
	return "http://" + net.JoinHostPort(e.podIP, strconv.Itoa(e.plan.Entry.Port)), nil
}

// clusterIP returns a Service's address, or "" for one that has none.
func clusterIP(s string) string {
	if s == corev1.ClusterIPNone {
		return ""
	}
	return s
}

// entryServiceURL returns the base URL of the entry's Service, or "" if it has
// none with an address.
func entryServiceURL(p *plan.Plan, addresses map[string]string) string {
	for _, s := range p.Services {
		if ip := clusterIP(addresses[s.Name]); s.Name == p.Entry.Service && s.Target == p.Entry.Port && ip != "" {
			return fmt.Sprintf("http://%s:%d", ip, s.Port)
		}
	}
	return ""
}

// serviceURLs returns the base URLs of the plan's Services that have an address,
// by name.
func serviceURLs(p *plan.Plan, addresses map[string]string) map[string]string {
	out := map[string]string{}
	for _, s := range p.Services {
		if ip := clusterIP(addresses[s.Name]); ip != "" && out[s.Name] == "" {
			out[s.Name] = "http://" + net.JoinHostPort(ip, strconv.Itoa(s.Port))
		}
	}
	return out
}

// isExternal reports whether a workload of the plan is none of this program's
// services.
func isExternal(p *plan.Plan, workload string) bool {
	return slices.ContainsFunc(p.Workloads, func(w plan.Workload) bool { return w.Name == workload && w.External })
}
