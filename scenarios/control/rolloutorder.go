package control

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"zeroloss/loadgen/record"
)

// minOrderGap is the time that two changes of a rollout must be apart, in the
// cluster or in the model, to be in an order.
const minOrderGap = 500 * time.Millisecond

// podChange is the creation or deletion of a pod.
type podChange struct {
	at   time.Duration
	kind record.Kind
	pod  record.Instance
}

// rolloutDifferences compares the order of creations and deletions in
// rollouts: times alone do not distinguish "one by one" from "all at once" if
// pods become ready within the cluster's latency.
func (d *modelCheck) rolloutDifferences() []Difference {
	var out []Difference
	for _, w := range d.plane.workloads {
		since := d.observed.rollouts[w.spec.Name]
		if len(since) == 0 {
			continue
		}
		kubernetes, model := d.podChanges(d.observed.times, w, since[0]), d.podChanges(d.modelled, w, since[0])
		for i := range min(len(kubernetes), len(model)) {
			if kubernetes[i].kind == model[i].kind {
				continue
			}
			j, k := nextOfKind(kubernetes, i, model[i].kind), nextOfKind(model, i, kubernetes[i].kind)
			if j < 0 || k < 0 {
				break // the difference in numbers is reported elsewhere
			}
			if max(kubernetes[j].at-kubernetes[i].at, model[k].at-model[i].at) > minOrderGap {
				out = append(out, Difference{
					At: kubernetes[i].at, Workload: w.spec.Name, Pod: kubernetes[i].pod, Rule: "order in a rollout: rollout.go",
					Kubernetes: fmt.Sprintf("%s before %s", modelRules[kubernetes[i].kind].what, modelRules[model[i].kind].what),
					Model:      fmt.Sprintf("%s %s earlier", modelRules[model[i].kind].what, seconds(model[k].at-model[i].at)),
				})
				break
			}
			model[i], model[k] = model[k], model[i]
		}
	}
	return out
}

// podChanges are the creations and deletions of a workload's pods since a
// time, in order.
func (d *modelCheck) podChanges(h decisionTimes, w *deployment, since time.Duration) []podChange {
	var out []podChange
	for m, times := range h {
		if m.kind != record.KindPodCreated && m.kind != record.KindPodDeleted || d.workloadOf(m.pod) != w.spec.Name {
			continue
		}
		for _, at := range times {
			if at >= since && at < d.end {
				out = append(out, podChange{at, m.kind, m.pod})
			}
		}
	}
	slices.SortFunc(out, func(a, b podChange) int {
		// At the same time, deletions come first, as in the model: they make
		// room for creations.
		return cmp.Or(cmp.Compare(a.at, b.at), -cmp.Compare(a.kind, b.kind), cmp.Compare(a.pod.String(), b.pod.String()))
	})
	return out
}

// nextOfKind is the index of the first change of a kind after i; -1 if there
// is none.
func nextOfKind(all []podChange, i int, kind record.Kind) int {
	for j := i + 1; j < len(all); j++ {
		if all[j].kind == kind {
			return j
		}
	}
	return -1
}
