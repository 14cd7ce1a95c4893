//go:build bench

package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// bareEnv makes the test binary a hop of a bare net/http chain: the peer of
// the demo services, with nothing of ours in it. Its value is the address to
// listen on and, after a comma, the URL of the next hop.
const (
	bareListen = "ZEROLOSS_BARE_LISTEN"
	bareNext   = "ZEROLOSS_BARE_NEXT"
)

// runBareHop serves as a hop of a bare chain if the environment says so.
func runBareHop() bool {
	addr := os.Getenv(bareListen)
	if addr == "" {
		return false
	}
	fmt.Fprintln(os.Stderr, serveBare(addr, os.Getenv(bareNext)))
	os.Exit(1)
	return true
}

// serveBare answers "ok", after asking the next hop if there is one.
func serveBare(addr, next string) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	return http.ListenAndServe(addr, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if next == "" {
			_, _ = io.WriteString(w, "ok")
			return
		}
		req, err := http.NewRequestWithContext(r.Context(), r.Method, next, nil)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		resp, err := client.Do(req)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
	}))
}

// startBareChain brings up a chain of n bare processes and returns the first URL.
func startBareChain(t *testing.T, n int) string {
	t.Helper()
	next := ""
	for range n {
		addr := freeAddr(t)
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), bareListen+"="+addr, bareNext+"="+next)
		cmd.Stderr = os.Stderr
		require.NoError(t, cmd.Start())
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		awaitDial(t, addr)
		next = "http://" + addr + "/"
	}
	return next
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// awaitDial returns once addr accepts a connection.
func awaitDial(t *testing.T, addr string) {
	t.Helper()
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}, 5*time.Second, 5*time.Millisecond, "nothing listens on %s", addr)
}

var benchRoles = []func() bool{runBareHop}
