package manifests

import "zeroloss/internal/input"

// Finding is a correction or a warning about a line of a manifest.
type Finding struct {
	File string
	Line int
	Text string
	Fix  string
}

// diagnostics collects what every part of [Load] has to say about the sources,
// so that one run reports everything.
type diagnostics struct {
	problems    input.Problems // one of them makes the sources invalid
	corrections []Finding
	warnings    []Finding
}

func (d *diagnostics) problem(n input.Node, text, hint string) {
	d.problems = append(d.problems, n.Problem(text, hint))
}

func (d *diagnostics) correct(n input.Node, text, fix string) {
	d.corrections = append(d.corrections, Finding{File: n.File(), Line: n.Line(), Text: text, Fix: fix})
}

func (d *diagnostics) warn(n input.Node, text, fix string) {
	d.warnings = append(d.warnings, Finding{File: n.File(), Line: n.Line(), Text: text, Fix: fix})
}
