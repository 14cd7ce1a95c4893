// Package history derives the history of each instance from the plan and the
// events of a run: which incarnation had an address at an instant, which phase it
// was in, what it observed of others, when it was taken out, and when each
// consumer received that update.
//
// A [History] is built once, by [New], and does not change afterwards. What
// requests add (counts, last attempts) is not in it.
package history

import (
	"slices"
	"strings"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/plan"
)

// History is the life of every instance of a run. Its fields are for reading.
type History struct {
	Plan      *plan.Plan
	Zero      record.Micros // time zero of the plan; 0 if it never came
	LoadEnd   record.Micros // what is taken out later is no release
	Instances []*Instance   // that events tell of, by first appearance
	Releases  []*Release    // by time
	Pushes    []Push
	WatchGaps []WatchGap // by time
	Clocks    Clocks

	byID   map[record.Instance]*Instance
	byAddr map[string][]*Instance
	byName map[string][]*Instance // by pod, and by the IP that the cluster reports of a pod
}

// Push is a list that a subscriber has acknowledged.
type Push struct {
	record.Push
	At      record.Micros // of the acknowledgement
	Service string
}

// New builds the history of a run from its plan and all its events, sorted by
// time.
func New(p *plan.Plan, zero record.Micros, events []record.Event) *History {
	h := &History{
		Plan: p, Zero: zero, LoadEnd: loadEnd(events), WatchGaps: watchGaps(events), Clocks: newClocks(events),
		byID: map[record.Instance]*Instance{}, byAddr: map[string][]*Instance{}, byName: map[string][]*Instance{},
	}
	for _, e := range events {
		h.add(e)
	}
	for _, i := range h.Instances {
		i.assignWorkload(p.Workloads)
	}
	h.findReleases(events)
	return h
}

// loadEnd is when the last of the generators had finished, or the run was
// interrupted; just after the last event if neither is recorded.
func loadEnd(events []record.Event) (end record.Micros) {
	for _, e := range events {
		if e.Kind() == record.KindLoadEnd {
			end = max(end, e.At)
		}
	}
	for _, e := range events {
		if e.Kind() == record.KindInterrupted && (end == 0 || e.At < end) {
			end = e.At
		}
	}
	if end == 0 && len(events) > 0 {
		end = events[len(events)-1].At + 1
	}
	return end
}

// add takes in one event.
func (h *History) add(e record.Event) {
	switch p := e.Payload.(type) {
	case record.Push:
		h.Pushes = append(h.Pushes, Push{Push: p, At: e.At, Service: e.Service})
		return
	case record.MachineInput, record.MachineOutput, record.HostStats:
		return
	default: // handled below
	}
	if e.Instance == (record.Instance{}) {
		return
	}
	i := h.byID[e.Instance]
	if i == nil {
		i = newInstance(e.Instance)
		h.byID[e.Instance] = i
		h.byName[e.Instance.Pod] = append(h.byName[e.Instance.Pod], i)
		h.Instances = append(h.Instances, i)
	}
	i.add(e)
	switch p := e.Payload.(type) {
	case record.RegistryChange: // it describes the registry, not the instance
		return
	case record.PodAddress:
		h.byName[p.IP] = append(h.byName[p.IP], i)
	default: // no other kind says where an instance is reached
	}
	if e.Addr != "" && !slices.Contains(h.byAddr[e.Addr], i) {
		h.byAddr[e.Addr] = append(h.byAddr[e.Addr], i)
		i.addrs = append(i.addrs, e.Addr)
	}
}

// Instance returns what is known of an incarnation, and nil for the zero
// instance, which is the client. Of an incarnation that no event mentions,
// only the workload is known, by the name of its pod.
func (h *History) Instance(id record.Instance) *Instance {
	if id == (record.Instance{}) {
		return nil
	}
	if i := h.byID[id]; i != nil {
		return i
	}
	i := newInstance(id)
	i.assignWorkload(h.Plan.Workloads)
	return i
}

// InstanceAt returns the instance that had an address (host:port) at t, nil if
// none is known.
func (h *History) InstanceAt(addr string, t record.Micros) *Instance {
	return latest(h.byAddr[addr], t)
}

// ExternalInstance returns the incarnation of a pod of an external workload,
// known by the pod's name or IP, that lived at t; nil if none is known.
func (h *History) ExternalInstance(name string, t record.Micros) *Instance {
	return latest(slices.DeleteFunc(slices.Clone(h.byName[name]), func(i *Instance) bool { return !i.External }), t)
}

// latest is the one of the candidates that appeared last before t, or the first
// candidate if none had appeared by then.
func latest(candidates []*Instance, t record.Micros) *Instance {
	var found *Instance
	for _, i := range candidates {
		if found == nil || i.FirstSeen <= t && i.FirstSeen > found.FirstSeen {
			found = i
		}
	}
	return found
}

// OnlyInstance returns the one instance that a workload had in the whole run;
// nil if it had several or none.
func (h *History) OnlyInstance(workload string) *Instance {
	var found *Instance
	for _, i := range h.Instances {
		if i.Declared != nil && i.Workload == workload {
			if found != nil {
				return nil
			}
			found = i
		}
	}
	return found
}

// UnderLoad reports whether t is between time zero and the end of the load.
func (h *History) UnderLoad(t record.Micros) bool { return t >= h.Zero && t < h.LoadEnd }

// Offset is an instant as an offset from time zero.
func (h *History) Offset(t record.Micros) time.Duration { return t.Sub(h.Zero) }

// OptionalOffset is likewise; nil for an instant that never came (0).
func (h *History) OptionalOffset(t record.Micros) *time.Duration {
	if t == 0 {
		return nil
	}
	d := h.Offset(t)
	return &d
}

// Near reports whether t is within d of an instant, which has come (is not 0).
func Near(t, instant record.Micros, d time.Duration) bool {
	return instant != 0 && t >= instant.Add(-d) && t <= instant.Add(d)
}

// Earlier is the first of two instants, of which 0 is one that never came.
func Earlier(a, b record.Micros) record.Micros {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// longestPrefix returns the workload whose name, followed by a hyphen, is the
// longest prefix of a pod's name; nil if none is.
func longestPrefix(pod string, workloads []plan.Workload) *plan.Workload {
	var found *plan.Workload
	for n := range workloads {
		w := &workloads[n]
		if strings.HasPrefix(pod, w.Name+"-") && (found == nil || len(w.Name) > len(found.Name)) {
			found = w
		}
	}
	return found
}
