package local

import (
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/plan"
)

// TestHooksKnowTheirPod shows that the variables of a hook hold the pod's fields,
// and that its process 1 is the pod's service.
func TestHooksKnowTheirPod(t *testing.T) {
	pods := newPodTable(t.TempDir())
	pods.add("b-1", "b", podAddr{ip: "10.0.0.7"})
	var signals []control.SendSignal
	s := &shells{
		plan: &plan.Plan{Speed: 1, Workloads: []plan.Workload{{Name: "b", FieldRefs: map[string]string{
			"IP": "status.podIP", "NAME": "metadata.name", "SPACE": "metadata.namespace",
		}}}},
		pods: pods, services: &services{pods: pods},
		signal: func(a control.SendSignal) error { signals = append(signals, a); return nil },
	}
	pod := control.PodAction{Pod: record.Instance{Pod: "b-1", Incarnation: 1}, Workload: "b"}
	script := `[ "$IP $NAME $SPACE $(hostname -i) $(hostname)" = "10.0.0.7 b-1 default 10.0.0.7 b-1" ] && kill -TERM 1 && kill -0 1`
	require.NoError(t, s.of(pod).Run(t.Context(), []string{"/bin/sh", "-c", script}))
	require.Equal(t, []control.SendSignal{{PodAction: pod, Signal: control.SignalTerm}}, signals)
}
