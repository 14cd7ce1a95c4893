package replay_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/replay"
	"zeroloss/scenarios/rundir"
)

// recorded is what is left of a run in a kind cluster of two nodes (Kubernetes
// 1.34.4): the plane's inputs and outputs, and the instants that the instances
// tell of themselves.
func recorded(t *testing.T, scenario string) (*plan.Plan, replay.EventLogs) {
	t.Helper()
	dir := filepath.Join("testdata", scenario)
	b, err := os.ReadFile(filepath.Join(dir, rundir.PlanFile))
	require.NoError(t, err)
	p := &plan.Plan{}
	require.NoError(t, json.Unmarshal(b, p))
	s, err := rundir.EventsByWriter(dir)
	require.NoError(t, err)
	return p, s
}

// What Kubernetes did is what the model does. In offline both scale-ins took
// the pod that had been ready longer: both had been so for between 2^33 and
// 2^34 ns, and its UID came first.
func TestKubernetes(t *testing.T) {
	for scenario, late := range map[string]int{"rolling": 0, "offline": 2} {
		p, s := recorded(t, scenario)
		n, err := replay.StateMachines(p.Control, s, rundir.Harness, true)
		require.NoError(t, err)
		require.Greater(t, n.ControlInputs, 200)
		found, err := replay.CompareWithKubernetes(p.Control, s, rundir.Harness)
		require.NoError(t, err)
		// The machine was busy: two pods took 1.6 s to be created at the
		// beginning.
		require.Len(t, found, late, "%+v", found)
		for _, d := range found {
			require.Less(t, d.At.Seconds(), 2.0)
			require.True(t, strings.HasPrefix(d.Rule, "how many pods"))
		}
	}
}

// A target's pods are a cluster's, too: the service orders, scaled to one replica
// and back. It had a sidecar that ended once, and beside it a canary with its
// labels and one more, which was restarted meanwhile.
func TestATargetReplays(t *testing.T) {
	p, s := recorded(t, "attached")
	n, err := replay.StateMachines(p.Control, s, rundir.Harness, true)
	require.NoError(t, err)
	require.Greater(t, n.ControlInputs, 80)
	_, err = replay.StateMachines(p.Control, s, rundir.Harness, false)
	require.ErrorContains(t, err, "control plane at", "by ours it does not")
}

// A change of what was recorded is noticed.
func TestKubernetesDiffers(t *testing.T) {
	tests := map[string]struct{ scenario, old, new, rule string }{
		"the other one is taken": {"offline", `"uid":"3606`, `"uid":"ffff`, "deletion order"},
		"both new at once":       {"rolling", `"MaxSurge":1`, `"MaxSurge":2`, "order in a rollout"},
		"both at once":           {"rolling", `"MaxUnavailable":0`, `"MaxUnavailable":2`, "order in a rollout"},
		"nobody's endpoint":      {"rolling", `"NoService":true`, `"NoService":false`, "endpoints"},
		"a slower probe":         {"rolling", `"Period":1000000000`, `"Period":30000000000`, "readiness probe"},
		"no readiness probe":     {"rolling", `"Readiness":{`, `"Unready":{`, "readiness probe"},
		"no preStop":             {"rolling", `"PreStop":{`, `"Hook":{`, "preStop before TERM"},
		"a shorter grace":        {"rolling", `"Grace":90000000000`, `"Grace":3000000000`, "grace"},
	}
	for name, tt := range tests {
		p, s := recorded(t, tt.scenario)
		cfg, err := json.Marshal(p.Control)
		require.NoError(t, err)
		changed := bytes.ReplaceAll(cfg, []byte(tt.old), []byte(tt.new))
		if !bytes.Equal(changed, cfg) {
			p.Control.Workloads = nil
			require.NoError(t, json.Unmarshal(changed, &p.Control))
		}
		for _, e := range s[rundir.Harness] {
			step, ok := e.Payload.(record.MachineInput)
			if ok && bytes.Contains(step.Data, []byte(tt.old)) {
				copy(step.Data, bytes.ReplaceAll(step.Data, []byte(tt.old), []byte(tt.new)))
				changed = nil
			}
		}
		require.NotEqual(t, cfg, changed, "%s: nothing to change", name)
		found, err := replay.CompareWithKubernetes(p.Control, s, rundir.Harness)
		require.NoError(t, err)
		hit := false
		for _, d := range found {
			hit = hit || d.At.Seconds() > 2 && strings.HasPrefix(d.Rule, tt.rule)
		}
		require.True(t, hit, "%s: %+v", name, found)
	}
}

// A record that does not replay is told.
func TestMachinesDiffer(t *testing.T) {
	p, s := recorded(t, "offline")
	for i, e := range s[rundir.Harness] {
		step, ok := e.Payload.(record.MachineInput)
		if ok && bytes.Contains(step.Data, []byte(`"deletion-observed"`)) {
			step.Data = bytes.Replace(step.Data, []byte("deletion-observed"), []byte("pod-gone"), 1)
			s[rundir.Harness][i].Payload = step
			break
		}
	}
	_, err := replay.StateMachines(p.Control, s, rundir.Harness, true)
	require.ErrorContains(t, err, "control plane at")
	_, err = replay.StateMachines(p.Control, replay.EventLogs{}, rundir.Harness, true)
	require.ErrorContains(t, err, "no steps are recorded")
}
