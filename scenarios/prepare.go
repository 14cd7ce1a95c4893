package scenarios

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"zeroloss/internal/input"
	"zeroloss/manifests"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/spec"
)

// Request is what a user wants to run. Exactly one of Scenario and Manifests is
// set.
type Request struct {
	Scenario  string    // a name of the catalogue, or a path
	Manifests []string  // paths of manifests to run without a scenario, or - for Stdin
	Stdin     io.Reader // read where a path is -
	Set       []string  // key=value, over the scenario's spec
	Seed      uint64
	Speed     float64 // 0: the scenario's
	Arm       string  // the only arm to compile, where arms take turns
}

// Prepared is a plan and the files it was compiled from, as a run directory
// contains them.
type Prepared struct {
	Plan      *plan.Plan
	Scenario  []byte // scenario.yaml
	Manifests []byte // manifests.yaml
}

// Prepare reads, validates and compiles. It starts nothing and writes nothing.
// If the input is invalid, the error is [input.Problems] (exit code 2).
func Prepare(r Request) (*Prepared, error) {
	var overrides []spec.FieldOverride
	for _, text := range r.Set {
		o, err := spec.ParseFieldOverride(text)
		if err != nil {
			return nil, err
		}
		overrides = append(overrides, o)
	}
	src, sources, err := read(r)
	if err != nil {
		return nil, err
	}
	s, err := spec.Decode(src, overrides...)
	if err != nil {
		return nil, err
	}
	if s.Spec.Target != nil {
		return prepareTarget(s, src.Data, r)
	}
	if sources == nil {
		if sources, err = readManifests(s, r); err != nil {
			return nil, err
		}
	}
	m, err := manifests.Load(sources, manifests.Options{ImageRoles: s.Spec.ImageRoles})
	if err != nil {
		return nil, err
	}
	p, err := plan.Compile(s, m, plan.Options{Seed: r.Seed, Speed: r.Speed})
	if err != nil {
		return nil, err
	}
	return &Prepared{Plan: p, Scenario: src.Data, Manifests: joinManifests(sources)}, nil
}

// prepareTarget is a plan for what is there already: there are no manifests.
func prepareTarget(s *spec.Scenario, text []byte, r Request) (*Prepared, error) {
	p, err := plan.Compile(s, &manifests.Set{}, plan.Options{Seed: r.Seed, Speed: r.Speed, Arm: r.Arm})
	if err != nil {
		return nil, err
	}
	return &Prepared{Plan: p, Scenario: text, Manifests: []byte("# none: the target was deployed already\n")}, nil
}

// read returns the scenario. It generates one for manifests, and returns their
// sources, too.
func read(r Request) (input.Source, []input.Source, error) {
	if len(r.Manifests) == 0 {
		src, err := open(r.Scenario, r.Stdin)
		return src, nil, err
	}
	sources, err := readAll(r.Manifests, r.Stdin)
	if err != nil {
		return input.Source{}, nil, err
	}
	m, err := manifests.Load(sources, manifests.Options{})
	if err != nil {
		return input.Source{}, nil, err
	}
	src, err := plan.FromManifests(m, r.Manifests)
	return src, sources, err
}

// open opens a scenario of the catalogue, or else a file. An argument that looks
// like a path is not a name.
func open(arg string, stdin io.Reader) (input.Source, error) {
	if slices.Contains(Names(), arg) {
		return Open(arg)
	}
	_, err := os.Stat(arg)
	if err != nil && arg != "-" && !strings.ContainsRune(arg, filepath.Separator) && filepath.Ext(arg) == "" {
		return Open(arg) // for the error with the nearest name
	}
	return input.Read(arg, stdin)
}

// readAll reads every file and reports each one that cannot be read.
func readAll(paths []string, stdin io.Reader) ([]input.Source, error) {
	var sources []input.Source
	var problems input.Problems
	for _, p := range paths {
		src, err := input.Read(p, stdin)
		if err != nil {
			problems = append(problems, input.All(p, err)...)
			continue
		}
		sources = append(sources, src)
	}
	return sources, problems.Err()
}

// readManifests reads what a scenario names: a file beside it, or one of the
// catalogue.
func readManifests(s *spec.Scenario, r Request) ([]input.Source, error) {
	var sources []input.Source
	var problems input.Problems
	inCatalogue := slices.Contains(Names(), r.Scenario)
	for i, name := range s.Spec.Manifests {
		path := name
		if !filepath.IsAbs(name) && name != "-" && !inCatalogue {
			path = filepath.Join(filepath.Dir(r.Scenario), name)
		}
		embedded, ok := manifests.Open(name)
		if _, err := os.Stat(path); ok && (inCatalogue || err != nil) {
			sources = append(sources, embedded)
			continue
		}
		src, err := input.Read(path, r.Stdin)
		for _, p := range input.All(path, err) {
			hint := p.Hint
			if hint == "" {
				hint = input.DidYouMean(name, manifests.Names())
			}
			at := s.Problem("spec.manifests", "manifest "+p.File+": "+p.Text, hint)
			at.Line = s.Line(fmt.Sprintf("spec.manifests[%d]", i))
			problems = append(problems, at)
		}
		if err == nil {
			sources = append(sources, src)
		}
	}
	return sources, problems.Err()
}

// joinManifests is all manifests as one text.
func joinManifests(sources []input.Source) []byte {
	var b bytes.Buffer
	for i, s := range sources {
		if i > 0 {
			b.WriteString("---\n")
		}
		b.WriteString("# " + s.Name + "\n")
		b.Write(s.Data)
		if !bytes.HasSuffix(s.Data, []byte("\n")) {
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}
