package e2e

import (
	"bytes"
	"errors"
	"net"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A process that listens on all addresses blocks the port for every pod. The run
// then ends before it starts anything, and names the port and the pod that needs
// it.
func TestATakenPortEndsTheRunBeforeItBegins(t *testing.T) {
	taken, err := net.Listen("tcp", "0.0.0.0:8848")
	if errors.Is(err, syscall.EADDRINUSE) {
		t.Skip("port 8848 is in use on this machine, by another run perhaps: cannot take it")
	}
	require.NoError(t, err)
	defer taken.Close()
	dir := filepath.Join(t.TempDir(), "out")
	var errs bytes.Buffer
	cmd := exec.Command(zeroloss, "run", fast, "--out", dir)
	cmd.Stderr = &errs
	require.Error(t, cmd.Run())
	require.Equal(t, 4, cmd.ProcessState.ExitCode(), errs.String())
	require.Regexp(t, `port 8848 is in use; nacos-server needs it at 127\.\d+\.0\.1:8848; stop the process that listens there`, errs.String())
	require.NoFileExists(t, filepath.Join(dir, "requests.log"))
}
