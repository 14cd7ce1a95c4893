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
type Meta struct {
	Schema     string   `json:"schema"` // zeroloss.meta/v1
	Version    string   `json:"version"`
	Scenario   string   `json:"scenario"`
	Runtime    string   `json:"runtime"`
	Seed       uint64   `json:"seed"`
	Speed      float64  `json:"speed"`
	Started    string   `json:"started"`    // RFC 3339
	ZeroMicros int64    `json:"zeroMicros"` // time zero; 0 until it is known
	Machine    Machine  `json:"machine"`
	Command    []string `json:"command,omitempty"`
}

// Machine is what the run ran on.
type Machine struct {
	OS, Arch, Go string
	CPUs         int
	MemoryMB     int64
	Kernel       string
}
