package hook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"zeroloss/internal/ctxtime"

	"mvdan.cc/sh/v3/interp"
)

// tool is a built-in command.
type tool struct {
	// run executes the command. Its error is a status, or ctx's.
	run func(ctx context.Context, p *programs, c call) error
	// read is what it does, without running it.
	read func(r *reader, args []string) outcome
}

// call is one use of a tool.
type call struct {
	args     []string  // without its name
	in       io.Reader // nil: nothing
	out, err io.Writer
	open     func(name string, flag int) (io.ReadWriteCloser, error)
	place    func(name string) string // the path of a file on this machine
}

// tools returns the built-in commands by name.
func tools() map[string]tool {
	return map[string]tool{
		"busybox":  {runBusybox, readBusybox},
		"cat":      {cat, readFileTool("cat", "", false)},
		"curl":     {curl.run, curl.read},
		"date":     {date, readDate},
		"grep":     {grep, readGrep},
		"hostname": {hostname, readFileTool("hostname", "ifs", false)},
		"kill":     {kill, readKill},
		"mkdir":    {mkdir, readFileTool("mkdir", "p", true)},
		"rm":       {remove, readFileTool("rm", "rf", true)},
		"seq":      {seq, readSeq},
		"sleep":    {sleep, readSleep},
		"tee":      {tee, readFileTool("tee", "a", true)},
		"timeout":  {timeout, readTimeout},
		"touch":    {touch, readFileTool("touch", "", true)},
		"wget":     {wget.run, wget.read},
	}
}

// Programs lists the names of the built-in commands.
func Programs() []string {
	return slices.Sorted(maps.Keys(withShells(tools())))
}

func withShells(all map[string]tool) map[string]tool {
	for _, name := range shells {
		all[name] = tool{}
	}
	return all
}

// installed reports whether a path is where systems keep a built-in command.
func installed(file string) bool {
	return path.IsAbs(file) && Is(path.Base(file)) && path.Base(path.Dir(file)) == "bin"
}

func status(c call, code uint8, format string, args ...any) error {
	fmt.Fprintf(c.err, format+"\n", args...)
	return interp.ExitStatus(code)
}

// sleep waits for the sum of its arguments: seconds, or with s, m, h, d.
func sleep(ctx context.Context, p *programs, c call) error {
	if len(c.args) == 0 {
		return status(c, 1, "sleep: missing operand")
	}
	total, bad := sleepSum(c.args)
	if bad != "" {
		return status(c, 1, "sleep: invalid time interval %q", bad)
	}
	return ctxtime.Sleep(ctx, p.scaled(total))
}

// scaled divides a time by the speed of the run.
func (p *programs) scaled(d time.Duration) time.Duration {
	if p.speed > 0 {
		return time.Duration(float64(d) / p.speed)
	}
	return d
}

// sleepSum adds times, and returns the first invalid one.
func sleepSum(args []string) (total time.Duration, bad string) {
	for _, a := range args {
		d, err := sleepTime(a)
		if err != nil {
			return 0, a
		}
		total = min(total+d, longest)
	}
	return total, ""
}

func readSleep(r *reader, args []string) outcome {
	if isUnknown(strings.Join(args, "")) {
		r.effect(Effect{Unknown: true})
		return succeeds
	}
	total, bad := sleepSum(args)
	if bad != "" || len(args) == 0 {
		f := Problem{Line: max(r.line, 1), Word: strings.TrimSpace("sleep " + bad), Text: "sleep requires a time, so it fails",
			Hint: `write sleep 30; after -c, the script is one word: ["/bin/sh", "-c", "sleep 30"]`}
		if !slices.Contains(r.out.Failures, f) {
			r.out.Failures = append(r.out.Failures, f)
		}
		return fails
	}
	r.effect(Effect{Sleep: total})
	return succeeds
}

// longest keeps a sum of infinities from overflowing.
const longest = 1000 * time.Hour

func sleepTime(a string) (time.Duration, error) {
	if a == "infinity" || a == "inf" {
		return longest, nil
	}
	unit := time.Second
	for suffix, u := range map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour} {
		if strings.HasSuffix(a, suffix) {
			a, unit = strings.TrimSuffix(a, suffix), u
			break
		}
	}
	n, err := strconv.ParseFloat(a, 64)
	if err != nil || n < 0 || math.IsNaN(n) {
		return 0, fmt.Errorf("parsing time %q: expected a number of seconds", a)
	}
	return time.Duration(min(n*float64(unit), float64(longest))), nil
}

// timedOut is the exit code of timeout when the command did not end in time.
const timedOut = 124

// timeout runs a command for a limited time. The limit is divided by the speed,
// except for requests, whose time is the network's.
func timeout(ctx context.Context, p *programs, c call) error {
	limit, rest, err := timeoutArgs(c.args)
	if err != nil {
		return status(c, 125, "timeout: %v", err)
	}
	if base := path.Base(rest[0]); base != "curl" && base != "wget" {
		limit = p.scaled(limit)
	}
	within := ctx
	if limit > 0 { // 0 is no limit
		var stop context.CancelFunc
		within, stop = context.WithTimeout(ctx, limit)
		defer stop()
	}
	err = p.exec(within, rest)
	if within.Err() != nil && ctx.Err() == nil {
		return interp.ExitStatus(timedOut)
	}
	return err
}

// timeoutArgs returns the limit and the command.
func timeoutArgs(args []string) (time.Duration, []string, error) {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		switch name, _, given := strings.Cut(args[0], "="); {
		case name == "--foreground", name == "--preserve-status", given && (name == "--signal" || name == "--kill-after"):
			args = args[1:]
		case (name == "-s" || name == "-k") && len(args) > 1:
			args = args[2:]
		case name == "-t": // of older BusyBox
			args = args[1:]
		default:
			return 0, nil, optionError(name)
		}
	}
	if len(args) < 2 {
		return 0, nil, errors.New("requires a time and a command")
	}
	limit, err := sleepTime(args[0])
	return limit, args[1:], err
}

func readTimeout(r *reader, args []string) outcome {
	limit, rest, err := timeoutArgs(args)
	if err != nil {
		if isUnknown(strings.Join(args, "")) {
			return undecided
		}
		r.badArgument(args, err, "timeout 10 COMMAND")
		return fails
	}
	first := len(r.out.Effects)
	end := r.command(rest)
	for i := range r.out.Effects[first:] {
		if e := &r.out.Effects[first+i]; e.Sleep > 0 && limit > 0 {
			e.Sleep = min(e.Sleep, limit)
			limit = max(limit-e.Sleep, 1)
		}
	}
	return end
}

func runBusybox(ctx context.Context, p *programs, c call) error {
	if len(c.args) == 0 || !Is(c.args[0]) {
		return status(c, 127, "busybox: applet %q not found", strings.Join(c.args, " "))
	}
	return p.exec(ctx, c.args)
}

func readBusybox(r *reader, args []string) outcome {
	if len(args) == 0 {
		return succeeds
	}
	return r.command(args)
}

// optionError is an option that a tool does not have.
type optionError string

func (e optionError) Error() string { return "unsupported option " + string(e) }

// badArgument names the word of a command's arguments that is not supported.
func (r *reader) badArgument(args []string, err error, hint string) {
	word := strings.Join(args, " ")
	var option optionError
	var value valueError
	switch {
	case errors.As(err, &option):
		word = string(option)
	case errors.As(err, &value):
		word = value.value
	}
	r.problem(word, err.Error(), hint)
}

// valueError is a value that a tool cannot use.
type valueError struct{ value, text string }

func (e valueError) Error() string { return e.text }

// readAll returns the named files, or the input without names.
func (c call) readAll(names []string) ([]byte, error) {
	if len(names) == 0 {
		names = []string{"-"}
	}
	var out []byte
	for _, name := range names {
		b, err := c.readFile(name)
		if err != nil {
			return nil, err
		}
		out = append(out, b...)
	}
	return out, nil
}

func (c call) readFile(name string) ([]byte, error) {
	if name == "-" {
		if c.in == nil {
			return nil, nil
		}
		return io.ReadAll(c.in)
	}
	f, err := c.open(name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}
