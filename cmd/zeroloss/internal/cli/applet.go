package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"zeroloss/scenarios/hook"
)

// applet runs the program that the binary was called as: in the image it is also
// the tools of hooks. Signals keep their default behaviour: SIGTERM ends a
// sleep. ran is false if the binary was called as zeroloss.
func applet() (code int, ran bool) {
	if len(os.Args) == 0 || !hook.Is(filepath.Base(os.Args[0])) {
		return 0, false
	}
	dir, err := os.Getwd()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[0], err)
		return 1, true
	}
	return hook.Main(context.Background(), os.Args, hook.System{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Dir: dir, Env: os.Environ(),
	}), true
}
