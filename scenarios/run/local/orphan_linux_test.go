package local_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
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
