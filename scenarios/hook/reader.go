package hook

import (
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// Read reads a container's command without running it. env is the container's
// environment; the values of the variables in runtimeEnv are set by the runtime.
// It assumes that requests and file commands succeed.
func Read(argv []string, env map[string]string, runtimeEnv ...string) Reading {
	r := &reader{vars: map[string]string{"HOME": unknownText, "PATH": unknownText, "HOSTNAME": unknownText}, out: &Reading{}}
	maps.Copy(r.vars, env)
	for _, name := range runtimeEnv {
		r.vars[name] = unknownText
	}
	if len(argv) > 0 {
		r.line = 1
		r.command(argv)
	}
	return *r.out
}

// outcome is how a command ends, as far as its text says.
type outcome int

const (
	succeeds outcome = iota
	fails
	undecided
)

// maxCommands bounds how many commands are read: a loop can have many.
const maxCommands = 10_000

// reader follows the commands of a script in the order in which they run.
type reader struct {
	vars     map[string]string
	funcs    map[string]*syntax.Stmt
	out      *Reading
	line     int
	commands int

	uncertain  bool // what is read may not run
	optional   bool // it is guarded: a command that is not available is no problem
	background bool // it delays nothing that follows
	exited     bool // the shell has ended
	broke      bool // the loop has ended
}

// script reads the text of a script.
func (r *reader) script(text string) outcome {
	prog, err := syntax.NewParser().Parse(strings.NewReader(text), "hook")
	if err != nil {
		word := text
		if words := strings.Fields(text); len(words) > 0 {
			word = words[0]
		}
		r.problem(word, "invalid shell script: "+err.Error(), "check the quotes and the ends of if, for and while")
		return fails
	}
	return r.stmts(prog.Stmts)
}

func (r *reader) stmts(list []*syntax.Stmt) outcome {
	last := succeeds
	for _, s := range list {
		if r.exited || r.broke {
			break
		}
		last = r.stmt(s)
	}
	return last
}

func (r *reader) stmt(s *syntax.Stmt) outcome {
	if r.commands++; r.commands > maxCommands {
		r.uncertain, r.exited = true, true
		return undecided
	}
	r.line = int(s.Pos().Line())
	for _, d := range s.Redirs {
		r.redirect(d)
	}
	if s.Background {
		r.subshell(func() {
			r.background = true
			r.cmd(s.Cmd)
		})
		return succeeds
	}
	end := r.cmd(s.Cmd)
	if s.Negated && end != undecided {
		return fails - end
	}
	return end
}

func (r *reader) cmd(c syntax.Command) outcome {
	switch c := c.(type) {
	case nil:
		return succeeds
	case *syntax.CallExpr:
		return r.call(c)
	case *syntax.Block:
		return r.stmts(c.Stmts)
	case *syntax.Subshell:
		end := succeeds
		r.subshell(func() { end = r.stmts(c.Stmts) })
		return end
	case *syntax.BinaryCmd:
		return r.binary(c)
	case *syntax.IfClause:
		return r.ifClause(c)
	case *syntax.ForClause:
		return r.forClause(c)
	case *syntax.WhileClause:
		return r.whileClause(c)
	case *syntax.CaseClause:
		for _, item := range c.Items {
			r.guarded(func() { r.stmts(item.Stmts) })
		}
		return undecided
	case *syntax.FuncDecl:
		if r.funcs == nil {
			r.funcs = map[string]*syntax.Stmt{}
		}
		r.funcs[c.Name.Value] = c.Body
		return succeeds
	case *syntax.DeclClause:
		r.assign(c.Args)
		return succeeds
	case *syntax.TimeClause:
		return r.stmt(c.Stmt)
	}
	return undecided
}

// subshell reads what ends without ending the shell, and whose variables are
// its own.
func (r *reader) subshell(read func()) {
	vars, exited, broke, background := maps.Clone(r.vars), r.exited, r.broke, r.background
	read()
	r.vars, r.exited, r.broke, r.background = vars, exited, broke, background
}

// guarded reads what runs only if something holds that is decided in the run.
func (r *reader) guarded(read func()) {
	uncertain, optional, exited, broke := r.uncertain, r.optional, r.exited, r.broke
	r.uncertain, r.optional = true, true
	read()
	left := r.exited != exited || r.broke != broke
	r.uncertain, r.optional, r.exited, r.broke = uncertain || left, optional, exited, broke
}

func (r *reader) binary(c *syntax.BinaryCmd) outcome {
	if c.Op == syntax.Pipe || c.Op == syntax.PipeAll {
		r.subshell(func() { r.stmt(c.X) })
		end := succeeds
		r.subshell(func() { end = r.stmt(c.Y) })
		return end
	}
	left := r.stmt(c.X)
	if r.exited || r.broke {
		return left
	}
	want := succeeds // of the left side, for the right side to run
	if c.Op == syntax.OrStmt {
		want = fails
	}
	switch {
	case left == want:
		return r.stmt(c.Y)
	case left != undecided:
		// Success is an assumption. What runs after a failure cannot make the rest
		// uncertain; its requests are shown.
		uncertain := r.uncertain
		r.guarded(func() { r.stmt(c.Y) })
		r.uncertain = uncertain
		return left
	}
	r.guarded(func() { r.stmt(c.Y) })
	return undecided
}

func (r *reader) ifClause(c *syntax.IfClause) outcome {
	if len(c.Cond) == 0 { // else
		return r.stmts(c.Then)
	}
	end := r.stmts(c.Cond)
	switch {
	case r.exited:
		return end
	case end == succeeds:
		return r.stmts(c.Then)
	case end == fails && c.Else == nil:
		return succeeds
	case end == fails:
		return r.ifClause(c.Else)
	}
	r.guarded(func() { r.stmts(c.Then) })
	if c.Else != nil {
		r.guarded(func() { r.ifClause(c.Else) })
	}
	return undecided
}

func (r *reader) forClause(c *syntax.ForClause) outcome {
	iter, ok := c.Loop.(*syntax.WordIter)
	if !ok || !iter.InPos.IsValid() {
		r.guarded(func() { r.stmts(c.Do) })
		r.broke = false
		return undecided
	}
	for _, v := range r.fields(iter.Items) {
		r.vars[iter.Name.Value] = v
		if isUnknown(v) { // it may be any number of words
			r.guarded(func() { r.stmts(c.Do) })
		} else {
			r.stmts(c.Do)
		}
		if r.exited || r.broke {
			break
		}
	}
	r.broke = false
	return succeeds
}

func (r *reader) whileClause(c *syntax.WhileClause) outcome {
	end := r.stmts(c.Cond)
	endless := end == succeeds && !c.Until && onlyTrue(c.Cond) || end == fails && c.Until
	if !endless {
		r.guarded(func() { r.stmts(c.Do) })
		return undecided
	}
	r.stmts(c.Do) // at least once
	if !r.broke && !r.exited {
		r.guarded(func() { r.stmts(c.Do) })
		r.uncertain = true
	}
	r.broke = false
	return succeeds
}

// onlyTrue reports whether the condition of a loop is a constant.
func onlyTrue(cond []*syntax.Stmt) bool {
	if len(cond) != 1 {
		return false
	}
	c, ok := cond[0].Cmd.(*syntax.CallExpr)
	return ok && len(c.Args) == 1 && (c.Args[0].Lit() == "true" || c.Args[0].Lit() == ":")
}

func (r *reader) call(c *syntax.CallExpr) outcome {
	if len(c.Args) == 0 {
		r.assign(c.Assigns)
		return succeeds
	}
	args := r.fields(c.Args)
	if len(args) == 0 {
		return undecided
	}
	r.line = int(c.Pos().Line())
	return r.command(args)
}

func (r *reader) assign(list []*syntax.Assign) {
	for _, a := range list {
		if a.Name == nil || a.Naked || a.Value == nil {
			continue
		}
		v, err := expand.Literal(r.config(), a.Value)
		if err != nil || a.Append || r.uncertain {
			v = unknownText
		}
		r.vars[a.Name.Value] = v
	}
}

// fields expands words as the shell does. What is decided in the run is
// unknownText.
func (r *reader) fields(words []*syntax.Word) []string {
	out, err := expand.Fields(r.config(), words...)
	if err != nil {
		return []string{unknownText}
	}
	return out
}

func (r *reader) config() *expand.Config {
	return &expand.Config{
		Env: shellVars(r.vars),
		CmdSubst: func(w io.Writer, c *syntax.CmdSubst) error {
			_, err := io.WriteString(w, r.substitution(c))
			return err
		},
	}
}

// substitution reads a command whose output is part of a word.
func (r *reader) substitution(c *syntax.CmdSubst) string {
	var text string
	r.subshell(func() {
		line := r.line
		r.stmts(c.Stmts)
		r.line = line
		text = unknownText
		if len(c.Stmts) != 1 {
			return
		}
		call, ok := c.Stmts[0].Cmd.(*syntax.CallExpr)
		if !ok || len(call.Args) == 0 {
			return
		}
		if args := r.fields(call.Args); args[0] == "seq" && !isUnknown(strings.Join(args, "")) {
			if numbers, err := sequence(args[1:]); err == nil {
				text = strings.Join(numbers, "\n")
			}
		}
	})
	return text
}

// shellVars is the environment of a reader.
type shellVars map[string]string

func (v shellVars) Get(name string) expand.Variable {
	if s, ok := v[name]; ok {
		return expand.Variable{Set: true, Exported: true, Kind: expand.String, Str: s}
	}
	// Positional and special parameters are not followed.
	if strings.ContainsAny(name, "0123456789?$!#@*") && len(name) == 1 {
		return expand.Variable{Set: true, Kind: expand.String, Str: unknownText}
	}
	return expand.Variable{}
}

func (v shellVars) Each(each func(string, expand.Variable) bool) {
	for name := range v {
		if !each(name, v.Get(name)) {
			return
		}
	}
}

// redirect names files that cannot be written in a pod.
func (r *reader) redirect(d *syntax.Redirect) {
	switch d.Op {
	case syntax.RdrOut, syntax.AppOut, syntax.RdrClob, syntax.RdrAll, syntax.AppAll, syntax.RdrInOut:
		for _, name := range r.fields([]*syntax.Word{d.Word}) {
			r.writes(name)
		}
	default: // it reads, or copies a descriptor; >>| and &>| are zsh's alone
	}
}

// streams are files that a shell can write beside those in /tmp.
var streams = []string{"/dev/null", "/dev/stdout", "/dev/stderr", "/dev/fd/1", "/dev/fd/2",
	"/proc/1/fd/1", "/proc/1/fd/2", "/proc/self/fd/1", "/proc/self/fd/2"}

func (r *reader) writes(name string) {
	if isUnknown(name) || !path.IsAbs(name) || slices.Contains(streams, path.Clean(name)) || strings.HasPrefix(path.Clean(name)+"/", "/tmp/") {
		return
	}
	r.problem(name, "only /tmp can be written", "write to /tmp"+path.Join("/", path.Base(name))+", /proc/1/fd/1 or /dev/null")
}

func (r *reader) problem(word, text, hint string) {
	p := Problem{Line: max(r.line, 1), Word: word, Text: text, Hint: hint}
	if !r.optional && !slices.Contains(r.out.Problems, p) {
		r.out.Problems = append(r.out.Problems, p)
	}
}

func (r *reader) effect(e Effect) {
	e.Uncertain = r.uncertain || r.background && e.Request == nil
	r.out.Effects = append(r.out.Effects, e)
}

// command reads a command whose words are expanded.
func (r *reader) command(args []string) outcome {
	name := args[0]
	if isUnknown(name) {
		r.effect(Effect{Request: &Request{}, Unknown: true})
		return undecided
	}
	if body := r.funcs[name]; body != nil {
		return r.stmt(body)
	}
	if interp.IsBuiltin(name) && name != "kill" {
		return r.builtin(name, args[1:])
	}
	if !ours(name) {
		r.problem(name, "the command is not available in a run", instead(name))
		return undecided
	}
	base := path.Base(name)
	if slices.Contains(shells, base) {
		return r.shell(args)
	}
	return tools()[base].read(r, args[1:])
}

func (r *reader) builtin(name string, args []string) outcome {
	switch name {
	case "exit", "return":
		r.exited = true
		if len(args) > 0 && args[0] != "0" {
			return fails
		}
	case "break", "continue":
		r.broke = name == "break"
	case "false":
		return fails
	case "eval":
		return r.script(strings.Join(args, " "))
	case "exec":
		if len(args) > 0 {
			end := r.command(args)
			r.exited = true
			return end
		}
	case "command":
		if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
			return r.command(args)
		}
		if len(args) == 2 && !isUnknown(args[1]) {
			return found(ours(args[1]) || interp.IsBuiltin(args[1]))
		}
		return undecided
	case "[", "test":
		return readTest(args)
	case "wait":
		r.effect(Effect{Unknown: true})
	case "read":
		for _, a := range args {
			r.vars[a] = unknownText
		}
		return undecided
	case "source", ".", "trap":
		r.effect(Effect{Request: &Request{}, Unknown: true})
		return undecided
	}
	return succeeds
}

func found(ok bool) outcome {
	if ok {
		return succeeds
	}
	return fails
}

// readTest knows which commands there are; all else is decided in the run.
func readTest(args []string) outcome {
	if len(args) > 0 && args[len(args)-1] == "]" {
		args = args[:len(args)-1]
	}
	if len(args) == 2 && slices.Contains([]string{"-x", "-f", "-e"}, args[0]) && installed(args[1]) {
		return succeeds
	}
	return undecided
}

func (r *reader) shell(args []string) outcome {
	inv, err := parseShell(args)
	switch {
	case err != nil:
		r.problem(args[0], err.Error(), `["/bin/sh", "-c", "COMMANDS"]`)
		return fails
	case inv.file != "" && !isUnknown(inv.file) && !strings.HasPrefix(path.Clean(inv.file), "/tmp/"):
		r.problem(inv.file, "the file is not available in a run", instead(inv.file))
		return undecided
	case inv.text == "" || isUnknown(inv.text):
		r.effect(Effect{Request: &Request{}, Unknown: true})
		return undecided
	}
	end := succeeds
	r.subshell(func() { end = r.script(inv.text) })
	return end
}
