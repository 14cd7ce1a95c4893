package control

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// podRanking is the order in which a scale-in takes pods, as Kubernetes 1.34 has
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
type podRanking struct {
	now           time.Duration
	startInSecond time.Duration  // where in a second of the wall clock the plane's time began
	podsOnNode    map[string]int // active pods of the Deployment by node
}

func (w *deployment) ranking(p *SimulatedControlPlane) podRanking {
	r := podRanking{now: p.now, startInSecond: p.startInSecond, podsOnNode: map[string]int{}}
	for _, d := range w.pods {
		if d.active() {
			r.podsOnNode[d.node]++
		}
	}
	return r
}

// deletionOrder is pods in the order in which a scale-in takes them.
func (w *deployment) deletionOrder(p *SimulatedControlPlane, pods []*pod) []*pod {
	out := slices.Clone(pods)
	slices.SortFunc(out, w.ranking(p).compare)
	return out
}

func (r podRanking) compare(a, b *pod) int {
	return cmp.Or(
		boolCompare(a.node != "", b.node != ""),
		boolCompare(!a.pending(), !b.pending()),
		boolCompare(a.ready, b.ready),
		cmp.Compare(a.deployment.spec.DeletionCost, b.deployment.spec.DeletionCost),
		cmp.Compare(r.podsOnNode[b.node], r.podsOnNode[a.node]),
		r.compareReadySince(a, b),
		cmp.Compare(b.incarnation, a.incarnation),
		r.compareAge(a, b, a.createdAt, b.createdAt),
		cmp.Compare(a.name, b.name),
	)
}

// compareReadySince puts the one that became ready last first; between pods that are
// not ready it does not decide.
func (r podRanking) compareReadySince(a, b *pod) int {
	if !a.ready || !b.ready {
		return 0
	}
	return r.compareAge(a, b, a.readySince, b.readySince)
}

// compareAge puts the younger of two first, if it is so by a power of two; else the
// UID decides, but between instants of one second nothing does.
func (r podRanking) compareAge(a, b *pod, atA, atB time.Duration) int {
	atA, atB = r.wholeSeconds(atA), r.wholeSeconds(atB)
	if atA == atB {
		return 0
	}
	return cmp.Or(cmp.Compare(logRank(r.now-atA), logRank(r.now-atB)), cmp.Compare(a.uid, b.uid))
}

// wholeSeconds is t as Kubernetes writes it: in whole seconds of the wall clock.
func (r podRanking) wholeSeconds(t time.Duration) time.Duration {
	return (t + r.startInSecond).Truncate(time.Second) - r.startInSecond
}

// logRank is logarithmicRankDiff's rank of an age.
func logRank(age time.Duration) int {
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

// recordedDecisions is what a Plane is held against by [Compare]: it names and chooses
// as Kubernetes did.
type recordedDecisions interface {
	nextPodName(workload string) string
	applyRecorded(d *pod)
	podsToDelete(w *deployment, pods, own []*pod) []*pod
	podToKill(w *deployment, up []*pod) *pod
}

// selectForDeletion is the first n of pods that a scale-in takes.
func (w *deployment) selectForDeletion(p *SimulatedControlPlane, pods []*pod, n int) []*pod {
	return w.recordedOr(p, pods, w.deletionOrder(p, pods)[:n])
}

// recordedOr is own, the choice among pods, unless a witness saw another one.
func (w *deployment) recordedOr(p *SimulatedControlPlane, pods, own []*pod) []*pod {
	if p.recorded == nil || len(own) == 0 {
		return own
	}
	return p.recorded.podsToDelete(w, pods, own)
}
