// Package reports reads a run directory into a [Report]: the plan, the ledger and
// the verdict of a run.
//
// Package present turns a Report into words, once for all formats. The packages
// text, markdown, junit, html and chart lay these words out; summary writes the
// figures for programs; repeats compares several runs.
package reports

import (
	"zeroloss/reports/gate"
	"zeroloss/reports/ledger"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/rundir"
)

// Report is one run, counted and judged.
type Report struct {
	Meta   Meta
	Plan   *plan.Plan
	Ledger *ledger.Ledger
	Result gate.Result
	// Points are all requests that were sent, for scatter plots.
	Points []Point
	// CompareWith is another run, whose propagation delay is shown beside this
	// one's; nil: none.
	CompareWith *Report
}

// Point is one request in a scatter plot.
type Point struct {
	Stream    string
	DueMs     float64 // offset from the start of the load
	LatencyMs float64 // from due to done
	Lost      bool
	Masked    bool
	Class     string // root cause; "" if ok
}

// Meta says where a run came from.
type Meta = rundir.Meta

// Machine is the machine of a run.
type Machine = rundir.Machine
