package registrytest_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry/registrytest"
)

// bootTimeout is how long a real server may take to come up; 5 to 15 s is
// usual.
const bootTimeout = 90 * time.Second

func TestContractOfARealNacos(t *testing.T) {
	if testing.Short() {
		t.Skip("a real server takes up to half a minute")
	}
	port := startNacos(t)
	registrytest.Run(t, registrytest.Target{
		Host: "127.0.0.1", Port: port, GRPCPort: port + 1000, PushDelay: 500 * time.Millisecond,
	})
}

// testbed is the folder that knows how to run a real Nacos.
func testbed(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("ZEROLOSS_TESTBED"); dir != "" {
		return dir
	}
	dir, err := filepath.Abs("../../../../shared/testbed")
	require.NoError(t, err)
	return dir
}

// startNacos runs a real server until the test ends, and returns its HTTP port.
func startNacos(t *testing.T) int {
	t.Helper()
	run := filepath.Join(testbed(t), "nacos", "run")
	if _, err := os.Stat(run); errors.Is(err, fs.ErrNotExist) {
		t.Skipf("no real Nacos here: there is no %s (ZEROLOSS_TESTBED names its folder)", run)
	}
	if _, err := exec.LookPath("java"); err != nil {
		t.Skipf("no real Nacos here: %v", err)
	}
	port := freePorts(t)
	dir := t.TempDir()
	logName := filepath.Join(dir, "server.log")
	logFile, err := os.Create(logName)
	require.NoError(t, err)
	defer logFile.Close()

	cmd := exec.Command(run, strconv.Itoa(port), filepath.Join(dir, "home"))
	cmd.Dir = dir // its database logs into the working directory
	cmd.Stdout, cmd.Stderr = logFile, logFile
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // what the script starts goes with it
	require.NoError(t, cmd.Start())
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	gone := false
	t.Cleanup(func() {
		if !gone {
			require.NoError(t, syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL))
			<-exited
		}
	})

	err = awaitReady(t.Context(), port, exited, &gone)
	if err != nil {
		log, readErr := os.ReadFile(logName)
		require.NoError(t, readErr)
		t.Fatalf("a real Nacos on port %d: %v; its output ends\n%s", port, err, log[max(0, len(log)-2000):])
	}
	return port
}

// awaitReady asks the server whether it is up until it is.
func awaitReady(ctx context.Context, port int, exited <-chan error, gone *bool) error {
	ctx, cancel := context.WithTimeout(ctx, bootTimeout)
	defer cancel()
	ask := time.NewTicker(200 * time.Millisecond)
	defer ask.Stop()
	url := fmt.Sprintf("http://127.0.0.1:%d/nacos/v2/console/health/readiness", port)
	for {
		select {
		case err := <-exited:
			*gone = true
			return fmt.Errorf("it exited: %w", err)
		case <-ctx.Done():
			return ctx.Err()
		case <-ask.C:
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			continue // not listening yet
		}
		if err := resp.Body.Close(); err != nil {
			return err
		}
		if resp.StatusCode == http.StatusOK {
			return nil
		}
	}
}

// freePorts finds a port that is free with its three companions: SDKs' gRPC,
// the cluster's, and Raft.
func freePorts(t *testing.T) int {
	t.Helper()
	for port := 18848; port < 30000; port += 17 {
		if free(port) && free(port+1000) && free(port+1001) && free(port-1000) {
			return port
		}
	}
	t.Skip("no four free ports for a real Nacos")
	return 0
}

func free(port int) bool {
	l, err := net.Listen("tcp", ":"+strconv.Itoa(port))
	return err == nil && l.Close() == nil
}
