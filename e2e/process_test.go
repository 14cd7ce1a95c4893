package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
)

// buildBinary copies the command to a new path, so that /proc/*/exe distinguishes
// the processes of this test from those of others.
func buildBinary(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	path := filepath.Join(dir, "zeroloss")
	if os.Link(zeroloss, path) == nil {
		return path
	}
	b, err := os.ReadFile(zeroloss) // another file system
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, b, 0o755))
	return path
}

// livingProcesses lists the processes that run exe, except zombies.
func livingProcesses(t *testing.T, exe string) []int {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Skip("this system has no /proc: which children live cannot be seen")
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		// A zombie, or a process that has ended meanwhile, has no link.
		if link, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); err == nil && strings.TrimSuffix(link, " (deleted)") == exe {
			pids = append(pids, pid)
		}
	}
	return pids
}

// requireNoProcesses waits until no process runs exe, at most for d.
func requireNoProcesses(t *testing.T, exe string, d time.Duration) {
	t.Helper()
	require.Eventually(t, func() bool { return len(livingProcesses(t, exe)) == 0 }, d, 10*time.Millisecond, "processes live on")
}

// running is a started command.
type running struct {
	t      *testing.T
	cmd    *exec.Cmd
	exe    string
	dir    string // the run directory
	stdout bytes.Buffer
	stderr lockedBuffer
	gone   chan struct{} // closed when the command has ended
}

// lockedBuffer is a buffer that can be read while the command writes.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start starts `exe run args… --out dir` in dir's parent.
func start(t *testing.T, exe, dir string, args ...string) *running {
	t.Helper()
	return startVerb(t, "run", exe, dir, args...)
}

// startVerb is like start for any command that runs a scenario.
func startVerb(t *testing.T, verb, exe, dir string, args ...string) *running {
	t.Helper()
	r := &running{t: t, exe: exe, dir: dir, gone: make(chan struct{})}
	r.begin(exec.Command(exe, append([]string{verb, "--out", dir}, args...)...))
	return r
}

// begin starts cmd.
func (r *running) begin(cmd *exec.Cmd) {
	r.t.Helper()
	r.cmd = cmd
	r.cmd.Dir = filepath.Dir(r.dir)
	r.cmd.Stdout, r.cmd.Stderr = &r.stdout, &r.stderr
	// Kill the command even if the test fails.
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	r.cmd.WaitDelay = 5 * time.Second
	require.NoError(r.t, r.cmd.Start())
	go func() {
		defer close(r.gone)
		_ = r.cmd.Wait() // tests check the exit code
	}()
	r.t.Cleanup(func() { _ = r.cmd.Process.Kill(); <-r.gone })
}

// signal sends s, unless the command has ended.
func (r *running) signal(s syscall.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(s); !errors.Is(err, os.ErrProcessDone) {
		require.NoError(r.t, err)
	}
}

// code waits at most d for the end of the command and returns its exit code as a
// shell reports it.
func (r *running) code(d time.Duration) int {
	r.t.Helper()
	select {
	case <-r.gone:
	case <-time.After(d):
		require.FailNow(r.t, "it did not end", "within %v\n%s", d, r.stderr.String())
	}
	if ws, ok := r.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return r.cmd.ProcessState.ExitCode()
}

// await waits until the harness has written an event of this kind. It returns
// false if the command has ended without one.
func (r *running) await(kind record.Kind) bool {
	return r.until(20*time.Second, string(kind), func() bool {
		return has(r.t, filepath.Join(r.dir, "events", "harness.ndjson"), kind)
	})
}

// until waits for a condition. It returns false if the command has ended first.
func (r *running) until(d time.Duration, what string, holds func() bool) bool {
	r.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	ctx, stop := context.WithTimeout(context.Background(), d)
	defer stop()
	for {
		if holds() {
			return true
		}
		select {
		case <-tick.C:
		case <-r.gone:
			return holds()
		case <-ctx.Done():
			require.FailNow(r.t, "it did not come to it", "%s within %v\n%s", what, d, r.stderr.String())
		}
	}
}

// has reports whether the event file at path has an event of this kind.
func has(t *testing.T, path string, kind record.Kind) bool {
	t.Helper()
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return false
	}
	require.NoError(t, err)
	return eventOf(kind).Match(b)
}

// eventOf returns a pattern for the kind of an event. It does not match the kind
// of a journal input inside an event.
func eventOf(kind record.Kind) *regexp.Regexp {
	return regexp.MustCompile(`(?m)^\{"at":\d+,"kind":"` + regexp.QuoteMeta(string(kind)) + `"`)
}

// call runs a command to its end and returns its code and output.
func call(t *testing.T, dir, exe string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command(exe, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// printedSummary is the part of summary.json that these tests use.
type printedSummary struct {
	Schema, Verdict string
	Reasons         []string
	Generator       struct{ Due, Sent, Unsent int }
}

func decode(t *testing.T, r io.Reader) (s printedSummary) {
	t.Helper()
	require.NoError(t, json.NewDecoder(r).Decode(&s))
	return s
}

// isInvalid checks with report and judge that an interrupted run is readable,
// that its reports are written, and that its verdict is invalid.
func isInvalid(t *testing.T, exe, dir string) {
	t.Helper()
	code, out, errs := call(t, "", exe, "report", dir)
	require.Equal(t, 0, code, "report: %s%s", out, errs)
	require.FileExists(t, filepath.Join(dir, "report.html"))
	f, err := os.Open(filepath.Join(dir, "summary.json"))
	require.NoError(t, err)
	defer f.Close()
	s := decode(t, f)
	require.Equal(t, "invalid", s.Verdict)
	require.NotEmpty(t, s.Reasons)
	require.Contains(t, s.Reasons[0], "interrupted")
	code, out, errs = call(t, "", exe, "judge", dir)
	require.Equal(t, 3, code, "judge: %s%s", out, errs)
}

// fastPath returns the absolute path of the short scenario.
func fastPath(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(fast)
	require.NoError(t, err)
	return path
}
