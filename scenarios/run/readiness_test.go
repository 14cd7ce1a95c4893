package run_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
)

// TestAnOldPodIsWaitedFor: one of a target's that is still going when the run
// begins would lose what no release of the run explains, though it is ready.
func TestAnOldPodIsWaitedFor(t *testing.T) {
	p := &plan.Plan{
		Workloads: []plan.Workload{{Name: "orders", External: true, Replicas: 1}},
		Control:   control.Config{Workloads: []control.Workload{{Name: "orders", External: true, Replicas: 1}}},
	}
	plane, err := control.NewObservedCluster(p.Control)
	require.NoError(t, err)
	d, err := run.NewDirector(p, run.Options{ControlPlane: plane})
	require.NoError(t, err)
	tell := func(e control.Event) { d.Step(time.Second, run.ControlEvent{Event: e}) }
	d.Step(0, d.Begin())
	old, fresh := record.Instance{Pod: "orders-a", Incarnation: 1}, record.Instance{Pod: "orders-b", Incarnation: 1}
	for _, i := range []record.Instance{old, fresh} {
		tell(control.PodObserved{Pod: i, Workload: "orders"})
		if i == old {
			tell(control.DeletionObserved{Pod: i})
		}
		tell(control.ContainerRunning{Pod: i})
		tell(control.ReadinessObserved{Pod: i, Ready: true})
	}
	require.Equal(t, []string{"orders-a is still terminating"}, d.Missing())
	tell(control.PodGone{Pod: old})
	require.Empty(t, d.Missing())
}
