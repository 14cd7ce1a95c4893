// Package gate judges a ledger: pass, fail or invalid, each with its
// evidence. An unfit instrument is invalid before anything else, a failed
// gate goes before an unmet contrast, and what was not measured never passes.
//
// It computes no figure of its own: it compares what the ledger counted.
package gate

import (
	"cmp"
	"time"

	"zeroloss/reports/expect"
	"zeroloss/reports/ledger"
)

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
	Verdict         Verdict
	Reasons         []string // why not pass; empty for pass. Each says what, where, and what to do
	Expectations    []Outcome
	Criteria        Criteria // the limits it was judged by, defaults filled in
	InstrumentUnfit bool     // the instrument was not fit: Reasons say why, and no outcome counts
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
	// MaxClockShare of the registry's push delay is how wrong a clock may be;
	// 0 is 0.25. Two clocks are then out by half of the delay at most, and a
	// stale route, which lasts about as long as it, cannot be taken for what
	// came before or after it.
	MaxClockShare float64
}

// MaxClock is how wrong a clock of a run may be. A run whose registry is not
// known is held to the usual push delay.
func (c Criteria) MaxClock(k ledger.Clock) time.Duration {
	push := cmp.Or(k.PushDelay, 500*time.Millisecond)
	return time.Duration(c.withDefaults().MaxClockShare * float64(push))
}
