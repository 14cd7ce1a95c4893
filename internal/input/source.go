// Package input reads YAML files and reports errors in them: [Read] reads a
// file of limited size, [Split] splits it into documents, a [Node] knows the
// line of a field, a [Problem] is an error with file, line and hint, and
// [Nearest] finds the word that was probably meant.
//
// It knows neither manifests nor scenarios: both use it.
package input

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"unicode/utf8"
)

// MaxBytes limits the size of an input. Kubernetes accepts no object larger than
// 1.5 MiB.
const MaxBytes = 4 << 20

// Source is one input.
type Source struct {
	Name string // path as the user wrote it, or "standard input"
	Data []byte
}

// Read reads the file at path; "-" is stdin. If it is missing, a directory,
// empty, binary or too large, the error is a [Problem].
func Read(path string, stdin io.Reader) (Source, error) {
	if path == "-" {
		if stdin == nil {
			return Source{}, Problem{File: "-", Text: "standard input is not available"}
		}
		return read("standard input", stdin)
	}
	info, err := os.Stat(path)
	if err != nil {
		return Source{}, unreadable(path, err)
	}
	if info.IsDir() {
		return Source{}, Problem{File: path, Text: "is a directory", Hint: insideHint(path)}
	}
	if !info.Mode().IsRegular() && info.Mode()&(fs.ModeNamedPipe|fs.ModeCharDevice) == 0 {
		return Source{}, Problem{File: path, Text: "is not a regular file", Hint: "name a YAML file, or - for standard input"}
	}
	f, err := os.Open(path)
	if err != nil {
		return Source{}, unreadable(path, err)
	}
	defer f.Close()
	return read(path, f)
}

func unreadable(path string, err error) Problem {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Problem{File: path, Text: "no such file", Hint: besideHint(path)}
	case errors.Is(err, fs.ErrPermission):
		return Problem{File: path, Text: "permission denied"}
	}
	return Problem{File: path, Text: "cannot be read: " + err.Error()}
}

// insideHint names the YAML files of a directory.
func insideHint(dir string) string {
	names, err := filepath.Glob(filepath.Join(dir, "*.y*ml"))
	if err != nil || len(names) == 0 {
		return "name a YAML file"
	}
	return fmt.Sprintf("name one of its %d YAML files, such as %s", len(names), names[0])
}

// besideHint names the file that was probably meant.
func besideHint(path string) string {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return ""
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if near := Nearest(filepath.Base(path), names); near != "" {
		return fmt.Sprintf("did you mean %s?", filepath.Join(filepath.Dir(path), near))
	}
	return ""
}

func read(name string, r io.Reader) (Source, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return Source{}, Problem{File: name, Text: "cannot be read: " + err.Error()}
	}
	src := Source{Name: name, Data: data}
	if p, bad := src.validateText(); bad {
		return Source{}, p
	}
	return src, nil
}

// validateText returns a Problem if the bytes cannot be YAML, before any parser
// sees them.
func (s Source) validateText() (Problem, bool) {
	switch {
	case len(s.Data) > MaxBytes:
		return Problem{File: s.Name, Text: fmt.Sprintf("is larger than %d MiB", MaxBytes>>20), Hint: "is this the right file?"}, true
	case len(bytes.TrimSpace(s.Data)) == 0:
		return Problem{File: s.Name, Line: 1, Text: "is empty"}, true
	case bytes.IndexByte(s.Data, 0) >= 0 || !utf8.Valid(s.Data):
		return Problem{File: s.Name, Line: 1 + badLine(s.Data), Text: "is not text (YAML is UTF-8)", Hint: "is this the right file?"}, true
	}
	return Problem{}, false
}

// badLine is how many lines come before the first byte that is not text.
func badLine(b []byte) int {
	lines := 0
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == 0 || r == utf8.RuneError && n == 1 {
			return lines
		}
		if r == '\n' {
			lines++
		}
		b = b[n:]
	}
	return lines
}
