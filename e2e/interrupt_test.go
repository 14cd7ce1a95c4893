package e2e

import (
	"bytes"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
)

// interruptSeed makes the times of the interruptions reproducible.
const interruptSeed = 3

// After Ctrl-C at any time the exit code is 130, no process is left after 3 s,
// and the recorded part is readable.
func TestInterruptedAtAnyMoment(t *testing.T) {
	moments := []struct {
		name string
		at   record.Kind // of the harness; "" is the very beginning
	}{
		{"at birth", ""},
		{"while the first pods start", record.KindPodCreated},
		{"while it waits for all", record.KindContainerStarted},
		{"when time begins", record.KindTimeZero},
		{"while a pod is released", record.KindHookStarted},
		{"after a crash", record.KindContainerExited},
		{"while a new pod comes", record.KindCronFired},
		{"at the end", record.KindTermSent},
	}
	random := rand.New(rand.NewPCG(interruptSeed, 0))
	for _, m := range moments {
		late := time.Duration(random.IntN(200)) * time.Millisecond
		t.Run(m.name, func(t *testing.T) {
			exe := buildBinary(t)
			r := start(t, exe, filepath.Join(t.TempDir(), "run"), fastPath(t))
			if m.at != "" {
				require.True(t, r.await(m.at), "the run came to its end first:\n%s", r.stderr.String())
			}
			t.Logf("interrupted %v after %q", late, m.at)
			pause(r, late)
			interrupted(t, r)
		})
	}
}

// While the reports are being written, the run is complete. Ctrl-C then exits
// with 130 immediately, and the reports can be written later.
func TestInterruptedWhileReporting(t *testing.T) {
	exe := buildBinary(t)
	r := start(t, exe, filepath.Join(t.TempDir(), "run"), fastPath(t))
	require.True(t, r.await(record.KindRunEnd))
	r.signal(syscall.SIGINT)
	require.Equal(t, 130, r.code(3*time.Second), r.stderr.String())
	requireNoProcesses(t, exe, time.Second)
	code, out, errs := call(t, "", exe, "report", r.dir)
	require.Equal(t, 0, code, errs)
	require.NotContains(t, out, "interrupted")
}

// Ctrl-C ends all repetitions, not only the current run.
func TestInterruptedBetweenRepeats(t *testing.T) {
	exe := buildBinary(t)
	out := filepath.Join(t.TempDir(), "run")
	r := start(t, exe, out, fastPath(t), "--repeat", "2")
	r.dir = out + "-1"
	require.True(t, r.await(record.KindTimeZero))
	interrupted(t, r)
	require.NoDirExists(t, out+"-2")
}

// A second Ctrl-C skips the orderly shutdown, and also leaves no process.
func TestInterruptedTwice(t *testing.T) {
	exe := buildBinary(t)
	r := start(t, exe, filepath.Join(t.TempDir(), "run"), fastPath(t))
	require.True(t, r.await(record.KindTimeZero))
	r.signal(syscall.SIGINT)
	r.await(record.KindInterrupted)
	r.signal(syscall.SIGINT)
	require.Equal(t, 130, r.code(3*time.Second), r.stderr.String())
	requireNoProcesses(t, exe, 2*time.Second)
	isInvalid(t, exe, r.dir)
}

// A closing terminal sends SIGHUP more than once, and the run ends in order. A
// command that was started with nohup ignores it.
func TestHangup(t *testing.T) {
	exe := buildBinary(t)
	// If the tests run with nohup, child processes inherit the ignored signal,
	// but they do not inherit a handler.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGHUP)
	defer signal.Stop(caught)
	r := start(t, exe, filepath.Join(t.TempDir(), "run"), fastPath(t))
	require.True(t, r.await(record.KindTimeZero))
	r.signal(syscall.SIGHUP)
	r.await(record.KindInterrupted)
	r.signal(syscall.SIGHUP)
	require.Equal(t, 130, r.code(3*time.Second), r.stderr.String())
	requireNoProcesses(t, r.exe, time.Second)
	require.NoFileExists(t, filepath.Join(r.dir, "lock"))
	portsAreFree(t, r.dir)
	isInvalid(t, r.exe, r.dir)

	stays := &running{t: t, exe: exe, dir: filepath.Join(t.TempDir(), "run"), gone: make(chan struct{})}
	stays.begin(exec.Command("nohup", exe, "run", "--out", stays.dir, fastPath(t)))
	require.True(t, stays.await(record.KindTimeZero), stays.stderr.String())
	stays.signal(syscall.SIGHUP)
	require.True(t, stays.await(record.KindRunEnd), stays.stderr.String())
	require.NotEqual(t, 130, stays.code(20*time.Second), stays.stderr.String())
}

// pause waits a random time, or until the command ends.
func pause(r *running, d time.Duration) {
	select {
	case <-time.After(d):
	case <-r.gone:
	}
}

// interrupted sends the signal and checks how the run ends.
func interrupted(t *testing.T, r *running) {
	t.Helper()
	r.signal(syscall.SIGINT)
	require.Equal(t, 130, r.code(3*time.Second), r.stderr.String())
	requireNoProcesses(t, r.exe, time.Second)
	if _, err := os.Stat(filepath.Join(r.dir, "plan.json")); os.IsNotExist(err) {
		require.NoFileExists(t, filepath.Join(r.dir, "events", "harness.ndjson"))
		return // the run had not begun
	}
	require.NoFileExists(t, filepath.Join(r.dir, "lock"))
	require.NoDirExists(t, filepath.Join(r.dir, "tmp"))
	portsAreFree(t, r.dir)
	isInvalid(t, r.exe, r.dir)
	if said := filepath.Join(r.dir, "events", "harness.ndjson"); has(t, said, record.KindMachineInput) {
		replays(t, r.dir)
	} else { // the registry was still coming up: nothing had been decided
		require.False(t, has(t, said, record.KindPodCreated))
	}
	require.Regexp(t, `(?m)^zeroloss: interrupted: .*; the requests measured so far are in `, r.stderr.String())
}

var address = regexp.MustCompile(`"addr":"(127\.\d+\.\d+\.\d+:\d+)"`)

// portsAreFree checks that the ports of the run's instances are free.
func portsAreFree(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "events", "*.ndjson"))
	require.NoError(t, err)
	for _, f := range files {
		b, err := os.ReadFile(f)
		require.NoError(t, err)
		m := address.FindSubmatch(bytes.TrimSpace(b))
		if m == nil {
			continue
		}
		l, err := net.Listen("tcp", string(m[1]))
		require.NoError(t, err, "a port of %s", f)
		require.NoError(t, l.Close())
	}
}
