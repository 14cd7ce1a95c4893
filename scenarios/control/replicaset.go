package control

import (
	"cmp"
	"slices"

	"zeroloss/loadgen/record"
)

// workload is a Deployment: its replica sets are the pods of each revision.
type workload struct {
	spec      Workload
	replicas  int
	wanted    template
	revisions []template // by the time when each was first rolled out
	revision  int        // the one that is rolled out, of revisions
	paused    bool
	held      held   // while paused
	rule      int    // version of the rules in force
	pods      []*pod // by age; those that are going among them
}

// template is what pods are made of, as far as a change of it is a rollout. One
// that comes again is the revision that it was: what is left of it stays.
type template struct {
	image    string
	restarts int
}

func newWorkload(w Workload) *workload {
	t := template{image: w.Image}
	return &workload{spec: w, replicas: w.Replicas, wanted: t, revisions: []template{t}}
}

// revise makes the wanted template the revision that is rolled out.
func (w *workload) revise() {
	if w.revision = slices.Index(w.revisions, w.wanted); w.revision < 0 {
		w.revision = len(w.revisions)
		w.revisions = append(w.revisions, w.wanted)
	}
}

// scale sets the wanted number of pods.
func (w *workload) scale(p *Plane, n int) {
	w.replicas = max(0, n)
	p.note(record.Event{Kind: record.KindScaled, Workload: w.spec.Name, N: int64(w.replicas)})
}

// setRule tells all pods of newer rules; those that come later start with them.
func (w *workload) setRule(p *Plane, version int) {
	w.rule = max(w.rule, version)
	for _, d := range w.pods {
		d.tellRule(p)
	}
}

func (w *workload) create(p *Plane) { w.createOf(p, w.revision) }

func (w *workload) createOf(p *Plane, revision int) {
	d := &pod{w: w, createdAt: p.now, revision: revision}
	d.name = p.name(w.spec.Name)
	d.uid = d.name
	if p.witness != nil {
		p.witness.dress(d)
	}
	w.pods = append(w.pods, d)
	p.note(record.Event{
		Kind: record.KindPodCreated, Workload: w.spec.Name,
		Instance: record.Instance{Pod: d.name, Incarnation: 1},
	})
	d.start(p)
}

func (w *workload) remove(d *pod) {
	w.pods = slices.DeleteFunc(w.pods, func(x *pod) bool { return x == d })
}

// split is the active pods of this revision, and of earlier ones.
func (w *workload) split() (now, old []*pod) {
	for _, d := range w.pods {
		switch {
		case !d.active():
		case d.revision == w.revision:
			now = append(now, d)
		default:
			old = append(old, d)
		}
	}
	return now, old
}

// reconcile takes one look at the pods and orders what is missing to the
// wanted state.
func (w *workload) reconcile(p *Plane) {
	if w.paused {
		w.keep(p)
		return
	}
	w.revise()
	now, old := w.split()
	if len(old) > 0 || w.recreating() {
		w.roll(p, now, old)
		return
	}
	for n := len(now); n < w.replicas; n++ {
		w.create(p)
	}
	if surplus := len(now) - w.replicas; surplus > 0 {
		for _, d := range w.take(p, now, surplus) {
			d.delete(p)
		}
	}
}

// kill takes one running pod, as a scale-in would choose it among those that
// are ready: one that is not would show nothing.
func (w *workload) kill(p *Plane, evict bool) {
	var up []*pod
	for _, d := range w.pods {
		if d.active() && d.phase == running && d.stop == nil {
			up = append(up, d)
		}
	}
	if len(up) == 0 {
		return
	}
	order := w.victims(p, up)
	victim := order[max(slices.IndexFunc(order, func(d *pod) bool { return d.ready }), 0)]
	if p.witness != nil {
		victim = cmp.Or(p.witness.killed(w, up), victim)
	}
	victim.crash(p, evict)
}

func (w *workload) next(p *Plane, dl *deadline) {
	for _, d := range w.pods {
		d.next(p, dl)
	}
	if !p.down {
		w.nextAvailable(p, dl)
	}
}
