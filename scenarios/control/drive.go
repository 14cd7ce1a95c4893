package control

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"zeroloss/loadgen/record"
)

// drive has a Plane live through what a cluster has shown.
type drive struct {
	plane *Plane
	seen  *sighting
	queue []TimedEvent // by time
	end   time.Duration
	did   history // the model's acts
	named map[string]string
	found []Difference // in the choice of victims
	gone  map[string]bool
}

// forever is longer than any run.
const forever = 1000 * time.Hour

func newDrive(cfg Config, s *sighting, o Observed) (*drive, error) {
	p, err := New(cfg)
	if err != nil {
		return nil, err
	}
	d := &drive{plane: p, seen: s, did: history{}, named: map[string]string{}, gone: map[string]bool{}}
	// A start that takes long is the cluster's affair, and no rule.
	p.witness, p.startWithin = d, forever
	p.second = time.Duration(o.Began%1e6) * time.Microsecond
	for _, in := range o.Inputs {
		switch in.Event.Kind {
		case PodSeen, ReadySeen, EndpointSeen, DeletionSeen, PodGone, Remark, Unwatched, Started, Exited: // what was seen
		case Tick, HookDone, Probed, Signaled, Acked, Ruled: // what came of orders
		case Shutdown:
			if d.end == 0 {
				d.end = in.At
			}
		default: // what was asked for
			d.put(in.At, in.Event)
		}
	}
	if d.end == 0 && len(o.Inputs) > 0 {
		d.end = o.Inputs[len(o.Inputs)-1].At
	}
	return d, nil
}

func (d *drive) put(at time.Duration, e Event) {
	i, _ := slices.BinarySearchFunc(d.queue, at, func(x TimedEvent, at time.Duration) int {
		if x.At <= at { // behind those of the same instant
			return -1
		}
		return 1
	})
	d.queue = slices.Insert(d.queue, i, TimedEvent{At: at, Event: e})
}

// run lives until the run's end.
func (d *drive) run() {
	for {
		next, ok := d.plane.Next()
		in := TimedEvent{At: next, Event: Event{Kind: Tick}}
		if len(d.queue) > 0 && (!ok || d.queue[0].At <= next) {
			in, ok = d.queue[0], true
			d.queue = d.queue[1:]
		}
		if !ok || in.At >= d.end {
			return
		}
		for _, a := range d.plane.Step(in.At, in.Event) {
			d.answer(d.plane.now, a)
		}
	}
}

// answer is what came of an action in the cluster.
func (d *drive) answer(now time.Duration, a Action) {
	e := Event{Op: a.Op, Pod: a.Pod}
	switch a.Kind {
	case Note:
		if a.Note.Kind != record.KindContainerStarted {
			d.did.add(now, *a.Note)
		}
	case Start:
		d.did.add(now, record.Event{Kind: record.KindContainerStarted, Instance: a.Pod})
		if at, ok := d.seen.first(record.KindContainerStarted, a.Pod); ok {
			e.Kind = Started
			d.put(max(now, at), e)
			d.exit(max(now, at), a.Pod)
		}
	case RunProbe:
		e.Kind, e.OK = Probed, d.seen.passes(a.Pod, a.Probe, now)
		if d.liveness(a) {
			e.OK = true // the cluster would have told of its failing by a restart
		}
		d.put(now, e)
	case RunHook:
		if at, ok := d.seen.hookEnds(a.Hook, a.Pod, now); ok {
			e.Kind = HookDone
			d.put(at, e)
		}
	}
}

// exit tells the end of an incarnation, if it was seen.
func (d *drive) exit(started time.Duration, i record.Instance) {
	if at, ok := d.seen.first(record.KindContainerExited, i); ok {
		d.put(max(started, at), d.seen.exits[i])
	}
}

// liveness: the question is one that only a failure answers.
func (d *drive) liveness(a Action) bool {
	w := d.plane.workload(a.Workload)
	return w != nil && a.Probe != w.spec.Readiness
}

// name is that of the next pod that Kubernetes created in a workload; "" if
// there is none.
func (d *drive) name(workload string) string {
	for _, pod := range d.seen.created[workload] {
		if !d.gone[pod] {
			d.gone[pod] = true
			return pod
		}
	}
	return ""
}

// dress gives a pod what Kubernetes has given it.
func (d *drive) dress(x *pod) {
	d.named[x.name] = x.w.spec.Name
	if seen, ok := d.seen.pods[x.name]; ok {
		x.uid, x.node = cmp.Or(seen.UID, x.name), seen.Node
	}
}

func (d *drive) workloadOf(i record.Instance) string {
	return cmp.Or(d.seen.workloadOf(i.Pod), d.named[i.Pod])
}

// taken is whom a scale-in takes: those whom Kubernetes took, where it took
// any. own is the model's choice among pods.
func (d *drive) taken(w *workload, pods, own []*pod) []*pod {
	var theirs []*pod
	for _, name := range d.seen.deleted {
		i := slices.IndexFunc(pods, func(x *pod) bool { return x.name == name })
		at, _ := d.seen.first(record.KindPodDeleted, record.Instance{Pod: name, Incarnation: incarnation(pods, i)})
		if i >= 0 && len(theirs) < len(own) && at <= d.plane.now+d.slack(record.KindPodDeleted, w, d.plane.now) {
			theirs = append(theirs, pods[i])
		}
	}
	if len(theirs) < len(own) {
		return own // the counts differ, which tells itself
	}
	for _, x := range theirs {
		if slices.Contains(own, x) {
			continue
		}
		for _, y := range own {
			if !slices.Contains(theirs, y) && d.surely(y, x) {
				d.found = append(d.found, Difference{
					At: d.plane.now, Workload: w.spec.Name, Pod: x.instance(), Rule: "whom a scale-in takes: victims.go",
					Kubernetes: "deleted " + d.describe(x), Model: "deletes " + d.describe(y),
				})
				break
			}
		}
	}
	return theirs
}

func incarnation(pods []*pod, i int) int {
	if i < 0 {
		return 0
	}
	return pods[i].incarnation
}

// surely: a goes before b whenever in the cluster's latency it was decided.
func (d *drive) surely(a, b *pod) bool {
	for _, t := range []time.Duration{-relistWithin, 0, relistWithin} {
		for _, shift := range []time.Duration{-relistWithin, 0, relistWithin} {
			r := a.w.ranking(d.plane)
			r.now += t
			x := *a
			x.readySince += shift
			if r.compare(&x, b) >= 0 {
				return false
			}
		}
	}
	return true
}

func (d *drive) describe(x *pod) string {
	s := x.name + " (not ready"
	if x.ready {
		s = fmt.Sprintf("%s (ready for %s", x.name, seconds(d.plane.now-x.readySince))
	}
	if x.node != "" {
		s += ", on " + x.node
	}
	return s + ")"
}

// killed is whom a step kills: the harness chose, not Kubernetes.
func (d *drive) killed(w *workload, up []*pod) *pod {
	names := d.seen.killed0[w.spec.Name]
	for k, name := range names {
		if i := slices.IndexFunc(up, func(x *pod) bool { return x.name == name }); i >= 0 {
			d.seen.killed0[w.spec.Name] = slices.Delete(slices.Clone(names), k, k+1)
			return up[i]
		}
	}
	return nil
}
