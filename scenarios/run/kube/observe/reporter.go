package observe

import (
	"maps"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
	"zeroloss/scenarios/control"
)

// Reporter reports a namespace's pods, endpoints and Kubernetes Events to the
// control plane. Three watches tell it of objects, at once and in any order; what
// comes before its pod is kept, so that the control plane hears of a pod before
// it hears anything about it.
type Reporter struct {
	send func(control.Event)

	mu         sync.Mutex // held while sending, too: events of a pod stay in order
	current    map[string]record.Instance
	endpoints  *endpoints
	inService  map[string]bool           // pods that were last reported as endpoints
	eventCount map[string]int32          // Kubernetes Events reported, by name
	pending    map[string][]corev1.Event // those of pods that were not seen yet, by pod
	byIP       map[string]record.Instance
	hasAddress map[string]bool // pods whose address was reported
}

// NewReporter returns a Reporter that knows of no pod. Streams are the load's:
// the Services of the namespace that they name decide which pods are endpoints.
// It calls send with its lock held, so send must not block or call it.
func NewReporter(namespace string, streams []traffic.Stream, send func(control.Event)) *Reporter {
	return &Reporter{
		send: send, current: map[string]record.Instance{}, endpoints: newEndpoints(servicesByName(streams, namespace)),
		inService: map[string]bool{}, eventCount: map[string]int32{}, pending: map[string][]corev1.Event{}, byIP: map[string]record.Instance{},
		hasAddress: map[string]bool{},
	}
}

// Pod reports a pod of workload as it now is and, when it is first seen, what
// came before it. external has its address reported, too, once: responses of a
// service that is not this program's may name a pod so.
func (r *Reporter) Pod(p *corev1.Pod, workload string, external bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, known := r.current[p.Name]
	r.current[p.Name] = Instance(p)
	for _, e := range Observations(p, workload) {
		r.send(e)
	}
	if external {
		r.address(p)
	}
	if known {
		return
	}
	r.endpoints.addPod(p.Name, workload)
	r.endpointsOf(nil)
	for _, e := range r.pending[p.Name] {
		r.event(&e)
	}
	delete(r.pending, p.Name)
}

func (r *Reporter) address(p *corev1.Pod) {
	ip, i := p.Status.PodIP, Instance(p)
	if ip == "" || r.hasAddress[p.Name] {
		return
	}
	r.hasAddress[p.Name], r.byIP[ip] = true, i
	r.send(control.AddressObserved{Pod: i, IP: ip})
}

// PodDeleted reports that a pod does not exist any more.
func (r *Reporter) PodDeleted(p *corev1.Pod) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i, ok := r.current[p.Name]; ok {
		r.send(control.PodGone{Pod: i})
	}
	delete(r.current, p.Name)
	delete(r.inService, p.Name)
	delete(r.pending, p.Name)
}

// Instance returns the present incarnation of a pod, if the pod is there.
func (r *Reporter) Instance(pod string) (record.Instance, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i, ok := r.current[pod]
	return i, ok
}

// InstanceAt returns the instance at a reported address, or the zero Instance.
func (r *Reporter) InstanceAt(ip string) record.Instance {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.byIP[ip]
}

// EndpointSlice takes in a slice as it now is.
func (r *Reporter) EndpointSlice(s *discoveryv1.EndpointSlice) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.endpointsOf(r.endpoints.update(s))
}

// EndpointSliceDeleted takes in that a slice does not exist any more.
func (r *Reporter) EndpointSliceDeleted(s *discoveryv1.EndpointSlice) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.endpointsOf(r.endpoints.remove(s.Name))
}

// endpointsOf reports which pods are endpoints: of the known ones, those that a
// slice named, and those for which that has changed.
func (r *Reporter) endpointsOf(touched []string) {
	for _, pod := range slices.Sorted(maps.Keys(r.current)) {
		on := r.endpoints.isOffered(pod)
		if on != r.inService[pod] || slices.Contains(touched, pod) {
			r.inService[pod] = on
			r.send(control.EndpointObserved{Pod: r.current[pod], Ready: on})
		}
	}
}

// Event reports a Kubernetes Event about a pod, each time that it happens, if it
// is one for the record and not older than since.
func (r *Reporter) Event(e *corev1.Event, since time.Time) {
	if recordKind(e) == "" || olderThan(e, since) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.event(e)
}

func (r *Reporter) event(e *corev1.Event) {
	pod := e.InvolvedObject.Name
	i, ok := r.current[pod]
	if !ok {
		r.pending[pod] = append(slices.DeleteFunc(r.pending[pod], func(x corev1.Event) bool { return x.Name == e.Name }), *e)
		return
	}
	before := r.eventCount[e.Name]
	r.eventCount[e.Name] = max(before, e.Count, 1)
	if e.Count > before || before == 0 {
		r.send(control.KubernetesEvent{Pod: i, Kind: recordKind(e), Count: int(e.Count), Message: e.Message})
	}
}
