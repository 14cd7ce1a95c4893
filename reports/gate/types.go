// Package gate judges a ledger: pass, fail or invalid, each with its
// evidence. An unfit instrument is invalid before anything else, a failed
// gate goes before an unmet contrast, and what was not measured never passes.
//
// It computes no figure of its own: it compares what the ledger counted.
package gate

import "zeroloss/reports/expect"

// Verdict of a run or of one expectation.
type Verdict string

// Verdicts.
const (
	Pass    Verdict = "pass"
	Fail    Verdict = "fail"
	Invalid Verdict = "invalid"
)

// Result is the judgement of a run.
type Result struct {
	Verdict      Verdict
	Reasons      []string // why not pass; empty for pass. Each says what, where, and what to do
	Expectations []Outcome
	Criteria     Criteria // the limits it was judged by, defaults filled in
	Unfit        bool     // the instrument was not fit: Reasons say why, and no outcome counts
}

// Outcome of one expectation.
type Outcome struct {
	Expectation expect.Expectation
	Verdict     Verdict
	Want, Got   string
	Evidence    []string // the windows, hops and instances behind the number
}

// Criteria are the limits of the instrument (design/measurement §8).
type Criteria struct {
	MaxUnsentShare  float64 // 0 is 0.001
	MaxRateErrorPct float64 // 0 is 1
	MaxSlipP99Ms    float64 // 0 is 50
}
