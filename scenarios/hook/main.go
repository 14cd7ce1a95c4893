package hook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
)

// System is what a program finds when it is started.
type System struct {
	In       io.Reader
	Out, Err io.Writer
	Dir      string   // current folder
	Env      []string // as os.Environ
}

// Is reports whether a program of this name is built in.
func Is(name string) bool {
	_, ok := tools()[name]
	return ok || slices.Contains(shells, name)
}

// Main is the program that argv's first word names, on this very system and
// not within a folder: files, network and other programs are as they are. It
// returns the exit code.
func Main(ctx context.Context, argv []string, s System) int {
	argv = append([]string{filepath.Base(argv[0])}, argv[1:]...)
	err := system().start(ctx, argv, stage{dir: s.Dir, env: expand.ListEnviron(s.Env...), in: s.In, out: s.Out, err: s.Err})
	var status interp.ExitStatus
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	}
	fmt.Fprintf(s.Err, "%s: %v\n", argv[0], err)
	return 1
}

// killAfter is how long a program that a script started may take to end when
// the shell is to.
const killAfter = 2 * time.Second

// system are the programs of a shell that runs for itself.
func system() *programs {
	at := func(dir, name string) string {
		if path.IsAbs(name) {
			return name
		}
		return filepath.Join(dir, name)
	}
	dialer := &net.Dialer{}
	return &programs{
		transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext},
		place:     at,
		open: func(dir, name string, flag int, perm os.FileMode) (io.ReadWriteCloser, error) {
			f, err := os.OpenFile(at(dir, name), flag, perm)
			if err != nil {
				return nil, err
			}
			return f, nil
		},
		other: interp.DefaultExecHandler(killAfter),
		host:  thisHost,
		signal: func(s syscall.Signal) error {
			init, err := os.FindProcess(service)
			if err != nil {
				return err
			}
			return init.Signal(s)
		},
	}
}

// thisHost returns the name and the address of this machine. In a pod,
// /etc/hosts has the pod's.
func thisHost() (name, ip string, err error) {
	if name, err = os.Hostname(); err != nil {
		return "", "", err
	}
	addrs, err := net.LookupHost(name) //nolint:noctx // its own name: /etc/hosts answers
	if err != nil {
		return name, "", err
	}
	return name, addrs[0], nil
}

// ours reports whether a command is built in: by its name or an absolute path
// that ends with it.
func ours(command string) bool {
	return Is(path.Base(command)) && (path.IsAbs(command) || !strings.Contains(command, "/"))
}
