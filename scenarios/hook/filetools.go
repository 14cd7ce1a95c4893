package hook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// shortOptions separates options of one letter from the other arguments.
func shortOptions(args []string, letters string) (set map[rune]bool, rest []string, err error) {
	set = map[rune]bool{}
	for i, a := range args {
		switch {
		case a == "--":
			return set, append(rest, args[i+1:]...), nil
		case len(a) < 2 || a[0] != '-':
			rest = append(rest, a)
			continue
		case strings.HasPrefix(a, "--"):
			return nil, nil, optionError(a)
		}
		for _, letter := range a[1:] {
			if !strings.ContainsRune(letters, letter) {
				return nil, nil, optionError("-" + string(letter))
			}
			set[letter] = true
		}
	}
	return set, rest, nil
}

// readFileTool reads a command with options of one letter, which writes the
// files that it names or none.
func readFileTool(name, letters string, writes bool) func(*reader, []string) outcome {
	return func(r *reader, args []string) outcome {
		_, rest, err := shortOptions(args, letters)
		if err != nil {
			if isUnknown(strings.Join(args, "")) {
				return undecided
			}
			r.badArgument(args, err, "use "+name+" without it")
			return fails
		}
		if writes {
			for _, file := range rest {
				r.writes(file)
			}
			return succeeds
		}
		if len(rest) > 0 {
			return undecided // the file may be missing
		}
		return succeeds
	}
}

func cat(_ context.Context, _ *programs, c call) error {
	_, names, err := shortOptions(c.args, "")
	if err != nil {
		return status(c, badUsage, "cat: %v", err)
	}
	b, err := c.readAll(names)
	if err != nil {
		return status(c, 1, "cat: %v", err)
	}
	_, err = c.out.Write(b)
	return err
}

func touch(_ context.Context, _ *programs, c call) error {
	return c.each("touch", "", func(name string, _ map[rune]bool) error {
		f, err := c.open(name, os.O_WRONLY|os.O_CREATE)
		if err != nil {
			return err
		}
		now := time.Now()
		return errors.Join(f.Close(), os.Chtimes(c.place(name), now, now))
	})
}

func mkdir(_ context.Context, _ *programs, c call) error {
	return c.each("mkdir", "p", func(name string, set map[rune]bool) error {
		if set['p'] {
			return os.MkdirAll(c.place(name), 0o755)
		}
		return os.Mkdir(c.place(name), 0o755)
	})
}

func remove(_ context.Context, _ *programs, c call) error {
	return c.each("rm", "rf", func(name string, set map[rune]bool) error {
		if set['r'] {
			return os.RemoveAll(c.place(name))
		}
		err := os.Remove(c.place(name))
		if set['f'] && errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	})
}

// each does something to each named file.
func (c call) each(tool, letters string, do func(name string, set map[rune]bool) error) error {
	set, names, err := shortOptions(c.args, letters)
	if err == nil && len(names) == 0 {
		err = errors.New("missing operand")
	}
	if err != nil {
		return status(c, badUsage, "%s: %v", tool, err)
	}
	for _, name := range names {
		if err := do(name, set); err != nil {
			return status(c, 1, "%s: %v", tool, err)
		}
	}
	return nil
}

func tee(_ context.Context, _ *programs, c call) error {
	set, names, err := shortOptions(c.args, "a")
	if err != nil {
		return status(c, badUsage, "tee: %v", err)
	}
	flag := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if set['a'] {
		flag = os.O_WRONLY | os.O_CREATE | os.O_APPEND
	}
	to := []io.Writer{c.out}
	for _, name := range names {
		f, err := c.open(name, flag)
		if err != nil {
			return status(c, 1, "tee: %v", err)
		}
		defer f.Close()
		to = append(to, f)
	}
	if c.in == nil {
		return nil
	}
	if _, err := io.Copy(io.MultiWriter(to...), c.in); err != nil {
		return status(c, 1, "tee: %v", err)
	}
	return nil
}

const grepOptions = "qivEFcoxs"

// grepArgs returns the options, the pattern and the files.
func grepArgs(args []string) (map[rune]bool, *regexp.Regexp, []string, error) {
	set, rest, err := shortOptions(args, grepOptions)
	if err != nil {
		return nil, nil, nil, err
	}
	if len(rest) == 0 {
		return nil, nil, nil, errors.New("missing pattern")
	}
	pattern := rest[0]
	switch {
	case set['F']:
		pattern = regexp.QuoteMeta(pattern)
	case !set['E']:
		pattern = basicPattern(pattern)
	}
	if set['x'] {
		pattern = "^(?:" + pattern + ")$"
	}
	if set['i'] {
		pattern = "(?i)" + pattern
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, nil, nil, valueError{rest[0], "invalid pattern: " + err.Error()}
	}
	return set, re, rest[1:], nil
}

// basicPattern converts a basic regular expression, in which +, ?, |, braces and
// parentheses are operators only with a backslash.
func basicPattern(p string) string {
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		const operators = "+?|(){}"
		switch {
		case p[i] == '\\' && i+1 < len(p):
			i++
			if !strings.Contains(operators, p[i:i+1]) {
				b.WriteByte('\\')
			}
		case strings.Contains(operators, p[i:i+1]):
			b.WriteByte('\\')
		}
		b.WriteByte(p[i])
	}
	return b.String()
}

func grep(_ context.Context, _ *programs, c call) error {
	set, re, names, err := grepArgs(c.args)
	if err != nil {
		return status(c, badUsage, "grep: %v", err)
	}
	text, err := c.readAll(names)
	if err != nil {
		return status(c, badUsage, "grep: %v", err)
	}
	count := 0
	for line := range bytes.Lines(text) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		if re.Match(line) == set['v'] {
			continue
		}
		count++
		switch {
		case set['q'], set['c']:
		case set['o']:
			for _, m := range re.FindAll(line, -1) {
				fmt.Fprintf(c.out, "%s\n", m)
			}
		default:
			fmt.Fprintf(c.out, "%s\n", line)
		}
	}
	if set['c'] {
		fmt.Fprintln(c.out, count)
	}
	if count == 0 {
		return status(call{err: io.Discard}, 1, "")
	}
	return nil
}

func readGrep(r *reader, args []string) outcome {
	if _, _, _, err := grepArgs(args); err != nil && !isUnknown(strings.Join(args, "")) {
		r.badArgument(args, err, "grep has the options "+grepOptions)
	}
	return undecided
}

// maxSequence bounds the numbers of a seq.
const maxSequence = 100_000

// sequence is what seq prints: LAST, FIRST LAST, or FIRST STEP LAST.
func sequence(args []string) ([]string, error) {
	n := []int{1, 1, 0}
	var given []int
	for _, a := range args {
		v, err := strconv.Atoi(a)
		if err != nil {
			return nil, valueError{a, "seq requires whole numbers"}
		}
		given = append(given, v)
	}
	switch len(given) {
	case 1:
		n[2] = given[0]
	case 2:
		n[0], n[2] = given[0], given[1]
	case 3:
		n = given
	}
	if len(given) == 0 || len(given) > 3 || n[1] == 0 {
		return nil, errors.New("seq requires LAST, FIRST LAST, or FIRST STEP LAST")
	}
	var out []string
	for i := n[0]; n[1] > 0 && i <= n[2] || n[1] < 0 && i >= n[2]; i += n[1] {
		if len(out) == maxSequence {
			return nil, fmt.Errorf("seq prints at most %d numbers", maxSequence)
		}
		out = append(out, strconv.Itoa(i))
	}
	return out, nil
}

func seq(_ context.Context, _ *programs, c call) error {
	numbers, err := sequence(c.args)
	if err != nil {
		return status(c, 1, "seq: %v", err)
	}
	for _, n := range numbers {
		fmt.Fprintln(c.out, n)
	}
	return nil
}

func readSeq(r *reader, args []string) outcome {
	if _, err := sequence(args); err != nil && !isUnknown(strings.Join(args, "")) {
		r.badArgument(args, err, "seq 1 5")
	}
	return succeeds
}
