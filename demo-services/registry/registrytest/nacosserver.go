package registrytest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
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
)

// bootTimeout is how long a real server may take to start; 5 to 15 s is usual.
const bootTimeout = 90 * time.Second

// Nacos is a real server that the testbed runs.
type Nacos struct {
	// Boot is how long the last start took until the server was ready.
	Boot time.Duration

	run, dir, home string
	port           int
	cmd            *exec.Cmd
	exited         chan error
}

// StartNacos runs a real server until the test ends. If there is none, it skips
// the test and says why.
func StartNacos(t testing.TB) *Nacos {
	t.Helper()
	bed, err := testbed()
	require.NoError(t, err)
	if bed == "" {
		t.Skip("no real Nacos: neither ZEROLOSS_TESTBED nor a directory shared/testbed next to the repository")
	}
	if _, err := exec.LookPath("java"); err != nil {
		t.Skipf("no real Nacos: %v", err)
	}
	port := freePorts(t.Context())
	if port == 0 {
		t.Skip("no real Nacos: no four free ports")
	}
	dir := t.TempDir()
	n := &Nacos{run: filepath.Join(bed, "nacos", "run"), dir: dir, home: filepath.Join(dir, "home"), port: port}
	require.NoError(t, n.configure(filepath.Join(bed, "nacos", "application.properties")))
	t.Cleanup(func() { n.Kill(t) })
	n.Start(t)
	return n
}

// configure writes the testbed's properties with our additions.
func (n *Nacos) configure(from string) error {
	properties, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	properties = fmt.Appendf(properties, `
nacos.naming.clean.expired-metadata.expired-time=%d
logging.config=classpath:META-INF/logback/nacos.xml
nacos.logs.path=%s
`, OverlayTTL.Milliseconds(), filepath.Join(n.home, "logs"))
	conf := filepath.Join(n.home, "conf")
	if err := os.MkdirAll(conf, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(conf, "application.properties"), properties, 0o644)
}

// Target returns the server as the target of the contract.
func (n *Nacos) Target() Target {
	return Target{
		Name: "Nacos 2.3.2", Host: "127.0.0.1", Port: n.port, GRPCPort: n.port + 1000, PushDelay: 500 * time.Millisecond,
		Down: n.Kill, Up: n.Start,
	}
}

// PID returns the server's process ID.
func (n *Nacos) PID() int { return n.cmd.Process.Pid }

// PushLog returns the path of the server's own log of its pushes.
func (n *Nacos) PushLog() string { return filepath.Join(n.home, "logs", "naming-push.log") }

// bootAttempts is how often a start is tried: on a busy machine a server may exit
// because its own database is too slow.
const bootAttempts = 3

// Start starts the server and returns when it is ready.
func (n *Nacos) Start(t testing.TB) {
	t.Helper()
	for attempt := 1; ; attempt++ {
		began := time.Now()
		output, err := n.boot(t.Context())
		if err == nil {
			n.Boot = time.Since(began)
			return
		}
		text := fmt.Sprintf("a real Nacos on port %d: %v; its output ends\n%s", n.port, err, output)
		require.Less(t, attempt, bootAttempts, text)
		t.Log(text)
		n.Kill(t)
	}
}

// boot starts the process and waits until it is ready. If that fails, it returns
// the end of the server's output.
func (n *Nacos) boot(ctx context.Context) (string, error) {
	logName := filepath.Join(n.dir, "server.log")
	log, err := os.Create(logName)
	if err != nil {
		return "", err
	}
	defer log.Close()
	cmd := exec.Command(n.run, strconv.Itoa(n.port), n.home) //nolint:noctx // Kill ends it, with what it has started
	cmd.Dir = n.dir                                          // its database logs to the working directory
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that killing the group ends what the script starts
	if err := cmd.Start(); err != nil {
		return "", err
	}
	exited := make(chan error, 1)
	n.cmd, n.exited = cmd, exited
	go func() { exited <- cmd.Wait() }()
	if err := n.awaitReady(ctx); err != nil {
		text, readErr := os.ReadFile(logName)
		return string(text[max(0, len(text)-2000):]), errors.Join(err, readErr)
	}
	return "", nil
}

// Kill kills the server.
func (n *Nacos) Kill(t testing.TB) {
	t.Helper()
	if n.cmd == nil {
		return
	}
	if err := syscall.Kill(-n.cmd.Process.Pid, syscall.SIGKILL); !errors.Is(err, syscall.ESRCH) {
		require.NoError(t, err)
	}
	<-n.exited //nolint:errcheck // it was killed
	n.cmd = nil
}

// awaitReady polls the server until it is ready.
func (n *Nacos) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, bootTimeout)
	defer cancel()
	ask := time.NewTicker(50 * time.Millisecond)
	defer ask.Stop()
	url := fmt.Sprintf("http://127.0.0.1:%d/nacos/v2/console/health/readiness", n.port)
	for {
		select {
		case err := <-n.exited:
			n.exited <- err // for Kill
			return fmt.Errorf("it exited: %w", err)
		case <-ctx.Done():
			return ctx.Err()
		case <-ask.C:
		}
		if ready(ctx, url) {
			return nil
		}
	}
}

// ready checks once. A server that does not listen yet is not ready.
func ready(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// testbed returns the directory that contains a real Nacos; "" if there is none.
func testbed() (string, error) {
	if dir := os.Getenv("ZEROLOSS_TESTBED"); dir != "" {
		return dir, nil
	}
	parent, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		dir := filepath.Join(parent, "shared", "testbed")
		_, err := os.Stat(filepath.Join(dir, "nacos", "run"))
		if err == nil {
			return dir, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if parent == filepath.Dir(parent) {
			return "", nil
		}
		parent = filepath.Dir(parent)
	}
}

// freePorts returns a port that is free together with the three ports that the
// server derives from it (gRPC for SDKs, gRPC for the cluster, Raft), or 0. It
// starts at a random port, as other processes may be searching at the same time.
func freePorts(ctx context.Context) int {
	const first, step, n = 18848, 17, 500
	begin := rand.N(n)
	for i := range n {
		port := first + (begin+i)%n*step
		if free(ctx, port) && free(ctx, port+1000) && free(ctx, port+1001) && free(ctx, port-1000) {
			return port
		}
	}
	return 0
}

func free(ctx context.Context, port int) bool {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", ":"+strconv.Itoa(port))
	return err == nil && l.Close() == nil
}
