// Package reports renders what a run showed: text for the terminal, JSON for
// programs, JUnit for CI, Markdown for pull requests; the page and the
// pictures are in reports/html and reports/chart. Each renderer is a
// func(io.Writer, *Report) error in a file of its own and a row in [Formats].
//
// It reads a [Report] and nothing else, and decides nothing.
package reports

import (
	"zeroloss/reports/gate"
	"zeroloss/reports/ledger"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/rundir"
)

// Report is all that a renderer may use.
type Report struct {
	Meta   Meta
	Plan   *plan.Plan
	Ledger *ledger.Ledger
	Result gate.Result
	// Points are all requests, for the scatter: thinned by no one but the
	// renderer that draws them.
	Points []Point
	// Beside is another run, whose propagation is shown beside this one's;
	// nil: none.
	Beside *Report
}

// Point is one request in the scatter.
type Point struct {
	Stream    string
	DueMs     float64 // offset from zero
	LatencyMs float64 // from due to done
	Lost      bool
	Masked    bool
	Class     string // root cause; "" if ok
}

// Meta is where the run came from.
type Meta = rundir.Meta

// Machine is what the run ran on.
type Machine = rundir.Machine
