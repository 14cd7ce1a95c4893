package expect

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Line is an expectation as a scenario writes it.
type Line struct {
	Name, Arm, Metric, Is, Role, Why string
	Stream, Hop, Window              string
	Classes                          []string
}

// Error is what is wrong with one field of a Line. The caller, which knows the
// file, adds the position, and turns Got and Choices into a spelling hint.
type Error struct {
	Field   string // of Line: arm, metric, is, role, class, window …
	Text    string
	Hint    string
	Got     string   // the unknown word
	Choices []string // known words
}

func (e Error) Error() string {
	if e.Hint == "" {
		return e.Field + ": " + e.Text
	}
	return fmt.Sprintf("%s: %s (%s)", e.Field, e.Text, e.Hint)
}

// Metrics lists the metrics in the order of the help.
func Metrics() []Metric {
	return []Metric{Lost, OK, Sent, Unsent, Masked, Unexplained, Releases, StaleRoute, LongestOutage, P50, P99, Max,
		Timeouts, EarlyRequests, ReadyBeforeRegistered, WarmupExponent, WarmupFit, WarmShareSpread, Governed}
}

// Unit is what m is measured in.
func (m Metric) Unit() Unit {
	switch m {
	case StaleRoute, LongestOutage, P50, P99, Max:
		return Millis
	case WarmupExponent, WarmupFit, WarmShareSpread, Governed:
		return Number
	case Lost, OK, Sent, Unsent, Masked, Unexplained, Releases, Timeouts, EarlyRequests, ReadyBeforeRegistered:
		return Count
	}
	return Count // not a metric; Parse rejects it
}

// IsTime reports whether m is a time in milliseconds.
func (m Metric) IsTime() bool { return m.Unit() == Millis }

// IsLatency reports whether m is a latency, which [WarmupWindow] can narrow.
func (m Metric) IsLatency() bool { return m == P50 || m == P99 || m == Max }

// NeedsWarmup reports whether m needs an instance that warms up.
func (m Metric) NeedsWarmup() bool { return m.Unit() == Number }

// WarmupWindow narrows a latency to the requests that were due while an
// instance came online: from its registration to the end of its warm-up, or for
// ten seconds without a warm-up.
const WarmupWindow = "warmup"

// Filterable reports whether m counts requests that a [Filter] can select.
func (m Metric) Filterable() bool {
	switch m {
	case Lost, OK, Sent, Unsent, Masked, Unexplained, Timeouts:
		return true
	default: // the others are of an arm, or of its instances
		return false
	}
}

// Parse reads one line and returns everything that is wrong with it. The
// Expectation is valid only if there are no errors.
func Parse(l Line) (Expectation, []Error) {
	e := Expectation{
		Name: l.Name, Arm: l.Arm, Metric: Metric(l.Metric), Role: Role(l.Role), Why: l.Why,
		Filter: Filter{Stream: l.Stream, Hop: l.Hop, Classes: l.Classes, Window: l.Window},
	}
	var errs []Error
	if l.Arm == "" {
		errs = append(errs, Error{Field: "arm", Text: "is missing", Hint: "name the arm whose requests count"})
	}
	errs = append(errs, oneOf("metric", l.Metric, toStrings(Metrics()))...)
	errs = append(errs, oneOf("role", l.Role, toStrings([]Role{Gate, Contrast, Info}))...)
	is, err := ParseComparison(l.Is, e.Metric.Unit())
	if err != nil {
		errs = append(errs, *err)
	}
	e.Is = is
	if is.Predicted && e.Metric != Lost {
		errs = append(errs, Error{Field: "is", Text: fmt.Sprintf("only lost can be predicted, not %s", l.Metric), Hint: "compare with a number"})
	}
	if err := e.checkFilter(); err != nil {
		errs = append(errs, *err)
	}
	if e.Name == "" {
		e.Name = e.defaultName()
	}
	return e, errs
}

// checkFilter rejects a filter that does not apply to the metric.
func (e Expectation) checkFilter() *Error {
	f := e.Filter
	switch {
	case !contains(Metrics(), e.Metric):
	case e.Metric.IsLatency() && f.Window == WarmupWindow && !f.narrowsBeyondWindow():
	case f.narrows() && !e.Metric.Filterable():
		hint := ""
		if e.Metric.IsLatency() {
			hint = "only window: " + WarmupWindow
		}
		return &Error{Field: "metric", Text: fmt.Sprintf("%s is measured for a whole arm: it takes no stream, hop, class or window", e.Metric), Hint: hint}
	case e.Metric == Timeouts && len(f.Classes) > 0:
		return &Error{Field: "class", Text: "timeouts already selects the classes of time-outs", Hint: "use metric: lost"}
	}
	return nil
}

func (f Filter) narrows() bool { return f.Window != "" || f.narrowsBeyondWindow() }

func (f Filter) narrowsBeyondWindow() bool {
	return f.Stream != "" || f.Hop != "" || len(f.Classes) > 0
}

// defaultName is the name of an expectation that the scenario does not name.
func (e Expectation) defaultName() string {
	var b strings.Builder
	b.WriteString(e.Arm + " " + string(e.Metric))
	for _, part := range []struct{ label, text string }{
		{"of stream", e.Filter.Stream}, {"at", e.Filter.Hop},
		{"by", strings.Join(e.Filter.Classes, " or ")}, {"in window", e.Filter.Window},
	} {
		if part.text != "" {
			b.WriteString(" " + part.label + " " + part.text)
		}
	}
	return b.String() + " is " + e.Is.Text
}

// String is "gate: gray lost is 0".
func (e Expectation) String() string { return string(e.Role) + ": " + e.Name }

func oneOf(field, got string, choices []string) []Error {
	switch {
	case got == "":
		return []Error{{Field: field, Text: "is missing", Hint: "one of " + strings.Join(choices, ", ")}}
	case !contains(choices, got):
		return []Error{{Field: field, Text: fmt.Sprintf("unknown %s %q", field, got), Got: got, Choices: choices}}
	}
	return nil
}

func toStrings[T ~string](ts []T) []string {
	out := make([]string, len(ts))
	for i, t := range ts {
		out[i] = string(t)
	}
	return out
}

func contains[T ~string](ts []T, w T) bool {
	for _, t := range ts {
		if t == w {
			return true
		}
	}
	return false
}

// comparisonForms is the hint for a comparison that cannot be parsed.
const comparisonForms = `write 0, ">= 10", "<= 5ms", 23..31 or predicted`

// ParseComparison reads the right-hand side of an expectation: "0", ">= 10",
// "23..31", "predicted"; for times "<= 5ms" (kept in milliseconds), for numbers
// ">= 0.01".
func ParseComparison(text string, unit Unit) (Comparison, *Error) {
	c := Comparison{Text: strings.TrimSpace(text)}
	switch {
	case c.Text == "":
		return c, &Error{Field: "is", Text: "is missing", Hint: comparisonForms}
	case c.Text == "predicted":
		c.Predicted = true
		return c, nil
	case strings.Contains(c.Text, "%"):
		return c, &Error{Field: "is", Text: fmt.Sprintf("%q is a percentage", text), Hint: "rounded percentages hide losses: use a count, such as 0 or \"<= 7\""}
	}
	for _, op := range []string{">=", "<=", ">", "<", "==", "="} {
		if rest, ok := strings.CutPrefix(c.Text, op); ok {
			return c.parseBound(op, rest, unit)
		}
	}
	low, high, ranged := strings.Cut(c.Text, "..")
	if !ranged {
		high = low
	}
	lo, err := parseNumber(low, unit)
	if err != nil {
		return c, err
	}
	hi, err := parseNumber(high, unit)
	if err != nil {
		return c, err
	}
	if lo > hi {
		return c, &Error{Field: "is", Text: fmt.Sprintf("%s is empty: its low end is above its high end", c.Text), Hint: fmt.Sprintf("did you mean %s..%s?", strings.TrimSpace(high), strings.TrimSpace(low))}
	}
	c.Low, c.High = &lo, &hi
	return c, nil
}

// parseBound reads a comparison with an operator.
func (c Comparison) parseBound(op, rest string, unit Unit) (Comparison, *Error) {
	v, err := parseNumber(rest, unit)
	if err != nil {
		return c, err
	}
	switch op {
	case ">=", ">":
		c.Low, c.OpenLow = &v, op == ">"
	case "<=", "<":
		c.High, c.OpenHigh = &v, op == "<"
	default:
		c.Low, c.High = &v, &v
	}
	return c, nil
}

// parseNumber reads a whole count, a time with its unit (as milliseconds), or a
// plain number.
func parseNumber(text string, unit Unit) (float64, *Error) {
	text = strings.TrimSpace(text)
	n, err := strconv.ParseInt(text, 10, 53)
	if err == nil && (unit != Millis || n == 0) {
		return float64(n), nil
	}
	if err == nil {
		return 0, &Error{Field: "is", Text: fmt.Sprintf("%q has no unit", text), Hint: fmt.Sprintf("a time needs one: write %sms or %ss", text, text)}
	}
	d, err := time.ParseDuration(text)
	switch {
	case err == nil && unit == Millis:
		return float64(d) / float64(time.Millisecond), nil
	case err == nil:
		return 0, &Error{Field: "is", Text: fmt.Sprintf("%q is a time, but this metric is a %s", text, unit), Hint: "write a number without a unit"}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) || unit == Millis {
		return 0, &Error{Field: "is", Text: fmt.Sprintf("%q cannot be read", text), Hint: comparisonForms}
	}
	if unit == Count && f != math.Trunc(f) {
		return 0, &Error{Field: "is", Text: fmt.Sprintf("%q is not a whole number: requests are counted, not averaged", text), Hint: comparisonForms}
	}
	if unit == Count {
		return 0, &Error{Field: "is", Text: fmt.Sprintf("%q cannot be read", text), Hint: comparisonForms}
	}
	return f, nil
}
