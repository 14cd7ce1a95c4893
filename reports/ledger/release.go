package ledger

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/plan"
)

// Why an instance was taken out.
const (
	scaleIn = "scale-in"
	rollout = "rollout"
	drained = "drain" // of its node
	killed  = "kill"
	crashed = "crash"
)

// release is one instance taken out.
type release struct {
	*life
	begin   record.Micros // its deletion, its own first word of going if that came earlier, or its death
	planned bool
	why     string
	offline record.Micros // told to go
	dereg   record.Micros // registered no more: by its own word, else by the registry's
	closed  record.Micros // refuses connections
	exited  record.Micros
	rejects bool                              // it answers 503 once it is deregistered
	heard   map[record.Instance]record.Micros // consumers, when each dropped it
	arms    []int                             // whose requests can reach it
	rates   map[contact]int                   // attempts at its service and version in the window before begin
	window  record.Micros                     // where that window starts
	lost    map[string]int                    // by arm
}

// contact is one consumer's traffic of one arm.
type contact struct {
	caller record.Instance // zero: the client
	arm    int
}

// rateWindow is over how long before a release its consumers' rates are
// measured: long enough for ±1 request to be little.
const rateWindow = 2 * time.Second

// findReleases finds who was taken out between time zero and the load's end.
func (w *world) findReleases(p *plan.Plan) {
	for _, l := range w.order {
		if !l.known {
			continue
		}
		r := newRelease(l)
		if r == nil || r.begin < w.zero || r.begin >= w.end {
			continue
		}
		if r.planned {
			r.why = w.whyDeleted(p, l.workload, l.when[record.KindPodDeleted])
		}
		r.rejects = slices.ContainsFunc(p.Workloads, func(wl plan.Workload) bool {
			return wl.Name == l.workload && wl.Settings.Offline.Mode == "reject"
		})
		for i, a := range p.Arms {
			if reaches(a, l) {
				r.arms = append(r.arms, i)
			}
		}
		r.window = max(w.zero, r.begin.Add(-rateWindow))
		w.hear(r)
		l.release = r
		w.releases = append(w.releases, r)
	}
	slices.SortStableFunc(w.releases, func(a, b *release) int { return cmp.Compare(a.begin, b.begin) })
	for _, l := range w.order {
		for _, r := range w.releases {
			if l.known && l.service == r.service && l.tag == r.tag {
				l.near = append(l.near, r)
			}
		}
	}
}

// newRelease is l's going, nil if it did not go.
func newRelease(l *life) *release {
	deleted := l.when[record.KindPodDeleted]
	died := l.since(record.KindKillSent, record.KindContainerExited)
	r := &release{
		life: l, begin: deleted, planned: true,
		offline: l.since(record.KindOffline, record.KindClosing),
		dereg:   cmp.Or(l.when[record.KindDeregistered], l.when[record.KindRegistryChange]),
		closed:  l.since(record.KindListenerClosed, record.KindKillSent, record.KindContainerExited),
		exited:  died,
		lost:    map[string]int{}, rates: map[contact]int{},
	}
	if going := l.since(record.KindOffline, record.KindClosing, record.KindTermReceived); going != 0 {
		// A cluster's word of a deletion comes by a watch, which may lag by
		// some 100 ms behind what the instance did on it.
		r.begin = min(deleted, going)
	}
	if deleted == 0 || died != 0 && died < r.begin {
		r.begin, r.planned, r.why = died, false, crashed
		if k := l.when[record.KindKillSent]; k != 0 && k <= died {
			r.why = killed
		}
	}
	if r.begin == 0 {
		return nil
	}
	return r
}

// reaches reports whether an arm's requests can come to l.
func reaches(a plan.Arm, l *life) bool {
	if len(a.Workloads) > 0 {
		return slices.Contains(a.Workloads, l.workload)
	}
	return a.Tag == l.tag
}

// whyDeleted tells a rollout's deletion from a scale-in's: by what was last
// asked of the workload.
func (w *world) whyDeleted(p *plan.Plan, workload string, at record.Micros) string {
	why := scaleIn
	for _, e := range w.events {
		if e.At > at {
			break
		}
		if e.Kind == record.KindNodeCordoned && slices.Contains(p.DrainedWorkloads(), workload) {
			why = drained
		}
		if e.Workload != workload {
			continue
		}
		switch {
		case e.Kind == record.KindRolloutSeen:
			why = rollout
		case e.Kind == record.KindScaled:
			why = scaleIn
		case e.Kind == record.KindStep && slices.ContainsFunc(p.Steps, func(s plan.Step) bool {
			return s.Name == e.Text && rollsOut(s.Action)
		}):
			why = rollout
		}
	}
	return why
}

// rollsOut reports whether an action replaces pods by the workload's strategy.
func rollsOut(a plan.Action) bool {
	switch a.(type) {
	case plan.RolloutRestart, plan.SetImage, plan.ResumeRollout:
		return true
	case plan.Scale, plan.RestoreReplicas, plan.PauseRollout, plan.KillPods, plan.DrainNode, plan.ApplyRules:
	}
	return false
}

// hear finds when each consumer dropped r: when its list first lacked it, or
// when it was marked, whichever came first.
func (w *world) hear(r *release) {
	r.heard = map[record.Instance]record.Micros{}
	var addrs []string
	for a, ls := range w.byAddr {
		if slices.Contains(ls, r.life) {
			addrs = append(addrs, a)
		}
	}
	for _, c := range w.order {
		if c == r.life {
			continue
		}
		at := c.dropped(r, addrs)
		for _, m := range c.marks {
			if m.At >= r.begin && names(m.Peer, r, addrs) && (at == 0 || m.At < at) {
				at = m.At
			}
		}
		if at != 0 {
			r.heard[c.instance] = at
		}
	}
	w.hearByPush(r)
}

// dropped is when c's list of r's service first lacked r, having had it.
func (c *life) dropped(r *release, addrs []string) record.Micros {
	had := false
	for _, v := range c.lists {
		switch {
		case v.service != r.service:
		case v.has(r.life, addrs):
			had = true
		case had && v.at >= r.begin:
			return v.at
		}
	}
	return 0
}

// names reports whether peer is r: as pod/incarnation, with a start time
// behind it, or as an address.
func names(peer string, r *release, addrs []string) bool {
	id := r.instance.String()
	return peer == id || strings.HasPrefix(peer, id+"/") || slices.Contains(addrs, peer)
}

// hearByPush falls back on the registry's word where no consumer told of its
// lists: all subscribers have heard when the last has acknowledged.
func (w *world) hearByPush(r *release) {
	if len(r.heard) > 0 || r.dereg == 0 {
		return
	}
	for _, c := range w.order {
		if len(c.lists) > 0 {
			return
		}
	}
	for _, p := range w.pushes {
		if p.Service == r.service && p.Since >= r.dereg.Add(-time.Second) && p.Since <= r.dereg.Add(time.Second) {
			r.heard[record.Instance{}] = max(r.heard[record.Instance{}], p.At)
		}
	}
}

// heardBy is when caller dropped r; 0 if it never did.
func (r *release) heardBy(caller record.Instance) record.Micros {
	if at := r.heard[caller]; at != 0 {
		return at
	}
	return r.heard[record.Instance{}]
}

// lastHeard is when the last consumer dropped r; 0 if none did.
func (r *release) lastHeard() (t record.Micros) {
	for _, at := range r.heard {
		t = max(t, at)
	}
	return t
}

// addressed counts towards the rate of r's consumers.
func (r *release) addressed(caller record.Instance, arm int, at record.Micros) {
	if arm >= 0 && at >= r.window && at < r.begin {
		r.rates[contact{caller, arm}]++
	}
}

func (r *release) lose(arm string) { r.lost[arm]++ }

// gone is when nothing can be served any more: the listener is closed, or
// everything is rejected.
func (r *release) gone() record.Micros {
	if r.rejects && r.dereg != 0 && (r.closed == 0 || r.dereg < r.closed) {
		return r.dereg
	}
	return r.closed
}
