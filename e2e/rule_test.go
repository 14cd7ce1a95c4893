package e2e

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
)

// TestARuleIsChangedWhileTheRunIsOn: every C acknowledges it, the one that warms
// up is warm by the new window and not by the old one, and the record replays.
func TestARuleIsChangedWhileTheRunIsOn(t *testing.T) {
	path, err := filepath.Abs(filepath.Join("testdata", "scenarios", "rule.yaml"))
	require.NoError(t, err)
	w := newSandbox(t)
	w.run(t, "run", path, "--seed", "7")
	dir := filepath.Join(w.home, "work", "runs", "latest")

	first := func(events []record.Event, kind record.Kind) (record.Event, bool) {
		i := slices.IndexFunc(events, func(e record.Event) bool { return e.Kind() == kind })
		if i < 0 {
			return record.Event{}, false
		}
		return events[i], true
	}
	told, warmed := 0, 0
	for _, events := range readStreams(t, dir) {
		begin, ok := first(events, record.KindStarting)
		if !ok || begin.Workload != "spring-cloud-c" {
			continue
		}
		applied, ok := first(events, record.KindSettingsApplied)
		require.True(t, ok, "%s has not acknowledged", begin.Instance)
		require.Equal(t, record.SettingsApplied{Version: 2}, applied.Payload)
		told++
		start, ok := first(events, record.KindWarmupStart)
		if !ok {
			continue
		}
		end, ok := first(events, record.KindWarmupEnd)
		require.True(t, ok)
		require.GreaterOrEqual(t, end.At, applied.At, "by the old rule it is not warm before the end of the run")
		require.Greater(t, end.At.Sub(start.At), 2*time.Second, "by the new one 3 s after it began to register")
		warmed++
	}
	require.Equal(t, []int{3, 1}, []int{told, warmed}, "those that the run began with are warm")
	replays(t, dir)
}
