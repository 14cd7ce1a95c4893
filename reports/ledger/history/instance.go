package history

import (
	"cmp"
	"slices"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/plan"
)

// Instance is one incarnation of a pod, as the events tell it. Its fields are
// for reading.
type Instance struct {
	ID                     record.Instance
	Workload, Service, Tag string
	Declared               *plan.Workload // nil: the plan has no such workload
	External               bool           // no service of this project runs in it
	Instrumented           bool           // it reported events itself
	FirstSeen              record.Micros  // its first event; 0 if it has none
	Events                 []record.Event // about it, by time
	HostLists              []HostList     // what it saw of the services that it calls, by time
	Release                *Release       // nil: it was not taken out under load

	first map[record.Kind]record.Micros // of each kind
	addrs []string                      // that it had
	marks []mark                        // instances that it began to avoid, by time
}

// mark is an instance that a consumer began to avoid.
type mark struct {
	at       record.Micros
	instance record.Instance
}

func newInstance(id record.Instance) *Instance {
	return &Instance{ID: id, first: map[record.Kind]record.Micros{}}
}

// add takes in an event about i.
func (i *Instance) add(e record.Event) {
	if p, ok := e.Payload.(record.RegistryChange); ok {
		if p.Change == record.ChangeRemoved {
			i.keep(e)
		}
		return
	}
	i.keep(e)
	switch p := e.Payload.(type) {
	case record.ListChanged:
		i.HostLists = append(i.HostLists, newHostList(e, p.Hosts))
	case record.MarkSet:
		i.marks = append(i.marks, mark{at: e.At, instance: p.Marked})
	case record.Starting, record.Listening, record.Registered, record.Deregistered, record.ListenerClosed, record.TermReceived:
		i.Instrumented = true
		i.Service = cmp.Or(e.Service, i.Service)
	default: // the instance's history keeps the event itself
	}
	i.Workload = cmp.Or(e.Workload, i.Workload)
	i.Tag = cmp.Or(e.Tag, i.Tag)
}

func (i *Instance) keep(e record.Event) {
	if i.FirstSeen == 0 || e.At < i.FirstSeen {
		i.FirstSeen = e.At
	}
	if _, ok := i.first[e.Kind()]; !ok {
		i.first[e.Kind()] = e.At
	}
	i.Events = append(i.Events, e)
}

// assignWorkload ties i to the workload that its events name, or, if they name
// none, to the one that the name of its pod begins with.
func (i *Instance) assignWorkload(workloads []plan.Workload) {
	var w *plan.Workload
	if n := slices.IndexFunc(workloads, func(w plan.Workload) bool { return w.Name == i.Workload }); n >= 0 {
		w = &workloads[n]
	} else if i.Workload == "" {
		w = longestPrefix(i.ID.Pod, workloads)
	}
	if w != nil {
		i.Declared, i.Workload, i.Service, i.Tag, i.External = w, w.Name, w.Service, w.Tag, w.External
	}
}

// First is the earliest of the first events of the given kinds; 0 if there is
// none.
func (i *Instance) First(kinds ...record.Kind) record.Micros {
	var t record.Micros
	for _, k := range kinds {
		t = Earlier(t, i.first[k])
	}
	return t
}

// ServingAt reports whether clients could be sent to i at t: it was registered,
// or, in an external workload, ready.
func (i *Instance) ServingAt(t record.Micros) bool {
	in, out := i.first[record.KindRegistered], i.First(record.KindDeregistered, record.KindRegistryChange, record.KindContainerExited, record.KindKillSent)
	if i.External {
		in, out = i.first[record.KindPodReady], i.First(record.KindPodDeleted, record.KindContainerExited, record.KindKillSent)
	}
	return in != 0 && in <= t && (out == 0 || t < out)
}

// LeavingSince is when i began to leave; 0 if it stayed.
func (i *Instance) LeavingSince() record.Micros {
	return i.First(record.KindPodDeleted, record.KindOffline, record.KindDeregistered, record.KindKillSent, record.KindContainerExited)
}

// LongestStall is the longest time without CPU of i that overlaps from..to; 0
// if there is none. A nil instance has none.
func (i *Instance) LongestStall(from, to record.Micros) (longest time.Duration) {
	if i == nil {
		return 0
	}
	for _, e := range i.Events {
		if s, ok := e.Payload.(record.Stalled); ok && s.Since <= to && e.At >= from {
			longest = max(longest, e.At.Sub(s.Since))
		}
	}
	return longest
}

// TakesPushes reports whether i, as a consumer, applies the registry's pushes
// as they come; one that caches is stale by its own settings.
func (i *Instance) TakesPushes() bool {
	if i == nil || i.Declared == nil {
		return false
	}
	cache := i.Declared.Settings.Consumer.Cache
	return cache == "" || cache == "push"
}

// ReachableFrom reports whether requests of an arm can reach i.
func (i *Instance) ReachableFrom(a plan.Arm) bool {
	if len(a.Workloads) > 0 {
		return slices.Contains(a.Workloads, i.Workload)
	}
	return a.Tag == i.Tag
}
