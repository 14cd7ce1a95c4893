package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// zeroloss is the path of the binary under test, built once for all tests.
var zeroloss string

func TestMain(m *testing.M) {
	// What the test binary may be instead of tests; see bare_test.go.
	for _, played := range benchRoles {
		if played() {
			return
		}
	}
	os.Exit(withBinary(m.Run))
}

// withBinary builds the command, as users do, runs f and removes it again.
func withBinary(f func() int) int {
	dir, err := os.MkdirTemp("", "zeroloss-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	zeroloss = filepath.Join(dir, "zeroloss")
	build := exec.Command("go", "build", "-o", zeroloss, "zeroloss/cmd/zeroloss")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the command: %v\n%s", err, out)
		return 1
	}
	return f()
}
