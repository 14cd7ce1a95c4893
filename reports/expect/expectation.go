// Package expect is the grammar of expectations: which metric of which arm
// must compare how, and what it means if it does not. It parses and prints;
// it measures nothing and judges nothing (see reports/gate).
package expect

// Role says what an unmet expectation means.
type Role string

// Roles.
const (
	Gate     Role = "gate"     // unmet: the run fails
	Contrast Role = "contrast" // unmet: the run proves nothing (invalid)
	Info     Role = "info"     // shown
)

// Metric names a figure of the ledger.
type Metric string

// Metrics. Counts are requests, times are milliseconds.
const (
	Lost          Metric = "lost"
	OK            Metric = "ok"
	Sent          Metric = "sent"
	Unsent        Metric = "unsent"
	Masked        Metric = "masked"
	Unexplained   Metric = "unexplained"
	Releases      Metric = "releases"
	StaleRoute    Metric = "staleRoute"    // ms, the longest of the arm's releases
	LongestOutage Metric = "longestOutage" // ms
	P50           Metric = "p50"           // ms, from due
	P99           Metric = "p99"
	Max           Metric = "max"
	Timeouts      Metric = "timeouts" // lost requests whose root cause is a time-out

	// Of coming online.
	EarlyRequests         Metric = "earlyRequests"         // requests sent to an instance before its registration was acknowledged
	ReadyBeforeRegistered Metric = "readyBeforeRegistered" // instances that the cluster held ready before they were registered
	WarmupExponent        Metric = "warmupExponent"        // of the warm-ups' curve, with its interval
	WarmupFit             Metric = "warmupFit"             // probability of counts that far from the declared curve
	WarmShareSpread       Metric = "warmShareSpread"       // largest distance between warm instances, over a fair share
	Governed              Metric = "governed"              // share of requests whose consumers follow the weights, with its interval
)

// Unit is what a metric is measured in.
type Unit string

// Units.
const (
	Count  Unit = "count of requests"
	Millis Unit = "time"
	Number Unit = "number"
)

// Expectation is one line of a scenario's expect list, and one JUnit case.
type Expectation struct {
	Name   string     `json:"name"` // "gray lost is 0" unless the scenario names it
	Arm    string     `json:"arm"`
	Metric Metric     `json:"metric"`
	Is     Comparison `json:"is"`
	Role   Role       `json:"role"`
	Why    string     `json:"why,omitempty"`
	Filter Filter     `json:"filter,omitzero"`
	File   string     `json:"file,omitempty"`
	Line   int        `json:"line,omitempty"`
}

// Comparison is the right-hand side. Exactly one form holds: Predicted, or an
// interval [Low, High] of which either end may be absent.
type Comparison struct {
	Text      string   `json:"text"` // as written: "0", ">= 10", "23..31", "predicted"
	Predicted bool     `json:"predicted,omitempty"`
	Low       *float64 `json:"low,omitempty"`
	High      *float64 `json:"high,omitempty"`
	OpenLow   bool     `json:"openLow,omitempty"`  // > rather than >=
	OpenHigh  bool     `json:"openHigh,omitempty"` // < rather than <=
}

// Filter narrows the requests that count; empty fields do not narrow.
type Filter struct {
	Stream  string   `json:"stream,omitempty"`
	Hop     string   `json:"hop,omitempty"`     // a->b
	Classes []string `json:"classes,omitempty"` // of root causes
	Window  string   `json:"window,omitempty"`  // stale-route, drain-cut …; of a latency [WarmupWindow]
}

// Unbounded reports whether every value would satisfy c, so that it says
// nothing: no text that parses does that, a damaged plan may.
func (c Comparison) Unbounded() bool { return !c.Predicted && c.Low == nil && c.High == nil }

// Covers reports whether a figure that is known to lie between low and high
// satisfies c: a number must be among what it may be, and a range must hold all
// that it may be.
func (c Comparison) Covers(low, high float64) bool {
	if c.Low != nil && c.High != nil && *c.Low == *c.High {
		return low <= *c.Low && *c.High <= high
	}
	return c.Holds(low, 0, 0) && c.Holds(high, 0, 0)
}

// Holds reports whether v satisfies c; low and high are the prediction's
// bounds, used where c is Predicted.
func (c Comparison) Holds(v, low, high float64) bool {
	if c.Predicted {
		return v >= low && v <= high
	}
	if c.Low != nil && (v < *c.Low || c.OpenLow && v == *c.Low) {
		return false
	}
	if c.High != nil && (v > *c.High || c.OpenHigh && v == *c.High) {
		return false
	}
	return true
}
