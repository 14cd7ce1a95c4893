package control

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// ranking is the order in which a scale-in takes pods, as Kubernetes 1.34 has
// it (pkg/controller/controller_utils.go, ActivePodsWithRanks.Less, and
// pkg/controller/replicaset, getPodsRankedByRelatedPodsOnSameNode):
//
//  1. no node has taken it yet
//  2. pending: no container of it has run
//  3. not ready
//  4. the lower controller.kubernetes.io/pod-deletion-cost
//  5. more pods of its Deployment beside it on its node
//  6. ready for less time
//  7. restarted more often
//  8. created later
//
// Of 6 and 8 only the power of two of the age counts (LogarithmicScaleDown):
// between pods that were ready for 10 s and for 15 s the UID decides, which is
// chance. Times are written in whole seconds, and those of one second are
// equal.
type ranking struct {
	now    time.Duration
	second time.Duration  // where in a second of the wall clock the plane's time began
	beside map[string]int // active pods of the Deployment by node
}

func (w *workload) ranking(p *Plane) ranking {
	r := ranking{now: p.now, second: p.second, beside: map[string]int{}}
	for _, d := range w.pods {
		if d.active() {
			r.beside[d.node]++
		}
	}
	return r
}

// victims is pods in the order in which a scale-in takes them.
func (w *workload) victims(p *Plane, pods []*pod) []*pod {
	out := slices.Clone(pods)
	slices.SortFunc(out, w.ranking(p).compare)
	return out
}

func (r ranking) compare(a, b *pod) int {
	return cmp.Or(
		boolCompare(a.node != "", b.node != ""),
		boolCompare(!a.pending(), !b.pending()),
		boolCompare(a.ready, b.ready),
		cmp.Compare(a.w.spec.DeletionCost, b.w.spec.DeletionCost),
		cmp.Compare(r.beside[b.node], r.beside[a.node]),
		r.readiness(a, b),
		cmp.Compare(b.incarnation, a.incarnation),
		r.age(a, b, a.createdAt, b.createdAt),
		cmp.Compare(a.name, b.name),
	)
}

// readiness puts the one that became ready last first; between pods that are
// not ready it does not decide.
func (r ranking) readiness(a, b *pod) int {
	if !a.ready || !b.ready {
		return 0
	}
	return r.age(a, b, a.readySince, b.readySince)
}

// age puts the younger of two first, if it is so by a power of two; else the
// UID decides, but between instants of one second nothing does.
func (r ranking) age(a, b *pod, atA, atB time.Duration) int {
	atA, atB = r.whole(atA), r.whole(atB)
	if atA == atB {
		return 0
	}
	return cmp.Or(cmp.Compare(magnitude(r.now-atA), magnitude(r.now-atB)), cmp.Compare(a.uid, b.uid))
}

// whole is t as Kubernetes writes it: in whole seconds of the wall clock.
func (r ranking) whole(t time.Duration) time.Duration {
	return (t + r.second).Truncate(time.Second) - r.second
}

// magnitude is logarithmicRankDiff's rank of an age.
func magnitude(age time.Duration) int {
	if age <= 0 {
		return -1
	}
	return int(math.Log2(float64(age)))
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

// witness is what a Plane is held against by [Compare]: it names and chooses
// as Kubernetes did.
type witness interface {
	name(workload string) string
	dress(d *pod)
	taken(w *workload, pods, own []*pod) []*pod
	killed(w *workload, up []*pod) *pod
}

// take is the first n of pods that a scale-in takes.
func (w *workload) take(p *Plane, pods []*pod, n int) []*pod {
	return w.chosen(p, pods, w.victims(p, pods)[:n])
}

// chosen is own, the choice among pods, unless a witness saw another one.
func (w *workload) chosen(p *Plane, pods, own []*pod) []*pod {
	if p.witness == nil || len(own) == 0 {
		return own
	}
	return p.witness.taken(w, pods, own)
}
