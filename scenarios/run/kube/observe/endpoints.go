package observe

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	discoveryv1 "k8s.io/api/discovery/v1"

	"zeroloss/loadgen/traffic"
)

// endpoints knows which pods are offered to callers, as a namespace's
// EndpointSlices say. Several Services may select a workload's pods, and need
// not agree:
//
//   - Where the load goes to one by its name, that one counts.
//   - One that offers pods which are not ready (publishNotReadyAddresses, as
//     headless ones do) counts only where there is no other.
//   - Of the others, a pod is offered until the first of them drops it.
//
// It is not safe for concurrent use.
type endpoints struct {
	named     map[string]bool            // Services that the load goes to by name
	slices    map[string]sliceOffer      // by the slices' names
	offered   map[string]map[string]bool // by Service: pods that it has ever offered
	notReady  map[string]bool            // Services that offer pods which are not ready
	workloads map[string]string          // by pod
}

// sliceOffer is one slice: the pods that a Service offers.
type sliceOffer struct {
	service string
	pods    map[string]bool
}

func newEndpoints(named map[string]bool) *endpoints {
	return &endpoints{
		named: named, slices: map[string]sliceOffer{}, offered: map[string]map[string]bool{}, notReady: map[string]bool{}, workloads: map[string]string{},
	}
}

// addPod makes a pod known as a workload's.
func (e *endpoints) addPod(pod, workload string) { e.workloads[pod] = workload }

// update takes in a slice as it now is, and returns the pods that it names or
// has named.
func (e *endpoints) update(s *discoveryv1.EndpointSlice) []string {
	now := sliceOffer{service: serviceOf(s), pods: readyPods(s)}
	touched := maps.Clone(now.pods)
	maps.Copy(touched, e.slices[s.Name].pods)
	e.slices[s.Name] = now
	if e.offered[now.service] == nil {
		e.offered[now.service] = map[string]bool{}
	}
	maps.Copy(e.offered[now.service], now.pods)
	e.notReady[now.service] = e.notReady[now.service] || publishesNotReady(s)
	return slices.Sorted(maps.Keys(touched))
}

// remove forgets a slice that was deleted. A Service without any slice has been
// deleted, and does not count any more.
func (e *endpoints) remove(slice string) []string {
	was := e.slices[slice]
	delete(e.slices, slice)
	if !slices.ContainsFunc(slices.Collect(maps.Values(e.slices)), func(o sliceOffer) bool { return o.service == was.service }) {
		delete(e.offered, was.service)
		delete(e.notReady, was.service)
	}
	return slices.Sorted(maps.Keys(was.pods))
}

// isOffered reports whether callers are sent to the pod.
func (e *endpoints) isOffered(pod string) bool {
	on := false
	for _, service := range e.servicesThatCount(e.workloads[pod]) {
		if !e.offered[service][pod] {
			continue
		}
		if !e.offersNow(service, pod) {
			return false
		}
		on = true
	}
	return on
}

func (e *endpoints) servicesThatCount(workload string) []string {
	var all, named, ready []string
	for service, pods := range e.offered {
		selects := false
		for pod := range pods {
			selects = selects || e.workloads[pod] == workload
		}
		if !selects {
			continue
		}
		all = append(all, service)
		if e.named[service] {
			named = append(named, service)
		}
		if !e.notReady[service] {
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

func (e *endpoints) offersNow(service, pod string) bool {
	for _, o := range e.slices {
		if o.service == service && o.pods[pod] {
			return true
		}
	}
	return false
}

// serviceOf returns the Service that a slice belongs to. A slice that belongs to
// none stands for itself.
func serviceOf(s *discoveryv1.EndpointSlice) string {
	if service := s.Labels[discoveryv1.LabelServiceName]; service != "" {
		return service
	}
	return s.Name
}

// readyPods returns the pods that a slice offers to callers.
func readyPods(s *discoveryv1.EndpointSlice) map[string]bool {
	out := map[string]bool{}
	for _, e := range s.Endpoints {
		if e.TargetRef != nil && e.TargetRef.Kind == "Pod" && isReady(e.Conditions) {
			out[e.TargetRef.Name] = true
		}
	}
	return out
}

// isReady reports an endpoint's readiness: unknown is ready, as the API says.
func isReady(c discoveryv1.EndpointConditions) bool { return c.Ready == nil || *c.Ready }

// publishesNotReady reports whether the slice calls endpoints ready that do not
// serve, or terminate: its Service sets publishNotReadyAddresses, and its "ready"
// says nothing.
func publishesNotReady(s *discoveryv1.EndpointSlice) bool {
	return slices.ContainsFunc(s.Endpoints, func(e discoveryv1.Endpoint) bool {
		c := e.Conditions
		return isReady(c) && (c.Serving != nil && !*c.Serving || c.Terminating != nil && *c.Terminating)
	})
}

// servicesByName returns a namespace's Services that streams go to by the names
// that the cluster's DNS has for them: orders.shop, orders.shop.svc, and so on.
func servicesByName(streams []traffic.Stream, namespace string) map[string]bool {
	out := map[string]bool{}
	for _, s := range streams {
		u, err := url.Parse(s.Target)
		if err != nil {
			continue // the load reports it
		}
		labels := strings.Split(u.Hostname(), ".")
		if len(labels) >= 2 && labels[1] == namespace && (len(labels) == 2 || labels[2] == "svc") {
			out[labels[0]] = true
		}
	}
	return out
}
