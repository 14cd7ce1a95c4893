package e2e

import (
	"bytes"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/replay"
	"zeroloss/scenarios/rundir"
)

func readStreams(t *testing.T, dir string) replay.EventLogs {
	t.Helper()
	s, err := rundir.EventsByWriter(dir)
	require.NoError(t, err)
	return s
}

// wantedTags are the versions that the streams of the short scenario ask for.
var wantedTags = []string{"", "gray"}

func replayed(r *rundir.Run, s replay.EventLogs) error {
	_, err := replay.StateMachines(r.Plan.Control, s, rundir.Harness, false)
	return err
}

// replays asserts that the machines of a run replay, and that every picked callee
// was available. It returns the number of picks.
func replays(t *testing.T, dir string) int {
	t.Helper()
	r, err := rundir.Open(dir)
	require.NoError(t, err)
	all := readStreams(t, dir)
	require.NoError(t, replayed(r, all))
	n, err := replay.CheckPicks(r.Requests, all, wantedTags)
	require.NoError(t, err)
	return n
}

// requireKubernetesDifferences asserts that replay notices each change of one recorded input, and
// picks a callee that was not to be had.
func requireKubernetesDifferences(t *testing.T, dir string) {
	t.Helper()
	r, err := rundir.Open(dir)
	require.NoError(t, err)
	for what, change := range map[string]struct{ machine, old, new string }{
		"another pod is killed":        {control.MachineName, `"kind":"kill-step","workload":"spring-cloud-b"`, `"kind":"kill-step","workload":"spring-cloud-c"`},
		"a workload keeps its size":    {control.MachineName, `"kind":"scale-step","workload":"spring-cloud-b-gray","replicas":1`, `"kind":"scale-step","workload":"spring-cloud-b-gray","replicas":2`},
		"the registry says no":         {replay.Lossless, `"kind":"registered","op":`, `"kind":"registered","op":9`},
		"TERM does not come":           {replay.Lossless, `"kind":"term"`, `"kind":"trem"`},
		"a list is pushed empty":       {replay.Consumer, `"kind":"pushed","hosts":[`, `"kind":"pushed","hoses":[`},
		"a mark is another instance's": {replay.Consumer, `"kind":"marked","of":{`, `"kind":"marked","off":{`},
	} {
		all := readStreams(t, dir)
		require.True(t, alterEvents(all, change.machine, change.old, change.new), "%s: no input has %s", what, change.old)
		require.Error(t, replayed(r, all), what)
	}
	q := slices.IndexFunc(r.Requests, func(q record.Request) bool { return len(q.Trail) > 1 && q.Trail[1].Call != nil })
	require.GreaterOrEqual(t, q, 0)
	r.Requests[q].Trail[1].Call.Callee.Incarnation++
	_, err = replay.CheckPicks(r.Requests, readStreams(t, dir), wantedTags)
	require.ErrorContains(t, err, "which its view did not allow")
}

// alterEvents replaces a text in the first input of a machine that has it.
func alterEvents(s replay.EventLogs, name, old, replacement string) bool {
	for _, events := range s {
		for i, e := range events {
			step, ok := e.Payload.(record.MachineInput)
			if ok && step.Machine == name && bytes.Contains(step.Data, []byte(old)) {
				step.Data = bytes.Replace(step.Data, []byte(old), []byte(replacement), 1)
				events[i].Payload = step
				return true
			}
		}
	}
	return false
}
