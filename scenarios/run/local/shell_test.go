package local

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// pod is a shell in a pod whose own address is that of a test server.
func pod(t *testing.T, speed float64, h http.HandlerFunc) (*shell, int) {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	real := srv.Listener.Addr().(*net.TCPAddr).Port
	p := place{ip: "127.0.0.1", mapped: map[int]int{54199: real}}
	none := func(string, int) (string, bool) { return "", false }
	return &shell{root: t.TempDir(), tools: tools(speed, newClient(p, none)), env: []string{"GREETING=hello"}}, real
}

func TestHooksRunAsWritten(t *testing.T) {
	var asked []string
	s, _ := pod(t, 3000, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.Host+r.URL.Path)
		if r.URL.Path == "/bad" {
			w.WriteHeader(http.StatusForbidden)
		}
		_, _ = w.Write([]byte("state"))
	})
	good := [][]string{
		{"/bin/sh", "-c", "wget http://127.0.0.1:54199/offline 2>/tmp/null; sleep 30; exit 0"},
		{"sh", "-c", "curl -s -X PUT http://localhost:54199/offline && /bin/sleep 30"},
		{"wget", "-qO-", "127.0.0.1:54199/a b"},
		{"sh", "-c", `curl -sf "http://127.0.0.1:54199/$1" -o /tmp/x`, "hook", "named"},
		{"sh", "-c", "wget -q --post-data=x -T 5 http://127.0.0.1:54199/p -O /dev/null"},
		{"sh", "-c", `test "$GREETING" = hello`},
		{"sh", "-c", "sleep 30 & exit 0"},
		{"sh", "-c", "curl -s http://127.0.0.1:54199/bad; true"},
	}
	for _, argv := range good {
		require.NoError(t, s.run(t.Context(), argv), "%q", argv)
	}
	require.Equal(t, []string{
		"GET 127.0.0.1:54199/offline", "PUT localhost:54199/offline", "GET 127.0.0.1:54199/a b",
		"GET 127.0.0.1:54199/named", "POST 127.0.0.1:54199/p", "GET 127.0.0.1:54199/bad",
	}, asked)
	b, err := os.ReadFile(filepath.Join(s.root, "tmp", "x"))
	require.NoError(t, err)
	require.Equal(t, "state", string(b), "the pod's own /tmp")
	require.FileExists(t, filepath.Join(s.root, "offline"), "wget's default")
}

func TestHooksFail(t *testing.T) {
	s, _ := pod(t, 1000, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	bad := map[string]string{
		"exit 3":                                  "exit status 3",
		"wget http://127.0.0.1:54199/offline":     "exit status 8: wget: http://127.0.0.1:54199/offline answered 403 Forbidden",
		"curl -f http://127.0.0.1:54199/":         "exit status 22",
		"curl http://127.0.0.1:1/":                "exit status 7",
		"wget http://example.com/":                "no such host in this cluster",
		"wget -Z http://127.0.0.1:54199/":         "option -Z is not understood here",
		"wget --bogus=1 http://127.0.0.1:54199/":  "option --bogus is not understood here",
		"wget":                                    "the address is missing",
		"sleep soon":                              `invalid time interval "soon"`,
		"nginx -s quit; sleep 1; exit 0":          `command "nginx" is not there`,
		"if":                                      "reading command",
		"wget -O /no/such http://127.0.0.1:54199": "exit status 8",
		"echo x > ../../outside/x":                "exit status 1: open /outside/x: no such file or directory",
	}
	for script, want := range bad {
		require.ErrorContains(t, s.run(t.Context(), []string{"sh", "-c", script}), want, script)
	}
	require.ErrorContains(t, s.run(t.Context(), nil), "the command is empty")
}

func TestAbandonedHookEndsAtOnce(t *testing.T) {
	s, _ := pod(t, 1, func(http.ResponseWriter, *http.Request) {})
	for _, script := range []string{"sleep 3600", "while true; do :; done"} {
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.run(ctx, []string{"sh", "-c", script}) }()
		stop()
		require.ErrorIs(t, <-ended, context.Canceled, script)
	}
}

func TestSleepTime(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30": 30 * time.Second, "1.5": 1500 * time.Millisecond, "5s": 5 * time.Second, "2m": 2 * time.Minute,
		"1h": time.Hour, "infinity": longest, "1e300": longest,
	} {
		d, err := sleepTime(text)
		require.NoError(t, err)
		require.Equal(t, want, d, text)
	}
	for _, text := range []string{"", "x", "-1", "NaN", "5y"} {
		_, err := sleepTime(text)
		require.Error(t, err, text)
	}
}
