package run

import (
	"cmp"
	"fmt"
	"slices"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/plan"
)

// startupCheck knows which instances have registered and which instances their
// callers see, from the events that the instances record.
type startupCheck struct {
	plan       *plan.Plan
	registered map[record.Instance]bool
	lists      map[listKey]int // hosts that a consumer sees
}

type listKey struct {
	consumer record.Instance
	service  string
}

func newStartupCheck(p *plan.Plan) *startupCheck {
	return &startupCheck{plan: p, registered: map[record.Instance]bool{}, lists: map[listKey]int{}}
}

func (r *startupCheck) observe(e record.Event) {
	switch p := e.Payload.(type) {
	case record.Registered:
		r.registered[e.Instance] = true
	case record.Deregistered:
		delete(r.registered, e.Instance)
	case record.ListChanged:
		r.lists[listKey{e.Instance, e.Service}] = len(p.Hosts)
	case record.ListReceived: // the first call will fill the cache from it
		r.lists[listKey{e.Instance, e.Service}] = p.Hosts
	default: // says nothing about readiness
	}
}

// missing lists what pods still lack: pods that are not registered, and consumers
// that do not see all instances of the service they call. The load may start if it
// is empty.
func (r *startupCheck) missing(pods []control.PodState) []string {
	var out []string
	for _, w := range r.plan.Workloads {
		out = append(out, r.missingPods(w, pods)...)
	}
	want := r.expectedInstances()
	for _, p := range pods {
		w := r.workload(p.Workload)
		if w == nil || w.Settings.Next == "" {
			continue
		}
		seen := r.lists[listKey{p.Instance, w.Settings.Next}]
		if n := want[w.Settings.Next]; seen != n {
			out = append(out, fmt.Sprintf("%s sees %d of %d instances of %s", p.Instance.Pod, seen, n, w.Settings.Next))
		}
	}
	return out
}

func (r *startupCheck) missingPods(w plan.Workload, pods []control.PodState) []string {
	var out []string
	n := 0
	for _, p := range pods {
		if p.Workload != w.Name {
			continue
		}
		n++
		switch {
		case !p.Running:
			out = append(out, p.Instance.Pod+" is not running")
		case w.External && p.Terminating:
			out = append(out, p.Instance.Pod+" is still terminating")
		case w.External && !p.Ready:
			out = append(out, p.Instance.Pod+" is not ready")
		case !w.External && !r.registered[p.Instance]:
			out = append(out, p.Instance.Pod+" is not registered")
		}
	}
	if n < w.Replicas {
		out = append(out, fmt.Sprintf("%s has %d of %d pods", w.Name, n, w.Replicas))
	}
	return out
}

// expectedInstances is the number of instances of each service once all are up.
func (r *startupCheck) expectedInstances() map[string]int {
	out := map[string]int{}
	for _, w := range r.plan.Workloads {
		out[w.Service] += w.Replicas
	}
	return out
}

func (r *startupCheck) workload(name string) *plan.Workload {
	i := slices.IndexFunc(r.plan.Workloads, func(w plan.Workload) bool { return w.Name == name })
	if i < 0 {
		return nil
	}
	return &r.plan.Workloads[i]
}

// unready lists the pods that are not ready.
func unready(pods []control.PodState) []string {
	var out []string
	for _, p := range pods {
		if !p.Ready {
			out = append(out, p.Instance.Pod+" is not ready")
		}
	}
	slices.SortFunc(out, cmp.Compare[string])
	return out
}
