package plan

import (
	"fmt"
	"slices"

	"zeroloss/internal/input"
	"zeroloss/scenarios/spec"
)

// diagnostics collects what is wrong with the input (problems) and what will
// not work as its author may expect (warnings).
type diagnostics struct {
	scenario *spec.Scenario
	problems input.Problems
	warnings []Finding
}

// problem reports an error at a path of the scenario.
func (d *diagnostics) problem(path, text, hint string) {
	d.problemAt(d.scenario.Problem(path, text, hint))
}

// problemAt reports an error, once.
func (d *diagnostics) problemAt(p input.Problem) {
	if !slices.Contains(d.problems, p) {
		d.problems = append(d.problems, p)
	}
}

// warn reports a warning at a path of the scenario.
func (d *diagnostics) warn(path, text, fix string) {
	d.warnAt(d.scenario.File, d.scenario.Line(path), text, fix)
}

// warnAt reports a warning, once.
func (d *diagnostics) warnAt(file string, line int, text, fix string) {
	f := Finding{File: file, Line: line, Text: text, Fix: fix}
	if !slices.Contains(d.warnings, f) {
		d.warnings = append(d.warnings, f)
	}
}

// String is "file:line: text (fix)".
func (f Finding) String() string {
	where := f.File
	if f.Line > 0 {
		where = fmt.Sprintf("%s:%d", f.File, f.Line)
	}
	if f.Fix == "" {
		return where + ": " + f.Text
	}
	return where + ": " + f.Text + " (" + f.Fix + ")"
}
