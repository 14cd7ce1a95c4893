// Package gate judges a ledger: pass, fail or invalid, each with its evidence. An
// unfit instrument makes a run invalid before anything else, a failed gate
// precedes an unmet contrast, and a figure that was not measured never passes.
//
// The package computes no figures. It compares those of the ledger.
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

// Result is the verdict on a run.
type Result struct {
	Verdict         Verdict
	Reasons         []string // why the verdict is not pass: what, where, and what to do
	Expectations    []Outcome
	Criteria        Criteria // limits that were applied, with the defaults filled in
	InstrumentUnfit bool     // Reasons say why the measurement cannot be trusted; no outcome counts
}

// Outcome is the verdict on one expectation.
type Outcome struct {
	Expectation expect.Expectation
	Verdict     Verdict
	Want, Got   string
	Evidence    []string // windows, hops and instances behind the figure
}

// Criteria are the limits within which a measurement is trusted.
type Criteria struct {
	MaxUnsentShare  float64 // 0: 0.001
	MaxRateErrorPct float64 // 0: 1
	MaxSlipP99Ms    float64 // 0: 50
	// MaxClockShare is how far a clock may be off, as a share of the registry's
	// push delay; 0: 0.25. Two clocks then differ by half of the delay at most, so
	// that a stale route, which lasts about as long as the delay, is not confused
	// with what precedes or follows it.
	MaxClockShare float64
}

// MaxClock is how far a clock of a run may be off. Without a known registry the
// usual push delay is assumed.
func (c Criteria) MaxClock(k ledger.Clock) time.Duration {
	push := cmp.Or(k.PushDelay, 500*time.Millisecond)
	return time.Duration(c.WithDefaults().MaxClockShare * float64(push))
}
