package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
)

// TestAMachineThatStandsStill stops an instance of C for longer than the timeout
// of its callers. No release causes these losses, so the run proves nothing.
func TestAMachineThatStandsStill(t *testing.T) {
	r := start(t, buildBinary(t), filepath.Join(t.TempDir(), "run"), fastPath(t), "--json")
	zero := func() bool { return has(t, filepath.Join(r.dir, "events", "harness.ndjson"), record.KindTimeZero) }
	require.True(t, r.until(30*time.Second, "time zero", zero), r.stderr.String())
	victim := child(t, r, "spring-cloud-c")
	require.NoError(t, syscall.Kill(victim, syscall.SIGSTOP))
	pause(r, 1500*time.Millisecond)
	require.NoError(t, syscall.Kill(victim, syscall.SIGCONT))
	require.Equal(t, 3, r.code(30*time.Second), r.stderr.String())

	var s struct {
		Verdict string
		Reasons []string
		Arms    map[string]struct{ ByWindow map[string]int }
	}
	require.NoError(t, json.Unmarshal(r.stdout.Bytes(), &s))
	require.Equal(t, "invalid", s.Verdict)
	require.Positive(t, s.Arms["gray"].ByWindow["stalled"], s.Arms)
	require.Contains(t, strings.Join(s.Reasons, "\n"), "machine too busy: ")
}

// child returns the process of one pod of a workload.
func child(t *testing.T, r *running, workload string) int {
	t.Helper()
	for _, pid := range livingProcesses(t, r.exe) {
		env, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
		if err == nil && strings.Contains(string(env), `"pod":"`+workload+"-") {
			return pid
		}
	}
	t.Fatalf("no child of %s lives", workload)
	return 0
}
