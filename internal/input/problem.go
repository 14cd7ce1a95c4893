package input

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Problem is an error in an input.
type Problem struct {
	File string
	Line int    // from 1; 0: the whole file
	Text string // what is wrong
	Hint string // what to do about it; may be empty
}

// Error is "file:line: text (hint)".
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	b.WriteString(": " + p.Text)
	if p.Hint != "" {
		b.WriteString(" (" + p.Hint + ")")
	}
	return b.String()
}

// Problems is a list of errors in inputs. A command that returns Problems has
// started nothing and exits with code 2.
type Problems []Problem

// maxShown limits the number of problems that Error lists.
const maxShown = 50

// Error lists the problems, one per line.
func (ps Problems) Error() string {
	lines := make([]string, 0, len(ps))
	for i, p := range ps {
		if i == maxShown {
			lines = append(lines, fmt.Sprintf("… and %d more", len(ps)-maxShown))
			break
		}
		lines = append(lines, p.Error())
	}
	return strings.Join(lines, "\n")
}

// Err returns the problems sorted by file and line; nil if there are none.
func (ps Problems) Err() error {
	if len(ps) == 0 {
		return nil
	}
	sorted := slices.Clone(ps)
	slices.SortStableFunc(sorted, func(a, b Problem) int {
		if c := strings.Compare(a.File, b.File); c != 0 {
			return c
		}
		if c := a.Line - b.Line; c != 0 {
			return c
		}
		return strings.Compare(a.Text, b.Text)
	})
	return slices.Compact(sorted)
}

// IsInvalid reports whether err is about an invalid input (exit code 2).
func IsInvalid(err error) bool {
	var one Problem
	var many Problems
	return errors.As(err, &one) || errors.As(err, &many)
}

// All flattens err into Problems; an error of another kind becomes one
// Problem about file.
func All(file string, err error) Problems {
	var one Problem
	var many Problems
	switch {
	case err == nil:
		return nil
	case errors.As(err, &many):
		return many
	case errors.As(err, &one):
		return Problems{one}
	}
	return Problems{{File: file, Text: err.Error()}}
}
