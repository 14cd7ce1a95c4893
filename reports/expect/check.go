package expect

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"zeroloss/loadgen/record"
)

// Scope is what a plan can bring about. [Scope.Check] compares an expectation
// with it.
type Scope struct {
	Arms    []string       // that are sent requests
	Streams map[string]Arm // by name
	Hops    []string       // client->gateway, gateway->a, a->b, b->c
	Windows []string       // see [Windows]
	// Due is the number of requests of each arm.
	Due map[string]int
	// Rejects: a workload of the arm answers 503 once it is offline.
	Rejects map[string]bool
	// Releases: the plan takes instances of the arm out.
	Releases map[string]bool
	// Foreign: the services of the arm are external and report nothing.
	External map[string]bool
	// WarmsUp: instances that the arm reaches warm up when they start.
	WarmsUp map[string]bool
}

// Arm is the arm of a stream, and how many requests the stream sends.
type Arm struct {
	Name string
	Due  int
}

// Check returns an error for each name in e that does not exist, and one if e
// can never hold.
func (s Scope) Check(e Expectation) []Error {
	errs := s.checkNames(e)
	if len(errs) > 0 {
		return errs
	}
	if err := s.checkClasses(e); err != nil {
		errs = append(errs, *err)
	}
	if err := s.checkExternal(e); err != nil {
		errs = append(errs, *err)
	}
	if err := s.checkSatisfiable(e); err != nil {
		errs = append(errs, *err)
	}
	return errs
}

func (s Scope) checkNames(e Expectation) []Error {
	var errs []Error
	unknown := func(field, got string, choices []string) {
		if got != "" && !slices.Contains(choices, got) {
			errs = append(errs, Error{Field: field, Text: fmt.Sprintf("unknown %s %q", field, got), Got: got, Choices: choices})
		}
	}
	if !slices.Contains(s.Arms, e.Arm) {
		errs = append(errs, Error{Field: "arm", Text: fmt.Sprintf("no load belongs to arm %q", e.Arm), Got: e.Arm, Choices: s.Arms})
	}
	unknown("hop", e.Filter.Hop, s.Hops)
	if windows := s.Windows; e.Metric.IsLatency() {
		unknown("window", e.Filter.Window, []string{WarmupWindow})
	} else {
		unknown("window", e.Filter.Window, windows)
	}
	for _, c := range e.Filter.Classes {
		unknown("class", c, toStrings(record.Classes()))
	}
	if name := e.Filter.Stream; name != "" {
		stream, ok := s.Streams[name]
		if !ok {
			errs = append(errs, Error{Field: "stream", Text: fmt.Sprintf("unknown stream %q", name), Got: name, Choices: sortedKeys(s.Streams)})
		} else if stream.Name != e.Arm {
			errs = append(errs, Error{Field: "stream", Text: fmt.Sprintf("stream %q belongs to arm %q, not to %q", name, stream.Name, e.Arm)})
		}
	}
	return errs
}

// checkExternal rejects metrics that are not measured for external services.
func (s Scope) checkExternal(e Expectation) *Error {
	if !s.External[e.Arm] {
		return nil
	}
	if e.Is.Predicted {
		return &Error{Field: "is", Text: "losses of an external service are not predicted: its callers, and when they hear of a release, are unknown", Hint: "compare with a number"}
	}
	switch e.Metric {
	case Masked, StaleRoute, EarlyRequests, ReadyBeforeRegistered, WarmupExponent, WarmupFit, WarmShareSpread, Governed:
		return &Error{Field: "metric", Text: fmt.Sprintf("%s is not measured for an external service", e.Metric), Hint: "lost, releases, p99 and longestOutage are"}
	case Lost, OK, Sent, Unsent, Unexplained, Releases, LongestOutage, P50, P99, Max, Timeouts:
		return nil
	}
	return nil // not a metric; Parse rejects it
}

// checkClasses rejects a filter that no loss in this plan can match: the chain
// uses plain HTTP and addresses, so that DNS and TLS cannot fail, and only
// offline mode reject rejects.
func (s Scope) checkClasses(e Expectation) *Error {
	if len(e.Filter.Classes) == 0 {
		return nil
	}
	var cannot []string
	for _, c := range e.Filter.Classes {
		switch class := record.Class(c); {
		case s.External[e.Arm]: // its URL may fail in any way
		case class == record.DNS, class == record.TLS, class == record.Rejected && !s.Rejects[e.Arm]:
			cannot = append(cannot, c)
		}
	}
	if len(cannot) < len(e.Filter.Classes) {
		return nil
	}
	why := "nothing in this plan fails that way"
	if slices.Contains(cannot, string(record.Rejected)) {
		why = "no workload of the arm has offline: reject"
	}
	return &Error{Field: "class", Text: fmt.Sprintf("%s cannot occur: %s", strings.Join(cannot, ", "), why)}
}

// checkSatisfiable rejects what no run of this plan can fulfil.
func (s Scope) checkSatisfiable(e Expectation) *Error {
	if e.Is.Predicted {
		return nil
	}
	low, high := e.Is.bounds(e.Metric.Unit() == Count)
	never := func(format string, a ...any) *Error {
		return &Error{Field: "is", Text: fmt.Sprintf("can never hold: "+format, a...)}
	}
	if high < 0 {
		return never("%s %s is below zero", e.Metric, e.Is.Text)
	}
	if low > high {
		return never("%s %s is empty", e.Metric, e.Is.Text)
	}
	due := s.Due[e.Arm]
	if st, ok := s.Streams[e.Filter.Stream]; ok {
		due = st.Due
	}
	switch {
	case e.Metric.Filterable() && e.Metric != Masked && low > float64(due):
		return never("only %d requests are sent", due)
	case e.Metric.NeedsWarmup() && !s.WarmsUp[e.Arm]:
		return &Error{Field: "metric", Text: fmt.Sprintf("%s can never be measured: nothing that arm %s reaches warms up", e.Metric, e.Arm), Hint: "give a service a window under governance"}
	case (e.Metric == Releases || e.Metric == StaleRoute) && low > 0 && !s.Releases[e.Arm]:
		return never("nothing in this plan takes an instance of arm %s out", e.Arm)
	}
	return nil
}

// bounds are the ends of the interval. For whole numbers, open ends become
// closed ones.
func (c Comparison) bounds(whole bool) (low, high float64) {
	low, high = math.Inf(-1), math.Inf(1)
	if c.Low != nil {
		low = *c.Low
		if c.OpenLow && whole {
			low++
		}
	}
	if c.High != nil {
		high = *c.High
		if c.OpenHigh && whole {
			high--
		} else if c.OpenHigh {
			high = math.Nextafter(high, math.Inf(-1))
		}
	}
	return low, high
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Windows lists the windows of the ledger in the order of reports.
func Windows() []string {
	return []string{"stale-route", "drain-cut", "closed-early", "cold-start", "registry-lag", "crash", "overload", "stalled", "unexplained"}
}
