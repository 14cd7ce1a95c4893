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

// Error is what is wrong with one field of a Line. Who knows the file adds
// where; who knows spelling turns Got and Choices into a hint.
type Error struct {
	Field   string // as in Line: arm, metric, is, role, class, window …
	Text    string
	Hint    string
	Got     string   // a word that is unknown,
	Choices []string // and those that are known
}

func (e Error) Error() string {
	if e.Hint == "" {
		return e.Field + ": " + e.Text
	}
	return fmt.Sprintf("%s: %s (%s)", e.Field, e.Text, e.Hint)
}

// Metrics lists every metric in the order in which help shows them.
func Metrics() []Metric {
	return []Metric{Lost, OK, Sent, Unsent, Masked, Unexplained, Releases, StaleRoute, SuccessGap, P50, P99, Max}
}

// Time reports whether m is a time in milliseconds rather than a count.
func (m Metric) Time() bool {
	switch m {
	case StaleRoute, SuccessGap, P50, P99, Max:
		return true
	}
	return false
}

// Filtered reports whether m counts requests that a filter can narrow.
func (m Metric) Filtered() bool {
	switch m {
	case Lost, OK, Sent, Unsent, Masked, Unexplained:
		return true
	}
	return false
}

// Parse reads one line. All that is wrong with it is returned; the
// Expectation is to be used only if nothing is.
func Parse(l Line) (Expectation, []Error) {
	e := Expectation{
		Name: l.Name, Arm: l.Arm, Metric: Metric(l.Metric), Role: Role(l.Role), Why: l.Why,
		Filter: Filter{Stream: l.Stream, Hop: l.Hop, Classes: l.Classes, Window: l.Window},
	}
	var errs []Error
	if l.Arm == "" {
		errs = append(errs, Error{Field: "arm", Text: "is missing", Hint: "say whose requests count"})
	}
	errs = append(errs, oneOf("metric", l.Metric, words(Metrics()))...)
	errs = append(errs, oneOf("role", l.Role, words([]Role{Gate, Contrast, Info}))...)
	is, err := ParseCompare(l.Is, e.Metric.Time())
	if err != nil {
		errs = append(errs, *err)
	}
	e.Is = is
	if is.Predicted && e.Metric != Lost {
		errs = append(errs, Error{Field: "is", Text: fmt.Sprintf("only lost can be predicted, not %s", l.Metric), Hint: "compare with a number"})
	}
	if e.Filter.narrows() && !e.Metric.Filtered() && knows(Metrics(), e.Metric) {
		errs = append(errs, Error{Field: "metric", Text: fmt.Sprintf("%s is of a whole arm: it takes no stream, hop, class or window", l.Metric)})
	}
	if e.Name == "" {
		e.Name = e.described()
	}
	return e, errs
}

func (f Filter) narrows() bool {
	return f.Stream != "" || f.Hop != "" || f.Window != "" || len(f.Classes) > 0
}

// described is the name of an expectation that was given none.
func (e Expectation) described() string {
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
	case !knows(choices, got):
		return []Error{{Field: field, Text: fmt.Sprintf("unknown %s %q", field, got), Got: got, Choices: choices}}
	}
	return nil
}

func words[T ~string](ts []T) []string {
	out := make([]string, len(ts))
	for i, t := range ts {
		out[i] = string(t)
	}
	return out
}

func knows[T ~string](ts []T, w T) bool {
	for _, t := range ts {
		if t == w {
			return true
		}
	}
	return false
}

// forms is the hint for a comparison that cannot be read.
const forms = `write 0, ">= 10", "<= 5ms", 23..31 or predicted`

// ParseCompare reads the right-hand side of an expectation: "0", ">= 10",
// "23..31", "predicted"; for times "<= 5ms" (kept in milliseconds).
func ParseCompare(text string, times bool) (Compare, *Error) {
	c := Compare{Text: strings.TrimSpace(text)}
	switch {
	case c.Text == "":
		return c, &Error{Field: "is", Text: "is missing", Hint: forms}
	case c.Text == "predicted":
		c.Predicted = true
		return c, nil
	case strings.Contains(c.Text, "%"):
		return c, &Error{Field: "is", Text: fmt.Sprintf("%q is a percentage", text), Hint: "rounded percentages hide losses: say a count, such as 0 or \"<= 7\""}
	}
	for _, op := range []string{">=", "<=", ">", "<", "==", "="} {
		if rest, ok := strings.CutPrefix(c.Text, op); ok {
			return c.bounded(op, rest, times)
		}
	}
	low, high, ranged := strings.Cut(c.Text, "..")
	if !ranged {
		high = low
	}
	lo, err := number(low, times)
	if err != nil {
		return c, err
	}
	hi, err := number(high, times)
	if err != nil {
		return c, err
	}
	if lo > hi {
		return c, &Error{Field: "is", Text: fmt.Sprintf("%s holds nothing: its low end is above its high end", c.Text), Hint: fmt.Sprintf("did you mean %s..%s?", strings.TrimSpace(high), strings.TrimSpace(low))}
	}
	c.Low, c.High = &lo, &hi
	return c, nil
}

// bounded is a comparison by an operator.
func (c Compare) bounded(op, rest string, times bool) (Compare, *Error) {
	v, err := number(rest, times)
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

// number reads a whole count, or a time with its unit as milliseconds.
func number(text string, times bool) (float64, *Error) {
	text = strings.TrimSpace(text)
	n, err := strconv.ParseInt(text, 10, 53)
	if err == nil && (!times || n == 0) {
		return float64(n), nil
	}
	if err == nil {
		return 0, &Error{Field: "is", Text: fmt.Sprintf("%q has no unit", text), Hint: fmt.Sprintf("a time needs one: write %sms or %ss", text, text)}
	}
	d, err := time.ParseDuration(text)
	switch {
	case err == nil && times:
		return float64(d) / float64(time.Millisecond), nil
	case err == nil:
		return 0, &Error{Field: "is", Text: fmt.Sprintf("%q is a time, but this metric is a count of requests", text), Hint: "write the number alone"}
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && !times && f != math.Trunc(f) {
		return 0, &Error{Field: "is", Text: fmt.Sprintf("%q is not a whole number: requests are counted, not averaged", text), Hint: forms}
	}
	return 0, &Error{Field: "is", Text: fmt.Sprintf("%q cannot be read", text), Hint: forms}
}
