package e2e

import (
	"bufio"
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
)

// Components started by hand: a service registers and shuts down in order on
// SIGTERM, the registry ends on Ctrl-C, and no process is left.
func TestThePartsByThemselves(t *testing.T) {
	w := newSandbox(t)
	registry, said := w.background(t, "registry", "--port", "0")
	at := regexp.MustCompile(`^registry on http://(127\.0\.0\.1:\d+), SDKs on port (\d+)\n`)
	m := at.FindStringSubmatch(said(at))
	service, told := w.background(t, "service", "c", "--ip", "127.0.77.7", "--registry", m[1], "--grpc-port", m[2])
	told(eventOf(record.KindRegistered))
	service(syscall.SIGTERM)
	for _, kind := range []record.Kind{record.KindTermReceived, record.KindDeregistered, record.KindDrained, record.KindEnd} {
		told(eventOf(kind))
	}
	registry(syscall.SIGINT)
	require.Empty(t, w.writtenOutside(t))
}

// background starts a command. The first function it returns ends the command
// with a signal and waits for exit code 0. The second one waits until the output
// contains a text, and returns the output.
func (w sandbox) background(t *testing.T, args ...string) (end func(syscall.Signal), said func(*regexp.Regexp) string) {
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
	said = func(want *regexp.Regexp) string {
		t.Helper()
		require.Eventually(t, func() bool { return want.MatchString(text.String()) }, 15*time.Second, 5*time.Millisecond, "%v did not say %v", args, want)
		return text.String()
	}
	return end, said
}
