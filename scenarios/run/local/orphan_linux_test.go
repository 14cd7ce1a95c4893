package local_test

import (
	"bufio"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/rundir"
)

// watched is a process whose exit can be waited for though it is not ours.
type watched struct{ pid, fd int }

// childrenOf lists the children of pid.
func childrenOf(t *testing.T, pid int) []watched {
	t.Helper()
	files, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children")
	require.NoError(t, err)
	var out []watched
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue // a thread that has gone
		}
		for _, s := range strings.Fields(string(b)) {
			child, err := strconv.Atoi(s)
			require.NoError(t, err)
			fd, err := unix.PidfdOpen(child, 0)
			require.NoError(t, err)
			out = append(out, watched{child, fd})
		}
	}
	return out
}

func (w watched) requireExit(t *testing.T, within time.Duration) {
	t.Helper()
	defer unix.Close(w.fd)
	fds := []unix.PollFd{{Fd: int32(w.fd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, int(within.Milliseconds()))
	require.NoError(t, err)
	require.Equal(t, 1, n, "process %d outlived its harness", w.pid)
}

func TestKilledHarnessLeavesNoChild(t *testing.T) {
	for _, at := range []record.Kind{record.KindPodReady, record.KindTimeZero, record.KindHookStarted} {
		dir := filepath.Join(t.TempDir(), "run")
		cmd := exec.Command(os.Args[0], dir)
		cmd.Env = append(os.Environ(), roleEnv+"=harness")
		cmd.Stderr = os.Stderr
		stdout, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		for sc := bufio.NewScanner(stdout); sc.Scan() && sc.Text() != string(at); {
		}
		children := childrenOf(t, cmd.Process.Pid)
		require.NotEmpty(t, children)
		require.NoError(t, cmd.Process.Kill())
		require.ErrorContains(t, cmd.Wait(), "killed")
		for _, c := range children {
			c.requireExit(t, 2*time.Second)
		}
		// What was written until then can be read, and the next run starts.
		require.NotEmpty(t, readEvents(t, filepath.Join(dir, rundir.EventsDir, rundir.Harness+".ndjson")))
		require.NoError(t, strictlyFree(strconv.Itoa(gatewayPort), strconv.Itoa(bPort)))
	}
}

func strictlyFree(ports ...string) error {
	var err error
	for _, p := range ports {
		l, listenErr := net.Listen("tcp", ":"+strings.TrimSpace(p))
		if listenErr != nil {
			err = errors.Join(err, listenErr)
			continue
		}
		err = errors.Join(err, l.Close())
	}
	return err
}
