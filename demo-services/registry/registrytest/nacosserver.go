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

// bootTimeout is how long a real server may take to come up; 5 to 15 s is
// usual.
const bootTimeout = 90 * time.Second

// Nacos is a real server, run by the testbed.
type Nacos struct {
	// Boot is how long the last start took, until it said that it is ready.
	Boot time.Duration

	run, dir, home string
	port           int
	cmd            *exec.Cmd
	exited         chan error
}

// StartNacos runs a real server until the test ends. Where there is none it
// skips the test, and says why.
func StartNacos(t testing.TB) *Nacos {
	t.Helper()
	bed, err := testbed()
	require.NoError(t, err)
	if bed == "" {
		t.Skip("no real Nacos here: neither ZEROLOSS_TESTBED nor a folder shared/testbed beside the repository")
	}
	if _, err := exec.LookPath("java"); err != nil {
		t.Skipf("no real Nacos here: %v", err)
	}
	port := freePorts()
	if port == 0 {
		t.Skip("no real Nacos here: no four free ports")
	}
	dir := t.TempDir()
	n := &Nacos{run: filepath.Join(bed, "nacos", "run"), dir: dir, home: filepath.Join(dir, "home"), port: port}
	require.NoError(t, n.configure(filepath.Join(bed, "nacos", "application.properties")))
	t.Cleanup(func() { n.Kill(t) })
	n.Start(t)
	return n
}

// configure writes the testbed's properties and ours.
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

// Target is the server as the contract sees it.
func (n *Nacos) Target() Target {
	return Target{
		Name: "Nacos 2.3.2", Host: "127.0.0.1", Port: n.port, GRPCPort: n.port + 1000, PushDelay: 500 * time.Millisecond,
		Down: n.Kill, Up: n.Start,
	}
}

// PID is the server's process.
func (n *Nacos) PID() int { return n.cmd.Process.Pid }

// PushLog is the server's own account of its pushes.
func (n *Nacos) PushLog() string { return filepath.Join(n.home, "logs", "naming-push.log") }

// bootAttempts is how often a start is tried: on a busy machine a server may lose
// patience with its own database, and exit.
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

// boot starts the process and waits until it is ready; if that fails it returns
// the last of what the server wrote.
func (n *Nacos) boot(ctx context.Context) (string, error) {
	logName := filepath.Join(n.dir, "server.log")
	log, err := os.Create(logName)
	if err != nil {
		return "", err
	}
	defer log.Close()
	cmd := exec.Command(n.run, strconv.Itoa(n.port), n.home)
	cmd.Dir = n.dir // its database logs into the working directory
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // what the script starts goes with it
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

// Kill ends the server at once.
func (n *Nacos) Kill(t testing.TB) {
	t.Helper()
	if n.cmd == nil {
		return
	}
	if err := syscall.Kill(-n.cmd.Process.Pid, syscall.SIGKILL); !errors.Is(err, syscall.ESRCH) {
		require.NoError(t, err)
	}
	<-n.exited
	n.cmd = nil
}

// awaitReady asks the server whether it is up until it is.
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

// ready asks once; a server that does not listen yet is not ready.
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

// testbed is the folder that knows how to run a real Nacos; "" is none.
func testbed() (string, error) {
	if dir := os.Getenv("ZEROLOSS_TESTBED"); dir != "" {
		return dir, nil
	}
	here, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		dir := filepath.Join(here, "shared", "testbed")
		_, err := os.Stat(filepath.Join(dir, "nacos", "run"))
		if err == nil {
			return dir, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if here == filepath.Dir(here) {
			return "", nil
		}
		here = filepath.Dir(here)
	}
}

// freePorts finds a port that is free with its three companions: SDKs' gRPC,
// the cluster's, and Raft. 0 is none. It begins anywhere, as somebody else may
// be looking at the same time.
func freePorts() int {
	const first, step, n = 18848, 17, 500
	begin := rand.N(n)
	for i := range n {
		port := first + (begin+i)%n*step
		if free(port) && free(port+1000) && free(port+1001) && free(port-1000) {
			return port
		}
	}
	return 0
}

func free(port int) bool {
	l, err := net.Listen("tcp", ":"+strconv.Itoa(port))
	return err == nil && l.Close() == nil
}
