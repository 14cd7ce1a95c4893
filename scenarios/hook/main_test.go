package hook

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// server answers by path, and with what it was asked.
func server(t *testing.T) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/there", http.StatusFound)
		case "/bad":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/cut":
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("part"))
		case "/hang":
			<-r.Context().Done()
		case "/drop":
			panic(http.ErrAbortHandler)
		default:
			user, _, _ := r.BasicAuth()
			body, _ := io.ReadAll(r.Body)
			_, _ = w.Write([]byte(strings.Join([]string{r.Method, r.URL.Path, r.Header.Get("X-A"), user, string(body)}, "|")))
		}
	}))
	srv.Config.ErrorLog = nil
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestProgramsAsTheirUsersKnowThem(t *testing.T) {
	url := server(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	closed := "http://" + l.Addr().String()
	require.NoError(t, l.Close())
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "hook.sh"), []byte("echo $0 $1 $HOME\nexit 4\n"), 0o644))

	for _, c := range []struct {
		line string // fields are arguments, unless quoted
		in   string
		code int
		out  string
	}{
		{"curl -s -X PUT URL/offline", "", 0, "PUT|/offline|||"},
		{"curl -sf -H X-A:b -u me:secret -d a=1 -d b=2 URL/p", "", 0, "POST|/p|b|me|a=1&b=2"},
		{"curl -s URL/bad", "", 0, ""},
		{"curl -sf URL/bad", "", 22, ""},
		{"curl -s -o /dev/null -w %{http_code} URL/bad", "", 0, "503"},
		{"curl -s -o /dev/null -w %{http_code} CLOSED", "", 7, "000"},
		{"curl -s -o /dev/null -w %{http_code} URL/moved", "", 0, "302"},
		{"curl -sL URL/moved", "", 0, "GET|/there|||"},
		{"curl -s URL/cut", "", 18, "part"},
		{"curl -s URL/drop", "", 52, ""},
		{"curl -s -m 0.05 URL/hang", "", 28, ""},
		{"curl -s -o /no/such/file URL/", "", 23, ""},
		{"curl -w %{nothing} URL/", "", 2, ""},
		{"curl -d @file URL/", "", 2, ""},
		{"curl", "", 2, ""},
		{"wget -q -O- URL/online", "", 0, "GET|/online|||"},
		{"wget -q -O - --post-data=x --header=X-A:b URL/moved", "", 0, "GET|/there|b||"},
		{"wget -q URL/file", "", 0, ""},
		{"wget -q -O- URL/bad", "", 8, ""},
		{"wget -q -O- CLOSED", "", 4, ""},
		{"wget -q -O /no/such/file URL/", "", 3, ""},
		{"sleep 0", "", 0, ""},
		{"sleep", "", 1, ""},
		{"sh hook.sh one", "", 4, "hook.sh one /home\n"},
		{"sh", "wget -qO- URL/a && exit 7", 7, "GET|/a|||"},
		{"sh -s x", "echo $1; exit 0", 0, "x\n"},
		{"sh nothing.sh", "", 127, ""},
		{"sh", "no-such-program", 127, ""},
		{"sh", "if", 2, ""},
		{"sh -Q", "", 2, ""},
		{"sh", "sh -c 'exit 9'; echo $?; export A=b; B=c; sh -c 'echo $A$B'", 0, "9\nb\n"},
		{"sh", "wget URL/offline 2>null; sleep 0; exit 0", 0, ""},
		{"sh", "curl -s -X PUT URL/offline && sleep 0", 0, "PUT|/offline|||"},
		{"sh", "curl -s CLOSED && sleep 3600", 7, ""},
		{"sh -e", "curl -sf URL/bad; sleep 3600", 22, ""},
	} {
		fill := strings.NewReplacer("URL", url, "CLOSED", closed)
		argv := strings.Fields(fill.Replace(c.line))
		argv[0] = "/usr/bin/" + argv[0]
		var out, errs bytes.Buffer
		code := Main(t.Context(), argv, System{
			In: strings.NewReader(fill.Replace(c.in)), Out: &out, Err: &errs, Dir: dir, Env: []string{"HOME=/home", "PATH=/none"},
		})
		require.Equal(t, c.code, code, "%s < %q: %s", c.line, c.in, &errs)
		require.Equal(t, c.out, out.String(), "%s < %q", c.line, c.in)
		if c.code != 0 && c.in == "" && c.line != "sh hook.sh one" {
			require.NotEmpty(t, errs.String(), "%s says why", c.line)
		}
	}
	require.FileExists(t, filepath.Join(dir, "file"))
	require.FileExists(t, filepath.Join(dir, "offline"))
	require.FileExists(t, filepath.Join(dir, "null"))
}

func TestHeadersAreShown(t *testing.T) {
	var out, errs bytes.Buffer
	for _, o := range []string{"-sI", "-si"} {
		require.Zero(t, Main(t.Context(), []string{"curl", o, server(t)}, System{Out: &out, Err: &errs}), &errs)
		require.True(t, strings.HasPrefix(out.String(), "HTTP/1.1 200 OK\r\n"), out.String())
		require.Contains(t, out.String(), "\r\n\r\n")
	}
}

func TestCertificatesAreChecked(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	srv.Config.ErrorLog = nil
	srv.StartTLS()
	t.Cleanup(srv.Close)
	for want, argv := range map[int][]string{
		60: {"curl", "-s", srv.URL},
		5:  {"wget", "-qO-", srv.URL},
		0:  {"curl", "-sk", srv.URL},
	} {
		var errs bytes.Buffer
		require.Equal(t, want, Main(t.Context(), argv, System{Out: io.Discard, Err: &errs}), &errs)
	}
}

// TestOtherProgramsAreThoseOfTheSystem shows that a script reaches beyond
// what is built in, and that a path of its own is not taken for ours.
func TestOtherProgramsAreThoseOfTheSystem(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	var out, errs bytes.Buffer
	code := Main(t.Context(), []string{"sh", "-c", self + " -test.list Sleep"}, System{Out: &out, Err: &errs})
	require.Zero(t, code, &errs)
	require.Equal(t, "TestSleepTime\n", out.String())
	require.Equal(t, 127, Main(t.Context(), []string{"sh", "-c", "./wget x"}, System{Out: &out, Err: &errs, Dir: t.TempDir()}))
	for name, want := range map[string]bool{"sh": true, "wget": true, "curl": true, "sleep": true, "bash": true, "zeroloss": false, "ls": false} {
		require.Equal(t, want, Is(name), name)
	}
}
