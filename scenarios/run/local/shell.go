package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// shell runs a hook or an exec probe as if within its pod: with the pod's
// environment, its own files, and 127.0.0.1 meaning the pod. The commands it
// has are the shell's own, and those of tools.
type shell struct {
	root  string // the pod's files: /tmp/x is root/tmp/x
	env   []string
	tools map[string]tool
}

// tool is a command. Its error is a status, or ctx's.
type tool func(ctx context.Context, c call) error

// call is one use of a tool.
type call struct {
	args     []string // without its name
	out, err io.Writer
	open     func(name string, flag int) (io.ReadWriteCloser, error)
}

// maxOutput is how much of a hook's output is kept for its event.
const maxOutput = 512

// run runs argv until it ends or ctx is done. Its error tells the exit
// status, what was written to standard error, and commands that are missing
// here, also where the script went on without them.
func (s *shell) run(ctx context.Context, argv []string) error {
	script, params, err := scriptOf(argv)
	if err != nil {
		return err
	}
	prog, err := syntax.NewParser().Parse(strings.NewReader(script), "")
	if err != nil {
		return fmt.Errorf("reading command %q: %w", script, err)
	}
	if err := os.MkdirAll(filepath.Join(s.root, "tmp"), 0o755); err != nil {
		return fmt.Errorf("making the pod's /tmp: %w", err)
	}
	// What a script leaves in the background ends with it.
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	out := &head{max: maxOutput}
	var missing []string
	runner, err := interp.New(
		interp.StdIO(nil, io.Discard, out),
		interp.Env(expand.ListEnviron(s.env...)),
		interp.Dir(s.root),
		interp.Params(append([]string{"--"}, params...)...),
		interp.OpenHandler(func(ctx context.Context, name string, flag int, perm os.FileMode) (io.ReadWriteCloser, error) {
			return s.open(interp.HandlerCtx(ctx).Dir, name, flag, perm)
		}),
		interp.ExecHandlers(func(interp.ExecHandlerFunc) interp.ExecHandlerFunc {
			return func(ctx context.Context, args []string) error {
				err := s.exec(ctx, args)
				if err == errMissing {
					missing = append(missing, args[0])
					return interp.ExitStatus(127)
				}
				return err
			}
		}),
	)
	if err != nil {
		return fmt.Errorf("preparing a shell: %w", err)
	}
	return verdict(runner.Run(ctx, prog), out.String(), missing)
}

// errMissing marks a command that is neither the shell's nor a tool.
var errMissing = errors.New("no such command here")

func verdict(err error, stderr string, missing []string) error {
	var status interp.ExitStatus
	if errors.As(err, &status) {
		err = fmt.Errorf("exit status %d", uint8(status))
		if stderr != "" {
			err = fmt.Errorf("%w: %s", err, strings.TrimSpace(stderr))
		}
	}
	for _, name := range missing {
		err = errors.Join(err, fmt.Errorf("command %q is not there: a hook has wget, curl, sleep and what the shell itself can do", name))
	}
	return err
}

// scriptOf is what a container's command means to a shell.
func scriptOf(argv []string) (script string, params []string, err error) {
	if len(argv) == 0 {
		return "", nil, errors.New("the command is empty")
	}
	if len(argv) >= 3 && slices.Contains([]string{"sh", "bash", "ash", "dash"}, path.Base(argv[0])) && argv[1] == "-c" {
		return argv[2], argv[min(4, len(argv)):], nil
	}
	words := make([]string, len(argv))
	for i, a := range argv {
		if words[i], err = syntax.Quote(a, syntax.LangBash); err != nil {
			return "", nil, fmt.Errorf("reading argument %q: %w", a, err)
		}
	}
	return strings.Join(words, " "), nil, nil
}

func (s *shell) exec(ctx context.Context, args []string) error {
	t, ok := s.tools[path.Base(args[0])]
	if !ok {
		return errMissing
	}
	h := interp.HandlerCtx(ctx)
	return t(ctx, call{args: args[1:], out: h.Stdout, err: h.Stderr, open: func(name string, flag int) (io.ReadWriteCloser, error) {
		return s.open(h.Dir, name, flag, 0o644)
	}})
}

// open opens a file of the pod's; nothing outside its root can be named.
func (s *shell) open(dir, name string, flag int, perm os.FileMode) (io.ReadWriteCloser, error) {
	if name == os.DevNull {
		return os.OpenFile(os.DevNull, flag, perm)
	}
	if !path.IsAbs(name) {
		rel, err := filepath.Rel(s.root, dir)
		if err != nil {
			return nil, err
		}
		name = path.Join("/", filepath.ToSlash(rel), name)
	}
	f, err := os.OpenFile(filepath.Join(s.root, filepath.FromSlash(path.Clean("/"+name))), flag, perm)
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		pathErr.Path = name // as the pod sees it
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// head keeps the beginning of what is written to it.
type head struct {
	bytes.Buffer
	max int
}

func (h *head) Write(b []byte) (int, error) {
	if room := h.max - h.Len(); room > 0 {
		h.Buffer.Write(b[:min(room, len(b))])
	}
	return len(b), nil
}
