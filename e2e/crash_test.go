package e2e

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/rundir"
)

// crashSeed makes the times of the kills reproducible.
const crashSeed = 11

// After kill -9 of the harness no child process is left, the recorded part is
// readable, and the next run starts. `make bench` kills at more times.
func TestKilledAtAnyMoment(t *testing.T) { killAtMoments(t, 5) }

// killAtMoments kills n consecutive runs, the i-th at a random time in the i-th
// of n equal parts of a run. All run directories have the same parent. A further
// run must then reach time zero.
func killAtMoments(t *testing.T, n int) {
	const whole = 4500 * time.Millisecond // the load lasts four seconds, and coming up takes one
	exe, base := buildBinary(t), t.TempDir()
	random := rand.New(rand.NewPCG(crashSeed, 0))
	for i := range n {
		part := whole / time.Duration(n)
		at := time.Duration(i)*part + time.Duration(random.Int64N(int64(part)))
		dir := filepath.Join(base, "run-"+string(rune('a'+i)))
		killed := killAt(t, exe, dir, at)
		t.Logf("killed after %v, at %s: %s", at, killed.Format(time.TimeOnly), inspectAfterKill(t, exe, dir, killed))
	}
	r := start(t, exe, filepath.Join(base, "next"), fastPath(t))
	// The check for child processes must find them while they exist.
	require.True(t, r.await(record.KindContainerStarted))
	require.Greater(t, len(livingProcesses(t, exe)), 2, "harness, registry and at least one pod")
	require.True(t, r.await(record.KindTimeZero), "the next run does not start: %s", r.stderr.String())
	interrupted(t, r)
}

// killAt starts a run, kills its harness after a delay, and waits until its child
// processes have ended. It returns the time of the kill.
func killAt(t *testing.T, exe, dir string, at time.Duration) time.Time {
	t.Helper()
	r := start(t, exe, dir, fastPath(t))
	pause(r, at)
	select {
	case <-r.gone:
		require.FailNow(t, "the run was over before it could be killed", "%s", r.stderr.String())
	default:
	}
	killed := time.Now()
	r.signal(syscall.SIGKILL)
	require.Equal(t, 137, r.code(time.Second))
	requireNoProcesses(t, exe, time.Until(killed.Add(2*time.Second)))
	return killed
}

// inspectAfterKill checks what a killed run has left, and returns a short
// description of it.
func inspectAfterKill(t *testing.T, exe, dir string, killed time.Time) string {
	t.Helper()
	if !loadHasBegun(dir) {
		code, _, errs := call(t, "", exe, "report", dir)
		require.Equal(t, 2, code, errs)
		return "before it had made its directory"
	}
	isInvalid(t, exe, dir)
	replays(t, dir)
	run, err := rundir.Open(dir)
	require.NoError(t, err)
	require.True(t, run.Interrupted)
	if run.Zero == 0 {
		return "before time zero"
	}
	// The last readable request is less than a second older than the kill,
	// unless the load had not begun.
	since := killed.Sub(run.Zero.Time())
	if since <= time.Second {
		return "within a second of time zero"
	}
	last := record.Micros(0)
	for _, q := range run.Requests {
		last = max(last, q.Due)
	}
	end := min(since, run.Plan.Duration)
	require.Less(t, end-last.Sub(run.Zero), time.Second, "the last request that can be read, against the kill")
	return "under load"
}

// loadHasBegun reports whether the run had written its plan.
func loadHasBegun(dir string) bool {
	for _, f := range []string{rundir.MetaFile, rundir.PlanFile} {
		if _, err := os.Stat(filepath.Join(dir, f)); err != nil {
			return false
		}
	}
	return true
}
