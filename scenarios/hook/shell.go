package hook

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// programs are the commands there are, and what they may touch.
type programs struct {
	speed     float64 // sleeps are divided by it; 0 is 1
	transport *http.Transport
	open      func(dir, name string, flag int, perm os.FileMode) (io.ReadWriteCloser, error)
	place     func(dir, name string) string // where on this machine a file lies
	// installed reports whether a path is that of a built-in command; nil: if the
	// file exists.
	installed func(name string) bool
	host      func() (name, ip string, err error)
	signal    func(syscall.Signal) error // sends a signal to the container's process 1
	// other runs a command that is neither the shell's nor ours.
	other func(ctx context.Context, args []string) error
}

// stage is what one program is started with.
type stage struct {
	dir      string
	env      expand.Environ
	in       io.Reader // nil: nothing
	out, err io.Writer
}

// shells are the names of a shell.
var shells = []string{"sh", "bash", "ash", "dash"}

// start runs argv to its end or ctx's. Its error is an interp.ExitStatus, or
// ctx's.
func (p *programs) start(ctx context.Context, argv []string, s stage) error {
	if slices.Contains(shells, path.Base(argv[0])) {
		return p.sh(ctx, argv, s)
	}
	text, err := quoted(argv)
	if err != nil {
		fmt.Fprintln(s.err, err)
		return interp.ExitStatus(badUsage)
	}
	return p.interpret(ctx, invocation{name: "sh", text: text}, s)
}

// sh is the shell as a program.
func (p *programs) sh(ctx context.Context, argv []string, s stage) error {
	inv, err := parseShell(argv)
	if err != nil {
		fmt.Fprintln(s.err, err)
		return interp.ExitStatus(badUsage)
	}
	return p.interpret(ctx, inv, s)
}

// quoted is argv as a script of one command.
func quoted(argv []string) (string, error) {
	words := make([]string, len(argv))
	for i, a := range argv {
		var err error
		if words[i], err = syntax.Quote(a, syntax.LangBash); err != nil {
			return "", fmt.Errorf("reading argument %q: %w", a, err)
		}
	}
	return strings.Join(words, " "), nil
}

// invocation is what a shell's arguments come to.
type invocation struct {
	name    string   // $0
	options []string // as of set: -e, -x, -o pipefail
	text    string   // the script, with -c
	file    string   // or where it is
	stdin   bool     // or that it comes from standard input
	params  []string // $1 …
}

// parseShell reads argv as sh does: -c TEXT [NAME [ARG …]], FILE [ARG …], or
// neither.
func parseShell(argv []string) (invocation, error) {
	inv := invocation{name: argv[0]}
	args, command := argv[1:], false
	for len(args) > 0 && len(args[0]) > 1 && strings.ContainsAny(args[0][:1], "-+") {
		a := args[0]
		args = args[1:]
		if a == "--" {
			break
		}
		for _, letter := range a[1:] {
			switch letter {
			case 'c':
				command = true
			case 's':
				inv.stdin = true
			case 'l', 'i': // a login shell, an interactive one: no files to read here
			case 'o':
				if len(args) == 0 {
					return inv, fmt.Errorf("%s: option -o requires a name", argv[0])
				}
				inv.options, args = append(inv.options, a[:1]+"o", args[0]), args[1:]
			default:
				inv.options = append(inv.options, a[:1]+string(letter))
			}
		}
	}
	switch {
	case command && len(args) == 0:
		return inv, fmt.Errorf("%s: option -c requires a command", argv[0])
	case command:
		inv.text, args = args[0], args[1:]
		if len(args) > 0 {
			inv.name, args = args[0], args[1:]
		}
	case inv.stdin || len(args) == 0:
		inv.stdin = true
	default:
		inv.file, inv.name, args = args[0], args[0], args[1:]
	}
	inv.params = args
	return inv, nil
}

// noScript is the exit code of a shell that does not find its script.
const noScript = 127

// interpret runs a script.
func (p *programs) interpret(ctx context.Context, inv invocation, s stage) error {
	script, err := p.script(inv, s)
	if err != nil {
		fmt.Fprintf(s.err, "%s: %v\n", inv.name, err)
		return interp.ExitStatus(noScript)
	}
	prog, err := syntax.NewParser().Parse(strings.NewReader(script), inv.name)
	if err != nil {
		fmt.Fprintf(s.err, "reading command %q: %v\n", script, err)
		return interp.ExitStatus(badUsage)
	}
	// What a script leaves in the background ends with it.
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	runner, err := interp.New(
		interp.StdIO(s.in, s.out, s.err),
		interp.Env(s.env),
		interp.Dir(s.dir),
		interp.Params(append(append(inv.options, "--"), inv.params...)...),
		interp.OpenHandler(func(ctx context.Context, name string, flag int, perm os.FileMode) (io.ReadWriteCloser, error) {
			return p.open(interp.HandlerCtx(ctx).Dir, name, flag, perm)
		}),
		interp.StatHandler(func(ctx context.Context, name string, follow bool) (fs.FileInfo, error) {
			if p.installed != nil && p.installed(name) {
				return executable()
			}
			return interp.DefaultStatHandler()(ctx, p.place(interp.HandlerCtx(ctx).Dir, name), follow)
		}),
		interp.AccessHandler(func(ctx context.Context, name string, mode interp.AccessMode) error {
			if p.installed != nil && p.installed(name) && mode&interp.AccessWrite == 0 {
				return nil
			}
			return interp.DefaultAccessHandler()(ctx, p.place(interp.HandlerCtx(ctx).Dir, name), mode)
		}),
		interp.CallHandler(func(_ context.Context, args []string) ([]string, error) {
			if args[0] == "kill" { // the interpreter has no kill of its own
				args[0] = "/bin/kill"
			}
			return args, nil
		}),
		interp.ExecHandlers(func(interp.ExecHandlerFunc) interp.ExecHandlerFunc { return p.exec }),
	)
	if err != nil {
		fmt.Fprintf(s.err, "%s: %v\n", inv.name, err)
		return interp.ExitStatus(badUsage)
	}
	return runner.Run(ctx, prog)
}

func (p *programs) script(inv invocation, s stage) (string, error) {
	from := s.in
	switch {
	case inv.file != "":
		f, err := p.open(s.dir, inv.file, os.O_RDONLY, 0)
		if err != nil {
			return "", err
		}
		defer f.Close()
		from = f
	case !inv.stdin || from == nil:
		return inv.text, nil
	}
	b, err := io.ReadAll(from)
	return string(b), err
}

// exec runs a command of a script.
func (p *programs) exec(ctx context.Context, args []string) error {
	h := interp.HandlerCtx(ctx)
	name := path.Base(args[0])
	switch {
	case !ours(args[0]):
		return p.other(ctx, args)
	case slices.Contains(shells, name):
		return p.sh(ctx, args, stage{dir: h.Dir, env: exported(h.Env), in: h.Stdin, out: h.Stdout, err: h.Stderr})
	}
	return tools()[name].run(ctx, p, call{
		args: args[1:], in: h.Stdin, out: h.Stdout, err: h.Stderr,
		open: func(name string, flag int) (io.ReadWriteCloser, error) {
			return p.open(h.Dir, name, flag, 0o644)
		},
		place: func(name string) string { return p.place(h.Dir, name) },
	})
}

// executable describes this executable, which is all of the built-in commands.
func executable() (fs.FileInfo, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return os.Stat(exe)
}

// exported is what a child is given of env.
func exported(env expand.Environ) expand.Environ {
	var pairs []string
	for name, v := range env.Each {
		if v.Exported && v.Kind == expand.String {
			pairs = append(pairs, name+"="+v.String())
		}
	}
	return expand.ListEnviron(pairs...)
}
