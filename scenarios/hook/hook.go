// Package hook runs the commands of preStop hooks and exec probes unchanged: a
// shell with curl, wget, sleep and other tools built in. [Shell] runs them as if
// in a pod, on a machine without these tools and where the pod is a child
// process. [Main] is the same as separate programs, for an image that contains
// only this binary.
//
// [Read] reads the same commands without running them: what they request, and how
// long they sleep.
//
// It knows neither runtimes nor scenarios.
package hook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
)

// Shell runs commands as if in a pod: with the pod's environment and files, and
// a network in which 127.0.0.1 is the pod.
type Shell struct {
	// Root is the folder with the pod's files: /tmp/x is Root/tmp/x. Files outside
	// cannot be accessed.
	Root string
	Env  []string
	// Hostname and IP are the pod's.
	Hostname, IP string
	// Signal sends a signal to the pod's service, which is process 1; nil: it
	// cannot be signalled.
	Signal func(syscall.Signal) error
	// Speed divides sleeps; 0 leaves them as they are.
	Speed float64
	// Transport sends the requests of wget and curl.
	Transport *http.Transport
}

// maxOutput is the number of bytes of a hook's output that its event contains.
const maxOutput = 512

// Run runs a container's command until it ends or ctx is done. Its error
// contains the exit status, the standard error, and commands that were not
// found, even if a script continued without them.
func (s *Shell) Run(ctx context.Context, argv []string) error {
	if len(argv) == 0 {
		return errors.New("the command is empty")
	}
	if err := os.MkdirAll(filepath.Join(s.Root, "tmp"), 0o755); err != nil {
		return fmt.Errorf("making the pod's /tmp: %w", err)
	}
	p, missing := s.programs()
	out := &head{max: maxOutput}
	err := p.start(ctx, argv, stage{
		dir: s.Root, env: expand.ListEnviron(s.Env...), out: io.Discard, err: out,
	})
	return verdict(err, out.String(), missing.names)
}

// programs are those of a pod, and the names of commands that were not there.
func (s *Shell) programs() (*programs, *names) {
	missing := &names{}
	return &programs{
		speed: s.Speed, transport: s.Transport,
		open:  s.open,
		place: s.inside, installed: installed,
		host: func() (string, string, error) { return s.Hostname, s.IP, nil },
		signal: func(sig syscall.Signal) error {
			if s.Signal == nil {
				return errors.New("the service cannot be signalled")
			}
			return s.Signal(sig)
		},
		other: func(_ context.Context, args []string) error {
			missing.add(args[0])
			return interp.ExitStatus(127)
		},
	}, missing
}

func verdict(err error, stderr string, missing []string) error {
	var status interp.ExitStatus
	if errors.As(err, &status) {
		err = fmt.Errorf("exit status %d", uint8(status))
		if stderr != "" {
			err = fmt.Errorf("%w: %s", err, strings.TrimSpace(stderr))
		}
	}
	for _, name := range missing {
		err = errors.Join(err, fmt.Errorf("command %q not found: %s", name, instead(name)))
	}
	return err
}

// inside is where the pod's file name lies, which is told from dir.
func (s *Shell) inside(dir, name string) string {
	if rel, err := filepath.Rel(s.Root, name); err == nil && filepath.IsLocal(rel) {
		return name // the shell has joined it with its folder already
	}
	return filepath.Join(s.Root, filepath.FromSlash(s.named(dir, name)))
}

// named is the whole name of a file as the pod sees it.
func (s *Shell) named(dir, name string) string {
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	rel, err := filepath.Rel(s.Root, dir)
	if err != nil {
		rel = "."
	}
	return path.Join("/", filepath.ToSlash(rel), name)
}

// open opens a file of the pod's.
func (s *Shell) open(dir, name string, flag int, perm os.FileMode) (io.ReadWriteCloser, error) {
	if name == os.DevNull || slices.Contains(streams, path.Clean(name)) { // the container's log
		return os.OpenFile(os.DevNull, flag, perm)
	}
	f, err := os.OpenFile(s.inside(dir, name), flag, perm)
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		pathErr.Path = s.named(dir, name)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// names are gathered by commands that may run side by side.
type names struct {
	mu    sync.Mutex
	names []string
}

func (n *names) add(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !slices.Contains(n.names, name) {
		n.names = append(n.names, name)
	}
}

// head keeps the beginning of what is written to it.
type head struct {
	mu sync.Mutex
	bytes.Buffer
	max int
}

func (h *head) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if room := h.max - h.Len(); room > 0 {
		h.Buffer.Write(b[:min(room, len(b))])
	}
	return len(b), nil
}
