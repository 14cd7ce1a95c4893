package e2e

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// runToEnd runs a command to its end: exit code, standard output, standard error.
func runToEnd(t *testing.T, cmd *exec.Cmd) (int, string, string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err, &errs)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// The binary acts as sh, wget, curl or sleep if it is called by that name, as
// the kubelet does in the image.
func TestBinaryIsTheImagesShell(t *testing.T) {
	var asked []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Path)
		_, _ = io.WriteString(w, "UP")
	}))
	t.Cleanup(srv.Close)
	dir := t.TempDir()
	for _, name := range []string{"sh", "wget", "curl", "sleep"} {
		require.NoError(t, os.Symlink(zeroloss, filepath.Join(dir, name)))
	}
	for _, c := range []struct {
		argv []string
		code int
		out  string
	}{
		{[]string{"sh", "-c", "wget " + srv.URL + "/offline 2>null; sleep 0.1; exit 0"}, 0, ""},
		{[]string{"sh", "-c", "curl -X PUT " + srv.URL + "/offline && sleep 0.1"}, 0, "UP"},
		{[]string{"wget", "-qO-", srv.URL + "/readiness"}, 0, "UP"},
		{[]string{"curl", "-sf", "http://127.0.0.1:1/"}, 7, ""},
		{[]string{"sleep", "soon"}, 1, ""},
		{[]string{"sh", "-c", "exit 42"}, 42, ""},
		{[]string{"sh", "-c", zeroloss + " no-such-verb"}, 2, ""},
	} {
		cmd := exec.Command(filepath.Join(dir, c.argv[0]), c.argv[1:]...)
		cmd.Dir = dir
		code, out, errs := runToEnd(t, cmd)
		require.Equal(t, c.code, code, "%q: %s", c.argv, errs)
		require.Equal(t, c.out, out, "%q", c.argv)
	}
	require.Equal(t, []string{"GET /offline", "PUT /offline", "GET /readiness"}, asked)
	require.FileExists(t, filepath.Join(dir, "offline"))
	require.FileExists(t, filepath.Join(dir, "null"))
}

// loadedImage loads the image into the local container engine. Without an engine
// it skips the test.
func loadedImage(t *testing.T) string {
	t.Helper()
	if out, err := exec.Command("docker", "info", "--format", "{{.OSType}}").CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "linux" {
		t.Skipf("no container engine answers to docker info: %v: %s", err, out)
	}
	const ref = "zeroloss.local/zeroloss-test:e2e"
	file := filepath.Join(t.TempDir(), "image.tar")
	code, out, errs := runToEnd(t, exec.Command(zeroloss, "image", "--tar", file, "--ref", ref))
	require.Zero(t, code, errs)
	require.Contains(t, out, "image   "+ref+"\ndigest  sha256:")
	code, _, errs = runToEnd(t, exec.Command("docker", "load", "--input", file))
	require.Zero(t, code, errs)
	t.Cleanup(func() {
		code, _, errs := runToEnd(t, exec.Command("docker", "rmi", ref))
		require.Zero(t, code, errs)
	})
	return ref
}

// Hooks run unchanged in the image: as an unprivileged user, with a read-only
// file system except for /tmp, and without an external network.
func TestHooksRunInTheImage(t *testing.T) {
	ref := loadedImage(t)
	start := exec.Command("docker", "run", "--detach", "--network", "none", "--read-only", "--tmpfs", "/tmp",
		"--cap-drop", "ALL", "--security-opt", "no-new-privileges", ref, "registry")
	code, out, errs := runToEnd(t, start)
	require.Zero(t, code, errs)
	container := strings.TrimSpace(out)
	t.Cleanup(func() {
		// Of one that removes itself, kill is over before it is gone, and its
		// image cannot be removed yet.
		code, _, errs := runToEnd(t, exec.Command("docker", "rm", "--force", container))
		require.Zero(t, code, errs)
	})
	const ready = "http://127.0.0.1:8848/nacos/v2/console/health/readiness"
	for _, c := range []struct {
		argv []string
		code int
		out  string
	}{
		{[]string{"sh", "-c", "until wget -q -O /dev/null " + ready + "; do sleep 0.1; done"}, 0, ""},
		{[]string{"/bin/sh", "-c", "wget " + ready + " 2>/tmp/null; sleep 1; exit 0"}, 0, ""},
		{[]string{"/usr/bin/sh", "-c", "test -f /tmp/readiness && test -f /tmp/null"}, 0, ""},
		{[]string{"sh", "-c", "curl -X PUT http://localhost:8848/offline && sleep 0.1"}, 0, "404 page not found\n"},
		{[]string{"sh", "-c", "curl -sf http://localhost:8848/offline && sleep 3600"}, 22, ""},
		{[]string{"/bin/curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", ready}, 0, "200"},
		{[]string{"wget", "-qO-", "127.0.0.1:1"}, 4, ""},
		{[]string{"/bin/sleep", "0.1"}, 0, ""},
		{[]string{"sh", "-c", "echo x > /elsewhere"}, 1, ""},
		{[]string{"sh", "-c", "zeroloss no-such-verb"}, 2, ""},
	} {
		code, out, errs := runToEnd(t, exec.Command("docker", append([]string{"exec", container}, c.argv...)...))
		require.Equal(t, c.code, code, "%q: %s", c.argv, errs)
		require.Equal(t, c.out, out, "%q", c.argv)
	}
}
