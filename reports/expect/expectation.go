// Package expect is the grammar of expectations: which metric of which arm is
// compared with what, and what it means if the comparison does not hold. It
// parses and prints; it measures and judges nothing (see reports/gate).
package expect

// Role is what an unmet expectation means.
type Role string

// Roles.
const (
	Gate     Role = "gate"     // unmet: the run fails
	Contrast Role = "contrast" // unmet: the run is invalid, as it proves nothing
	Info     Role = "info"     // for information only
)

// Metric is a figure of the ledger.
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
	StaleRoute    Metric = "staleRoute"    // ms, longest of the arm's releases
	LongestOutage Metric = "longestOutage" // ms
	P50           Metric = "p50"           // ms, from the due time
	P99           Metric = "p99"
	Max           Metric = "max"
	Timeouts      Metric = "timeouts" // lost requests whose root cause is a time-out

	// About instances that start under load.
	EarlyRequests         Metric = "earlyRequests"         // requests sent to an instance before its registration was acknowledged
	ReadyBeforeRegistered Metric = "readyBeforeRegistered" // instances that the cluster held ready before they were registered
	WarmupExponent        Metric = "warmupExponent"        // of the warm-ups' curve, with its interval
	WarmupFit             Metric = "warmupFit"             // probability of counts at least as far from the declared curve
	WarmShareSpread       Metric = "warmShareSpread"       // largest difference between warm instances, as a part of a fair share
	Governed              Metric = "governed"              // share of requests whose consumers use the weights, with its interval
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

// Comparison is the right-hand side of an expectation: either Predicted, or an
// interval [Low, High] of which either end may be absent.
type Comparison struct {
	Text      string   `json:"text"` // as written: "0", ">= 10", "23..31", "predicted"
	Predicted bool     `json:"predicted,omitempty"`
	Low       *float64 `json:"low,omitempty"`
	High      *float64 `json:"high,omitempty"`
	OpenLow   bool     `json:"openLow,omitempty"`  // > rather than >=
	OpenHigh  bool     `json:"openHigh,omitempty"` // < rather than <=
}

// Filter selects the requests that count. Empty fields select all.
type Filter struct {
	Stream  string   `json:"stream,omitempty"`
	Hop     string   `json:"hop,omitempty"`     // a->b
	Classes []string `json:"classes,omitempty"` // root causes
	Window  string   `json:"window,omitempty"`  // stale-route, drain-cut …; for a latency [WarmupWindow]
}

// Unbounded reports whether every value satisfies c, so that it says nothing.
// No text parses to that, but a damaged plan may contain it.
func (c Comparison) Unbounded() bool { return !c.Predicted && c.Low == nil && c.High == nil }

// Covers reports whether a figure that lies between low and high satisfies c: a
// single number must lie in that interval, and a range must contain all of it.
func (c Comparison) Covers(low, high float64) bool {
	if c.Low != nil && c.High != nil && *c.Low == *c.High {
		return low <= *c.Low && *c.High <= high
	}
	return c.Holds(low, 0, 0) && c.Holds(high, 0, 0)
}

// Holds reports whether v satisfies c. low and high are the bounds of the
// prediction; they are used if c is Predicted.
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
