// Package scenarios is the catalogue: every YAML file in this folder is a
// scenario with expectations and a comment that explains it. [List] describes
// them, [Open] returns one by name, and [Prepare] compiles what a user named to
// a plan.
//
// To add a scenario, add a file: there is no table.
package scenarios

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"zeroloss/internal/input"
	"zeroloss/scenarios/spec"
)

//go:embed *.yaml
var files embed.FS

// Entry is one scenario of the catalogue.
type Entry struct {
	Name        string
	Title       string
	Description string        // the comment at the top of the file
	Duration    time.Duration // of all its cycles at speed 1
	Runtimes    []string      // that can run it; none: all
}

// Names lists the names of the scenarios.
func Names() []string {
	paths, err := fs.Glob(files, "*.yaml")
	if err != nil {
		panic(err) // the pattern is constant
	}
	for i, p := range paths {
		paths[i] = strings.TrimSuffix(p, ".yaml")
	}
	return paths
}

// List describes the scenarios, sorted by name.
func List() ([]Entry, error) {
	var entries []Entry
	for _, name := range Names() {
		src, err := Open(name)
		if err != nil {
			return nil, err
		}
		s, err := spec.Decode(src)
		if err != nil {
			return nil, fmt.Errorf("reading the catalogue: %w", err)
		}
		entries = append(entries, Entry{
			Name: name, Title: s.Metadata.Title, Description: s.Description,
			Duration: time.Duration(s.Spec.Time.Duration) * time.Duration(s.Spec.Time.Cycles),
			Runtimes: s.Spec.Runtimes,
		})
	}
	return entries, nil
}

// Open returns a scenario of the catalogue by name. If there is none, the error
// contains the nearest name.
func Open(name string) (input.Source, error) {
	data, err := files.ReadFile(strings.TrimSuffix(name, ".yaml") + ".yaml")
	if err != nil {
		return input.Source{}, input.Problem{File: name, Text: "is neither a file nor a scenario of the catalogue", Hint: input.DidYouMean(name, Names())}
	}
	return input.Source{Name: strings.TrimSuffix(name, ".yaml") + ".yaml", Data: data}, nil
}
