package control

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// As kubernetes v1.34 has it: pkg/controller/controller_utils.go,
// ActivePodsWithRanks.Less, and pkg/controller/replicaset/replica_set.go,
// getPodsRankedByRelatedPodsOnSameNode. In each case the pod "first" is taken
// before "then", though its name comes later.
func TestDeletionOrderIsThatOfKubernetes(t *testing.T) {
	now := 100 * time.Second
	at := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	up := func(name string, ready float64) *pod {
		return &pod{name: name, uid: name, node: "n1", phase: running, incarnation: 1, ready: true, readySince: at(ready), createdAt: at(ready - 1)}
	}
	change := func(p *pod, f func(*pod)) *pod { f(p); return p }
	costly := &deployment{spec: Workload{DeletionCost: 5}}
	tests := map[string]struct {
		first, then *pod
		beside      map[string]int
	}{
		"1. unassigned before assigned":            {first: change(up("z", 10), func(p *pod) { p.node = "" }), then: up("a", 90)},
		"2. pending before running":                {first: change(up("z", 10), func(p *pod) { p.phase, p.ready = starting, false }), then: change(up("a", 90), func(p *pod) { p.ready = false })},
		"2. one that starts again is not pending":  {first: change(up("z", 90), func(p *pod) { p.phase, p.ready = starting, false }), then: change(up("a", 10), func(p *pod) { p.phase, p.incarnation, p.ready = starting, 2, false })},
		"3. not ready before ready":                {first: change(up("z", 10), func(p *pod) { p.ready = false }), then: up("a", 90)},
		"4. the lower deletion cost":               {first: up("z", 10), then: change(up("a", 90), func(p *pod) { p.deployment = costly })},
		"5. doubled up on its node, though older":  {first: up("z", 10), then: change(up("a", 90), func(p *pod) { p.node = "n2" }), beside: map[string]int{"n1": 2, "n2": 1}},
		"6. ready for less time, by powers of two": {first: up("z", 90), then: up("a", 60)},
		"6. of one power of two the UID decides":   {first: change(up("z", 70), func(p *pod) { p.uid = "0" }), then: change(up("a", 75), func(p *pod) { p.uid = "1" })},
		"7. ready in one second: more restarts":    {first: change(up("z", 70.1), func(p *pod) { p.incarnation = 3 }), then: up("a", 70.9)},
		"8. the later created":                     {first: change(up("z", 70.1), func(p *pod) { p.createdAt = at(69) }), then: change(up("a", 70.9), func(p *pod) { p.createdAt = at(20) })},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for _, p := range []*pod{tt.first, tt.then} {
				if p.deployment == nil {
					p.deployment = &deployment{}
				}
			}
			r := podRanking{now: now, podsOnNode: tt.beside}
			require.Negative(t, r.compare(tt.first, tt.then))
			require.Positive(t, r.compare(tt.then, tt.first))
		})
	}
}

// A time is written in whole seconds of the wall clock, wherever in one the
// run began.
func TestDeletionOrderUsesWallClockSeconds(t *testing.T) {
	r := podRanking{now: 100 * time.Second, startInSecond: 800 * time.Millisecond}
	require.Equal(t, r.wholeSeconds(1300*time.Millisecond), r.wholeSeconds(2100*time.Millisecond))
	require.NotEqual(t, r.wholeSeconds(1100*time.Millisecond), r.wholeSeconds(1300*time.Millisecond))
}
