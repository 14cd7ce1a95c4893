package hook

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// fieldHooks are hooks as people write them. URL is a service that answers "ok".
var fieldHooks = []string{
	`curl -s --fail-with-body URL`,
	`curl -sSf -o /dev/null -w "%{http_code} %{time_total}\n" URL`,
	`curl --url URL`,
	`curl -G --data-urlencode k=v URL`,
	`curl -#L URL`,
	`curl --http1.1 -s URL`,
	`curl -s URL URL`,
	`wget --waitretry=1 -t 3 -qO- URL`,
	`busybox wget -qO- URL`,
	`timeout 10 curl -s URL`,
	`curl -s URL | tee TMP/out`,
	`curl -s URL | grep -q ok && sleep 0.01`,
	`for i in $(seq 1 5); do sleep 0.001; done`,
	`[ -x /usr/bin/curl ] && curl -s URL`,
	`touch TMP/down && sleep 0.01`,
	`mkdir -p TMP/a/b && touch TMP/a/b/c && rm -rf TMP/a`,
	`curl -s -X PUT "URL?ip=$(hostname -i)&port=20002&enabled=false"`,
	`date +%T`,
	`echo x >/dev/null && curl -s URL`,
	`/home/admin/.tools/curl -s URL`,
}

func TestFieldHooksRunInAPod(t *testing.T) {
	var asked []string
	s := pod(t, 1, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.RequestURI())
		_, _ = w.Write([]byte("ok"))
	})
	s.IP, s.Hostname = "10.0.0.7", "b-1"
	var signals []syscall.Signal
	s.Signal = func(sig syscall.Signal) error { signals = append(signals, sig); return nil }
	fill := strings.NewReplacer("URL", "http://127.0.0.1:54199/offline", "TMP", "/tmp")
	for _, h := range append(fieldHooks, "kill -TERM 1", "kill 1", "echo x >/proc/1/fd/1 && curl -s URL", "hostname | grep -qx b-1") {
		argv := []string{"/bin/sh", "-c", fill.Replace(h)}
		require.NoError(t, s.Run(t.Context(), argv), h)
		require.Empty(t, Read(argv, nil).Problems, h)
	}
	require.Equal(t, []syscall.Signal{syscall.SIGTERM, syscall.SIGTERM}, signals)
	require.Contains(t, asked, "PUT /offline?ip=10.0.0.7&port=20002&enabled=false")
	require.Contains(t, asked, "GET /offline?k=v")
	require.ErrorContains(t, s.Run(t.Context(), []string{"sh", "-c", "kill -TERM 4711"}), "process 1")
	require.Len(t, signals, 2, "only the service is signalled")
}

// TestFieldHooksRunInTheImage runs them as programs of their own. Process 1 is
// not signalled: it is not a service's.
func TestFieldHooksRunInTheImage(t *testing.T) {
	dir := t.TempDir()
	fill := strings.NewReplacer("URL", server(t)+"/ok", "TMP", dir)
	for _, h := range fieldHooks {
		if strings.HasPrefix(h, "[ -x") {
			if _, err := os.Stat("/usr/bin/curl"); err != nil {
				continue // the image has it
			}
		}
		var out, errs bytes.Buffer
		code := Main(t.Context(), []string{"/bin/sh", "-c", fill.Replace(h)}, System{Out: &out, Err: &errs, Dir: dir, Env: []string{"PATH=/none"}})
		require.Zero(t, code, "%s: %s", h, &errs)
	}
	require.FileExists(t, filepath.Join(dir, "out"))
	require.FileExists(t, filepath.Join(dir, "down"))
}

func TestToolsPrintWhatTheirUsersExpect(t *testing.T) {
	dir := t.TempDir()
	url := server(t)
	for script, want := range map[string]string{
		"seq 3; seq 2 3; seq 6 -2 2":                                         "1\n2\n3\n2\n3\n6\n4\n2\n",
		"printf 'ab\\ncd\\n' | grep -v ab":                                   "cd\n",
		"printf 'ab\\ncd\\n' | grep -c 'a\\|c'":                              "2\n",
		"printf 'a+b\\n' | grep -o 'a+'":                                     "a+\n",
		"echo x | tee one two >/dev/null; echo y | tee -a one; cat one two":  "y\nx\ny\nx\n",
		"timeout 0.01 sleep 5; echo $?":                                      "124\n",
		"timeout 5 sh -c 'exit 3'; echo $?":                                  "3\n",
		"curl -s --fail-with-body URL/bad; echo $?":                          "22\n",
		"curl -s -o /dev/null -w '%{http_code} %{size_download}\\n' URL/abc": "200 11\n",
		"curl -s -o x URL/a URL/b":                                           "GET|/b|||",
		"mkdir d && [ -d d ] && rm -r d; [ -d d ]; echo $?":                  "1\n",
		"nothing-of-the-kind; echo $?":                                       "127\n",
	} {
		var out, errs bytes.Buffer
		Main(t.Context(), []string{"sh", "-c", strings.ReplaceAll(script, "URL", url)}, System{Out: &out, Err: &errs, Dir: dir, Env: []string{"PATH=/none"}})
		require.Equal(t, want, out.String(), "%s: %s", script, &errs)
	}
}
