package e2e

import (
	"bufio"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The parts by themselves, as a person starts them: a service registers, goes
// in order on TERM, the registry ends with Ctrl-C, and nothing stays behind.
func TestThePartsByThemselves(t *testing.T) {
	w := newWorld(t)
	registry, said := w.background(t, "registry", "--port", "0")
	require.Regexp(t, `^registry on http://127\.0\.0\.1:\d+, SDKs on port \d+$`, said(`registry on`))
	at, err := url.Parse(regexp.MustCompile(`http://[0-9.:]+`).FindString(said("registry on")))
	require.NoError(t, err)

	service, told := w.background(t, "service", "c", "--ip", "127.0.77.7", "--registry", at.Host)
	told(`"kind":"registered"`)
	service(syscall.SIGTERM)
	told(`"kind":"deregistered"`)
	told(`"kind":"end"`)
	registry(syscall.SIGINT)
	require.Empty(t, w.untouched(t))
}

// background starts a command; the first function it returns ends it by a
// signal and waits for exit 0, the second returns the first line of its
// standard error or output that contains a text.
func (w world) background(t *testing.T, args ...string) (end func(syscall.Signal), said func(string) string) {
	t.Helper()
	cmd := w.command(args...)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = cmd.Stdout
	require.NoError(t, cmd.Start())
	var text lockedBuffer
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			_, _ = text.Write(append(lines.Bytes(), '\n')) // into memory: cannot fail
		}
	}()
	ended := false
	t.Cleanup(func() {
		if !ended {
			_ = cmd.Process.Kill()
			<-read
			_ = cmd.Wait()
		}
	})
	end = func(s syscall.Signal) {
		t.Helper()
		require.NoError(t, cmd.Process.Signal(s))
		<-read
		ended = true
		require.NoError(t, cmd.Wait(), text.String())
	}
	said = func(want string) (line string) {
		t.Helper()
		require.Eventually(t, func() bool {
			for l := range strings.Lines(text.String()) {
				if strings.Contains(l, want) {
					line = strings.TrimSpace(l)
					return true
				}
			}
			return false
		}, 10*time.Second, 5*time.Millisecond, "%v did not say %q", args, want)
		return line
	}
	return end, said
}
