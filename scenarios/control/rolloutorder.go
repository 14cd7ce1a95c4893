package control

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"zeroloss/loadgen/record"
)

// minOrderGap is how far apart two acts of a rollout have to be, in the cluster or
// in the model, for their order to be one.
const minOrderGap = 500 * time.Millisecond

// podChange is a pod's creation or deletion.
type podChange struct {
	at   time.Duration
	kind record.Kind
	pod  record.Instance
}

// rolloutDifferences holds the order of creations and deletions in rollouts against the
// model's: times alone would not tell "one by one" from "all at once", where
// pods get ready within the cluster's latency.
func (d *modelCheck) rolloutDifferences() []Difference {
	var out []Difference
	for _, w := range d.plane.workloads {
		since := d.observed.rollouts[w.spec.Name]
		if len(since) == 0 {
			continue
		}
		theirs, ours := d.podChanges(d.observed.times, w, since[0]), d.podChanges(d.modelled, w, since[0])
		for i := range min(len(theirs), len(ours)) {
			if theirs[i].kind == ours[i].kind {
				continue
			}
			j, k := nextOfKind(theirs, i, ours[i].kind), nextOfKind(ours, i, theirs[i].kind)
			if j < 0 || k < 0 {
				break // the counts differ, which tells itself
			}
			if max(theirs[j].at-theirs[i].at, ours[k].at-ours[i].at) > minOrderGap {
				out = append(out, Difference{
					At: theirs[i].at, Workload: w.spec.Name, Pod: theirs[i].pod, Rule: "order in a rollout: rollout.go",
					Kubernetes: fmt.Sprintf("%s before %s", modelRules[theirs[i].kind].what, modelRules[ours[i].kind].what),
					Model:      fmt.Sprintf("%s %s earlier", modelRules[ours[i].kind].what, seconds(ours[k].at-ours[i].at)),
				})
				break
			}
			ours[i], ours[k] = ours[k], ours[i]
		}
	}
	return out
}

// podChanges are a workload's creations and deletions since, by time.
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
		// What comes at one instant comes as the model orders it: a deletion
		// makes room for a creation.
		return cmp.Or(cmp.Compare(a.at, b.at), -cmp.Compare(a.kind, b.kind), cmp.Compare(a.pod.String(), b.pod.String()))
	})
	return out
}

// nextOfKind is the first of kind behind i; -1: there is none.
func nextOfKind(all []podChange, i int, kind record.Kind) int {
	for j := i + 1; j < len(all); j++ {
		if all[j].kind == kind {
			return j
		}
	}
	return -1
}
