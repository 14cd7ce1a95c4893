package hook

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

// pod is a shell in a pod whose ports all are that of a test server.
func pod(t *testing.T, speed float64, h http.HandlerFunc) *Shell {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		if host != "127.0.0.1" && host != "localhost" {
			return nil, &net.DNSError{Err: "no such host in this cluster", Name: host, IsNotFound: true}
		}
		if port != "1" {
			addr = srv.Listener.Addr().String()
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
	return &Shell{Root: t.TempDir(), Speed: speed, Transport: &http.Transport{DialContext: dial}, Env: []string{"GREETING=hello"}}
}

func TestHooksRunAsWritten(t *testing.T) {
	var asked []string
	s := pod(t, 3000, func(w http.ResponseWriter, r *http.Request) {
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
		{"sh", "-c", `test "$(curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:54199/bad)" = 403`},
		{"sh", "-c", `sh -c 'wget -q --spider "http://127.0.0.1:54199/$GREETING"'`},
		{"sh", "-ec", "echo up > /tmp/ready; test -f /tmp/ready && test -r /tmp/ready; cd /tmp; test -f ready; sh -c 'test -f /tmp/ready'"},
	}
	for _, argv := range good {
		require.NoError(t, s.Run(t.Context(), argv), "%q", argv)
	}
	require.Equal(t, []string{
		"GET 127.0.0.1:54199/offline", "PUT localhost:54199/offline", "GET 127.0.0.1:54199/a b",
		"GET 127.0.0.1:54199/named", "POST 127.0.0.1:54199/p", "GET 127.0.0.1:54199/bad", "GET 127.0.0.1:54199/bad",
		"HEAD 127.0.0.1:54199/hello",
	}, asked)
	b, err := os.ReadFile(filepath.Join(s.Root, "tmp", "x"))
	require.NoError(t, err)
	require.Equal(t, "state", string(b), "the pod's own /tmp")
	require.FileExists(t, filepath.Join(s.Root, "offline"), "wget's default")
	require.NoFileExists(t, filepath.Join(s.Root, "hello"), "a spider saves nothing")
}

func TestHooksFail(t *testing.T) {
	s := pod(t, 1000, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	bad := map[string]string{
		"exit 3":                                  "exit status 3",
		"wget http://127.0.0.1:54199/offline":     "exit status 8: wget: http://127.0.0.1:54199/offline answered 403 Forbidden",
		"curl -f http://127.0.0.1:54199/":         "exit status 22",
		"curl http://127.0.0.1:1/":                "exit status 7",
		"wget http://example.com/":                "no such host in this cluster",
		"curl http://example.com/":                "exit status 6",
		"wget -Z http://127.0.0.1:54199/":         "unsupported option -Z",
		"wget --bogus=1 http://127.0.0.1:54199/":  "unsupported option --bogus",
		"wget":                                    "the URL is missing",
		"sleep soon":                              `invalid time interval "soon"`,
		"nginx -s quit; sleep 1; exit 0":          `command "nginx" not found`,
		"./wget http://127.0.0.1:54199/":          `command "./wget" not found`,
		"if":                                      "reading command",
		"wget -O /no/such http://127.0.0.1:54199": "exit status 8",
		"echo x > ../../outside/x":                "exit status 1: open /outside/x: no such file or directory",
		"test -f /etc/passwd":                     "exit status 1",
		"set -e; false; exit 0":                   "exit status 1",
	}
	for script, want := range bad {
		require.ErrorContains(t, s.Run(t.Context(), []string{"sh", "-c", script}), want, script)
	}
	require.ErrorContains(t, s.Run(t.Context(), nil), "the command is empty")
	require.ErrorContains(t, s.Run(t.Context(), []string{"sh", "-c"}), "option -c requires a command")
	require.ErrorContains(t, s.Run(t.Context(), []string{"sh", "/tmp/none.sh"}), "exit status 127: /tmp/none.sh: open /tmp/none.sh")
}

func TestAbandonedHookEndsAtOnce(t *testing.T) {
	s := pod(t, 1, func(http.ResponseWriter, *http.Request) {})
	for _, script := range []string{"sleep 3600", "while true; do :; done", "sh -c 'sleep 3600'"} {
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx, []string{"sh", "-c", script}) }()
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

func TestShellReadsItsArguments(t *testing.T) {
	for _, c := range []struct {
		argv []string
		want invocation
	}{
		{[]string{"sh", "-c", "true"}, invocation{name: "sh", text: "true", params: []string{}}},
		{[]string{"sh", "-ec", "true", "name", "a", "-b"}, invocation{name: "name", options: []string{"-e"}, text: "true", params: []string{"a", "-b"}}},
		{[]string{"bash", "-lc", "--", "true"}, invocation{name: "bash", text: "true", params: []string{}}},
		{[]string{"sh", "-e", "-o", "pipefail", "x.sh", "1"}, invocation{name: "x.sh", options: []string{"-e", "-o", "pipefail"}, file: "x.sh", params: []string{"1"}}},
		{[]string{"sh", "+e", "-s", "1"}, invocation{name: "sh", options: []string{"+e"}, stdin: true, params: []string{"1"}}},
		{[]string{"sh"}, invocation{name: "sh", stdin: true, params: []string{}}},
	} {
		got, err := parseShell(c.argv)
		require.NoError(t, err)
		require.Equal(t, c.want, got, "%q", c.argv)
	}
	for _, argv := range [][]string{{"sh", "-c"}, {"sh", "-o"}} {
		_, err := parseShell(argv)
		require.Error(t, err)
	}
}
