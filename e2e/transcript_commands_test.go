package e2e

import (
	"errors"
	"net"
	"os/exec"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// words are additional commands for transcripts.
var words = map[string]func(*testscript.TestScript, bool, []string){
	"exits":  exitsCommand,
	"occupy": occupyPortCommand,
}

// exitsCommand runs a command and checks its exit code: `exits 2 zeroloss plan x`.
// `stdout` and `stderr` check its output, as after exec.
func exitsCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARG …]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("running %s: %v", strings.Join(args[1:], " "), err)
	}
	if got != want {
		ts.Fatalf("%s ended with %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// occupyPortCommand listens on a free port of an address until the script ends,
// and stores the port in a variable: `occupy 127.0.0.1 PORT`. The optional third
// argument is the port to use.
func occupyPortCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: occupy ADDRESS VARIABLE [PORT]")
	}
	port := "0"
	if len(args) == 3 {
		port = args[2]
	}
	l, err := net.Listen("tcp", net.JoinHostPort(args[0], port))
	ts.Check(err)
	ts.Defer(func() { ts.Check(l.Close()) })
	_, port, err = net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	ts.Setenv(args[1], port)
}
