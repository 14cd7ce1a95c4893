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
	started := func(a control.StartContainer) control.Event { return control.OutcomeOf(a, nil) }
	rule := func(n int) control.Event { return control.RulesStep{Workload: "b", Version: n} }

	starts := actionsOf[control.StartContainer](p.Step(0, control.Begin{}))
	require.Len(t, starts, 2)
	require.True(t, starts[0].Initial)
	require.Zero(t, starts[0].RulesVersion)
	require.Empty(t, actionsOf[control.SendRules](p.Step(1, started(starts[0]))))
	p.Step(2, control.TimeZero{})

	told := actionsOf[control.SendRules](p.Step(3, rule(3)))
	require.Len(t, told, 1, "the other one does not run yet")
	require.Equal(t, starts[0].Pod, told[0].Pod)
	require.Equal(t, 3, told[0].Version)
	late := actionsOf[control.SendRules](p.Step(4, started(starts[1])))
	require.Len(t, late, 1)
	require.Equal(t, 3, late[0].Version)
	require.Empty(t, actionsOf[control.SendRules](p.Step(5, rule(2))), "it is older")

	more := actionsOf[control.StartContainer](p.Step(6, control.ScaleStep{Workload: "b", Replicas: 3}))
	require.Len(t, more, 1)
	require.Equal(t, 3, more[0].RulesVersion)
	require.False(t, more[0].Initial)
	require.Empty(t, actionsOf[control.SendRules](p.Step(7, started(more[0]))), "it knows")

	out := p.Step(8, control.RulesSent{Outcome: control.Outcome{Op: told[0].Op, Pod: told[0].Pod, Err: "refused"}})
	require.Equal(t, record.KindRuleFailed, out[0].(control.RecordEvent).Event.Kind())
	require.Empty(t, p.Step(9, control.RulesSent{Outcome: control.Outcome{Op: late[0].Op, Pod: late[0].Pod}}))
}
