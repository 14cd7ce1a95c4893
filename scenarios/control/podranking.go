package control

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// podRanking is the order in which a scale-in deletes pods, as in Kubernetes
// 1.34 (pkg/controller/controller_utils.go, ActivePodsWithRanks.Less, and
// pkg/controller/replicaset, getPodsRankedByRelatedPodsOnSameNode):
//
//  1. not scheduled yet
//  2. pending: no container of it has run
//  3. not ready
//  4. lower controller.kubernetes.io/pod-deletion-cost
//  5. more pods of its Deployment on its node
//  6. ready for a shorter time
//  7. restarted more often
//  8. created later
//
// In 6 and 8 only the power of two of the age counts (LogarithmicScaleDown):
// between pods that have been ready for 10 s and for 15 s the UID decides,
// which is chance. Times are in whole seconds; times in the same second are
// equal.
type podRanking struct {
	now           time.Duration
	startInSecond time.Duration  // fraction of a wall clock second at which the run began
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

// deletionOrder is pods in the order in which a scale-in deletes them.
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

// compareReadySince orders pods by the time when they became ready, the
// latest first; pods that are not ready are equal.
func (r podRanking) compareReadySince(a, b *pod) int {
	if !a.ready || !b.ready {
		return 0
	}
	return r.compareAge(a, b, a.readySince, b.readySince)
}

// compareAge orders the younger pod first if the ages differ by a power of
// two; else the UID decides. Times in the same second are equal.
func (r podRanking) compareAge(a, b *pod, atA, atB time.Duration) int {
	atA, atB = r.wholeSeconds(atA), r.wholeSeconds(atB)
	if atA == atB {
		return 0
	}
	return cmp.Or(cmp.Compare(logRank(r.now-atA), logRank(r.now-atB)), cmp.Compare(a.uid, b.uid))
}

// wholeSeconds is t as Kubernetes stores it: in whole seconds of the wall
// clock.
func (r podRanking) wholeSeconds(t time.Duration) time.Duration {
	return (t + r.startInSecond).Truncate(time.Second) - r.startInSecond
}

// logRank is the rank of an age in Kubernetes' logarithmicRankDiff.
func logRank(age time.Duration) int {
	if age <= 0 {
		return -1
	}
	return int(math.Log2(float64(age)))
}

// boolCompare orders false first.
func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// recordedDecisions replaces decisions of a SimulatedControlPlane by those
// that Kubernetes took, for [Compare].
type recordedDecisions interface {
	nextPodName(workload string) string
	applyRecorded(d *pod)
	podsToDelete(w *deployment, pods, own []*pod) []*pod
	podToKill(w *deployment, up []*pod) *pod
}

// selectForDeletion selects n of pods for a scale-in.
func (w *deployment) selectForDeletion(p *SimulatedControlPlane, pods []*pod, n int) []*pod {
	return w.recordedOr(p, pods, w.deletionOrder(p, pods)[:n])
}

// recordedOr is the recorded choice among pods, if there is one, else own.
func (w *deployment) recordedOr(p *SimulatedControlPlane, pods, own []*pod) []*pod {
	if p.recorded == nil || len(own) == 0 {
		return own
	}
	return p.recorded.podsToDelete(w, pods, own)
}
