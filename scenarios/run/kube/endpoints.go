package kube

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"zeroloss/loadgen/traffic"
)

// endpoints is who is offered to callers, as a namespace's EndpointSlices tell.
// Several Services may front a workload, and need not agree:
//
//   - where the load goes to one by its name, that one counts;
//   - one that offers pods which are not ready (publishNotReadyAddresses, as
//     headless ones do) counts only where there is no other;
//   - of the others, a pod is offered until the first of them offers it no more.
//
// It is pure; who uses it locks it.
type endpoints struct {
	named  map[string]bool            // Services that the load goes to by name
	slices map[string]offer           // by the slices' names
	had    map[string]map[string]bool // by Service: pods that it has ever offered
	early  map[string]bool            // Services that offer pods which are not ready
	whose  map[string]string          // workloads, by pod
}

// offer is one slice: the pods that a Service offers.
type offer struct {
	service string
	pods    map[string]bool
}

func newEndpoints(named map[string]bool) *endpoints {
	return &endpoints{
		named: named, slices: map[string]offer{}, had: map[string]map[string]bool{}, early: map[string]bool{}, whose: map[string]string{},
	}
}

// meet makes a pod known as a workload's.
func (e *endpoints) meet(pod, workload string) { e.whose[pod] = workload }

// take takes in a slice as it now is, and names the pods that it is about.
func (e *endpoints) take(slice string, s *sliceView) []string {
	now := offer{service: s.service(slice), pods: s.listed()}
	touched := maps.Clone(now.pods)
	maps.Copy(touched, e.slices[slice].pods)
	e.slices[slice] = now
	if e.had[now.service] == nil {
		e.had[now.service] = map[string]bool{}
	}
	maps.Copy(e.had[now.service], now.pods)
	e.early[now.service] = e.early[now.service] || s.early()
	return slices.Sorted(maps.Keys(touched))
}

// drop forgets a slice that is gone. A Service without any has been deleted,
// and says nothing any more.
func (e *endpoints) drop(slice string) []string {
	was := e.slices[slice]
	delete(e.slices, slice)
	if !slices.ContainsFunc(slices.Collect(maps.Values(e.slices)), func(o offer) bool { return o.service == was.service }) {
		delete(e.had, was.service)
		delete(e.early, was.service)
	}
	return slices.Sorted(maps.Keys(was.pods))
}

// offered reports whether a pod is one that callers are sent to.
func (e *endpoints) offered(pod string) bool {
	on := false
	for _, service := range e.counting(e.whose[pod]) {
		if !e.had[service][pod] {
			continue
		}
		if !e.offers(service, pod) {
			return false
		}
		on = true
	}
	return on
}

// counting are the Services of a workload whose word counts.
func (e *endpoints) counting(workload string) []string {
	var all, named, ready []string
	for service, pods := range e.had {
		fronts := false
		for pod := range pods {
			fronts = fronts || e.whose[pod] == workload
		}
		if !fronts {
			continue
		}
		all = append(all, service)
		if e.named[service] {
			named = append(named, service)
		}
		if !e.early[service] {
			ready = append(ready, service)
		}
	}
	switch {
	case len(named) > 0:
		return named
	case len(ready) > 0:
		return ready
	}
	return all
}

func (e *endpoints) offers(service, pod string) bool {
	for _, o := range e.slices {
		if o.service == service && o.pods[pod] {
			return true
		}
	}
	return false
}

// serviceLabel is how a slice says whose it is.
const serviceLabel = "kubernetes.io/service-name"

// sliceView is what matters of an EndpointSlice.
type sliceView struct {
	Metadata  struct{ Labels map[string]string }
	Endpoints []struct {
		Conditions struct{ Ready, Serving, Terminating *bool }
		TargetRef  *struct{ Kind, Name string }
	}
}

// service is whose the slice is; one that belongs to none stands for itself.
func (s *sliceView) service(name string) string {
	if of := s.Metadata.Labels[serviceLabel]; of != "" {
		return of
	}
	return name
}

// listed is the pods that a slice offers to those who call.
func (s *sliceView) listed() map[string]bool {
	out := map[string]bool{}
	for _, e := range s.Endpoints {
		if e.TargetRef != nil && e.TargetRef.Kind == "Pod" && (e.Conditions.Ready == nil || *e.Conditions.Ready) {
			out[e.TargetRef.Name] = true
		}
	}
	return out
}

// early reports whether the slice calls ready what does not serve, or goes: of
// its Service, ready says nothing.
func (s *sliceView) early() bool {
	for _, e := range s.Endpoints {
		c := e.Conditions
		ready := c.Ready == nil || *c.Ready
		if ready && (c.Serving != nil && !*c.Serving || c.Terminating != nil && *c.Terminating) {
			return true
		}
	}
	return false
}

// namedServices are a namespace's Services that streams go to by the names that
// a cluster's DNS has for them: orders.shop, orders.shop.svc, and so on.
func namedServices(streams []traffic.Stream, namespace string) map[string]bool {
	out := map[string]bool{}
	for _, s := range streams {
		u, err := url.Parse(s.Target)
		if err != nil {
			continue // the load says so
		}
		words := strings.Split(u.Hostname(), ".")
		if len(words) >= 2 && words[1] == namespace && (len(words) == 2 || words[2] == "svc") {
			out[words[0]] = true
		}
	}
	return out
}
