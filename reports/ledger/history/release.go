package history

import (
	"cmp"
	"slices"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/plan"
)

// Reason is why an instance was taken out.
type Reason string

// Reasons.
const (
	ScaleIn Reason = "scale-in"
	Rollout Reason = "rollout"
	Drain   Reason = "drain" // of its node
	Kill    Reason = "kill"
	Crashed Reason = "crash"
)

// Release is one instance that was taken out under load. Instants that did not
// come are 0. Its fields are for reading.
type Release struct {
	Instance     *Instance
	Began        record.Micros // its deletion, its own first sign of leaving if that came earlier, or its death
	Planned      bool          // false: it was killed or crashed
	Reason       Reason
	Offline      record.Micros // begins to leave
	Deregistered record.Micros // by its own account, else by the registry's
	Closed       record.Micros // refuses connections from here on
	Exited       record.Micros
	Arms         []int // of the plan, whose requests can reach it

	rejects bool                              // it answers 503 once it is deregistered
	heardAt map[record.Instance]record.Micros // when each consumer dropped it
}

// findReleases finds the instances that were taken out under load.
func (h *History) findReleases(events []record.Event) {
	for _, i := range h.Instances {
		if i.Declared == nil {
			continue
		}
		r := newRelease(i)
		if r == nil || !h.UnderLoad(r.Began) {
			continue
		}
		if r.Planned {
			r.Reason = deletionReason(h.Plan, events, i.Workload, i.first[record.KindPodDeleted])
		}
		for n, a := range h.Plan.Arms {
			if i.ReachableFrom(a) {
				r.Arms = append(r.Arms, n)
			}
		}
		i.Release = r
		h.Releases = append(h.Releases, r)
	}
	slices.SortStableFunc(h.Releases, func(a, b *Release) int { return cmp.Compare(a.Began, b.Began) })
	for _, r := range h.Releases {
		h.findHeard(r)
	}
}

// newRelease is how i was taken out, nil if it stayed.
func newRelease(i *Instance) *Release {
	deleted := i.first[record.KindPodDeleted]
	died := i.First(record.KindKillSent, record.KindContainerExited)
	r := &Release{
		Instance: i, Began: deleted, Planned: true,
		Offline:      i.First(record.KindOffline, record.KindClosing),
		Deregistered: cmp.Or(i.first[record.KindDeregistered], i.first[record.KindRegistryChange]),
		Closed:       i.First(record.KindListenerClosed, record.KindKillSent, record.KindContainerExited),
		Exited:       died,
		rejects:      i.Declared.Settings.Offline.Mode == "reject",
	}
	if leaving := i.First(record.KindOffline, record.KindClosing, record.KindTermReceived); leaving != 0 {
		// The deletion is learned from a watch, which may lag by some 100 ms
		// behind what the instance did because of it.
		r.Began = min(deleted, leaving)
	}
	if deleted == 0 || died != 0 && died < r.Began {
		r.Began, r.Planned, r.Reason = died, false, Crashed
		if k := i.first[record.KindKillSent]; k != 0 && k <= died {
			r.Reason = Kill
		}
	}
	if r.Began == 0 {
		return nil
	}
	return r
}

// deletionReason distinguishes a rollout, a drain and a scale-in by the last
// change to the workload before one of its instances was deleted.
func deletionReason(p *plan.Plan, events []record.Event, workload string, deleted record.Micros) Reason {
	reason := ScaleIn
	for _, e := range events {
		if e.At > deleted {
			break
		}
		if e.Kind() == record.KindNodeCordoned && slices.Contains(p.DrainedWorkloads(), workload) {
			reason = Drain
		}
		if e.Workload != workload {
			continue
		}
		switch step := e.Payload.(type) {
		case record.RolloutSeen:
			reason = Rollout
		case record.Scaled:
			reason = ScaleIn
		case record.Step:
			if slices.ContainsFunc(p.Steps, func(s plan.Step) bool { return s.Name == step.Name && startsRollout(s.Action) }) {
				reason = Rollout
			}
		default: // not the start of a release
		}
	}
	return reason
}

// startsRollout reports whether an action replaces the instances of its
// workload.
func startsRollout(a plan.Action) bool {
	switch a.(type) {
	case plan.RolloutRestart, plan.SetImage, plan.ResumeRollout:
		return true
	case plan.Scale, plan.RestoreReplicas, plan.PauseRollout, plan.KillPods, plan.DrainNode, plan.ApplyRules:
	}
	return false
}

// findHeard finds when each consumer dropped r's instance: when its list first
// lacked it, or when it began to avoid it, whichever came first.
func (h *History) findHeard(r *Release) {
	r.heardAt = map[record.Instance]record.Micros{}
	for _, c := range h.Instances {
		if c == r.Instance {
			continue
		}
		at := c.dropped(r)
		for _, m := range c.marks {
			if m.at >= r.Began && m.instance == r.Instance.ID && (at == 0 || m.at < at) {
				at = m.at
			}
		}
		if at != 0 {
			r.heardAt[c.ID] = at
		}
	}
	h.findHeardByPush(r)
}

// dropped is when the consumer's list first lacked r's instance after having
// had it; 0 if it never did.
func (i *Instance) dropped(r *Release) record.Micros {
	had := false
	for _, l := range i.HostLists {
		switch {
		case l.Service != r.Instance.Service:
		case l.Shows(r.Instance):
			had = true
		case had && l.At >= r.Began:
			return l.At
		}
	}
	return 0
}

// findHeardByPush falls back on the registry's pushes if no consumer reports
// its lists: all subscribers have heard when the last has acknowledged.
func (h *History) findHeardByPush(r *Release) {
	if len(r.heardAt) > 0 || r.Deregistered == 0 {
		return
	}
	if slices.ContainsFunc(h.Instances, func(i *Instance) bool { return len(i.HostLists) > 0 }) {
		return
	}
	for _, p := range h.Pushes {
		if p.Service == r.Instance.Service && Near(p.FirstChange, r.Deregistered, time.Second) {
			r.heardAt[record.Instance{}] = max(r.heardAt[record.Instance{}], p.At)
		}
	}
}

// HeardAt is when a consumer dropped the instance; 0 if it never did.
func (r *Release) HeardAt(consumer record.Instance) record.Micros {
	if at := r.heardAt[consumer]; at != 0 {
		return at
	}
	return r.heardAt[record.Instance{}]
}

// LastHeardAt is when the last consumer dropped the instance; 0 if none did.
func (r *Release) LastHeardAt() (t record.Micros) {
	for _, at := range r.heardAt {
		t = max(t, at)
	}
	return t
}

// LastToHear is the consumer that dropped the instance last, the first by name
// of several; the zero instance if none did.
func (r *Release) LastToHear() (last record.Instance) {
	for consumer, at := range r.heardAt {
		if at == r.LastHeardAt() && (last == (record.Instance{}) || consumer.String() < last.String()) {
			last = consumer
		}
	}
	return last
}

// StoppedServing is when the instance could not serve any more: its listener
// was closed, or it rejected everything. 0: it never stopped.
func (r *Release) StoppedServing() record.Micros {
	if r.rejects && r.Deregistered != 0 && (r.Closed == 0 || r.Deregistered < r.Closed) {
		return r.Deregistered
	}
	return r.Closed
}

// Near reports whether t is within d of one of the release's instants.
func (r *Release) Near(t record.Micros, d time.Duration) bool {
	for _, at := range []record.Micros{r.Began, r.Offline, r.Deregistered, r.Closed, r.Exited, r.LastHeardAt()} {
		if Near(t, at, d) {
			return true
		}
	}
	return false
}

// Unlisted is when an external instance left the Service's endpoints for good,
// and when it left the registry's list; 0 if it did not. An instance that was
// not ready for a while had left the endpoints, and come back.
func (r *Release) Unlisted() (endpoints, registry record.Micros) {
	for _, e := range r.Instance.Events {
		switch e.Kind() {
		case record.KindEndpointAdded:
			endpoints = 0
		case record.KindEndpointRemoved:
			endpoints = e.At
		case record.KindRegistryChange: // a removal: additions name no instance
			registry = e.At
		default: // it concerns neither list
		}
	}
	return endpoints, registry
}
