package control_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
)

// TestRules: running containers are told, those that are starting when they
// run, later ones start with them; none is told twice, and the highest wins.
func TestRules(t *testing.T) {
	p, err := control.NewSimulatedControlPlane(one(control.Workload{Replicas: 2, MaxSurge: 1}))
	require.NoError(t, err)
	of := func(actions []control.Action, kind control.ActionKind) (out []control.Action) {
		for _, a := range actions {
			if a.Kind == kind {
				out = append(out, a)
			}
		}
		return out
	}
	started := func(a control.Action) control.Event {
		return control.Event{Kind: control.Started, Op: a.Op, Pod: a.Pod}
	}
	rule := func(n int) control.Event { return control.Event{Kind: control.SetRule, Workload: "b", N: n} }

	starts := of(p.Step(0, control.Event{Kind: control.Begin}), control.Start)
	require.Len(t, starts, 2)
	require.True(t, starts[0].First)
	require.Zero(t, starts[0].N)
	require.Empty(t, of(p.Step(1, started(starts[0])), control.Rule))
	p.Step(2, control.Event{Kind: control.Zero})

	told := of(p.Step(3, rule(3)), control.Rule)
	require.Len(t, told, 1, "the other one does not run yet")
	require.Equal(t, starts[0].Pod, told[0].Pod)
	require.Equal(t, 3, told[0].N)
	late := of(p.Step(4, started(starts[1])), control.Rule)
	require.Len(t, late, 1)
	require.Equal(t, 3, late[0].N)
	require.Empty(t, of(p.Step(5, rule(2)), control.Rule), "it is older")

	more := of(p.Step(6, control.Event{Kind: control.SetScale, Workload: "b", N: 3}), control.Start)
	require.Len(t, more, 1)
	require.Equal(t, 3, more[0].N)
	require.False(t, more[0].First)
	require.Empty(t, of(p.Step(7, started(more[0])), control.Rule), "it knows")

	out := p.Step(8, control.Event{Kind: control.Ruled, Op: told[0].Op, Pod: told[0].Pod, Err: "refused"})
	require.Equal(t, record.KindRuleFailed, out[0].Note.Kind)
	require.Empty(t, p.Step(9, control.Event{Kind: control.Ruled, Op: late[0].Op, Pod: late[0].Pod}))
}
