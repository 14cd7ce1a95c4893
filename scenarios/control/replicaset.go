package control

import (
	"cmp"
	"slices"

	"zeroloss/loadgen/record"
)

// workload is a Deployment: its replica sets are the pods of each revision.
type workload struct {
	spec     Workload
	replicas int
	revision int
	born     int
	rule     int    // version of the rules in force
	pods     []*pod // by age; those that are going among them
}

// scale sets the wanted number of pods.
func (w *workload) scale(p *Plane, n int) {
	w.replicas = max(0, n)
	p.note(record.Event{Kind: record.Scaled, Workload: w.spec.Name, N: int64(w.replicas)})
}

// setRule tells all pods of newer rules; those that come later start with them.
func (w *workload) setRule(p *Plane, version int) {
	w.rule = max(w.rule, version)
	for _, d := range w.pods {
		d.tellRule(p)
	}
}

func (w *workload) create(p *Plane) {
	w.born++
	d := &pod{w: w, name: p.names.next(w.spec.Name), born: w.born, revision: w.revision}
	w.pods = append(w.pods, d)
	p.note(record.Event{
		Kind: record.PodCreated, Workload: w.spec.Name,
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
	now, old := w.split()
	if len(old) > 0 || w.recreating() {
		w.roll(p, now, old)
		return
	}
	for n := len(now); n < w.replicas; n++ {
		w.create(p)
	}
	if surplus := len(now) - w.replicas; surplus > 0 {
		for _, d := range victims(now)[:surplus] {
			d.delete(p)
		}
	}
}

// victims is pods in the order in which a scale-in takes them: not ready
// first, then the lower deletion cost, then ready for the shortest time, then
// the newest, then by name.
func victims(pods []*pod) []*pod {
	out := slices.Clone(pods)
	slices.SortFunc(out, func(a, b *pod) int {
		return cmp.Or(
			boolCompare(a.ready, b.ready),
			cmp.Compare(a.w.spec.DeletionCost, b.w.spec.DeletionCost),
			readyCompare(a, b),
			cmp.Compare(b.born, a.born),
			cmp.Compare(a.name, b.name),
		)
	})
	return out
}

// boolCompare puts false first.
func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// readyCompare puts the one that became ready last first; between pods that
// are not ready it does not decide.
func readyCompare(a, b *pod) int {
	if !a.ready || !b.ready {
		return 0
	}
	return cmp.Compare(b.readySince, a.readySince)
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
	order := victims(up)
	i := slices.IndexFunc(order, func(d *pod) bool { return d.ready })
	order[max(i, 0)].crash(p, evict)
}

func (w *workload) next(p *Plane, dl *deadline) {
	for _, d := range w.pods {
		d.next(p, dl)
	}
	if !p.down {
		w.nextAvailable(p, dl)
	}
}
