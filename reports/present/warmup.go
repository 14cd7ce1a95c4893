package present

import (
	"cmp"
	"fmt"
	"math"
	"strings"

	"zeroloss/internal/format"
	"zeroloss/reports/curve"
	"zeroloss/reports/gate"
	"zeroloss/reports/ledger"
	"zeroloss/reports/ledger/warmup"
)

// Warmup is one warm-up under load: what was declared and what was measured.
type Warmup struct {
	Name       string // of the instance, short
	Instance   string
	Declared   string // "quadratic over 120 s"
	Start      string
	Arms       string
	Verdict    string // pass, fail, or invalid if it was not measured
	Sign       string
	Conclusion string
	Failed     string // "3 of its calls failed"; "" if none
	Evidence   []string
	Consumers  []WarmupConsumer
	Raw        warmup.Measurement

	short string // Conclusion without its second half
}

// WarmupConsumer is one consumer's part of a warm-up.
type WarmupConsumer struct{ Name, Sent, Received, Exponent, FollowsWeights string }

func warmups(l *ledger.Ledger) []Warmup {
	var out []Warmup
	for _, w := range l.Warmups {
		verdict := gate.Invalid
		if holds, known := w.Holds(); holds {
			verdict = gate.Pass
		} else if known {
			verdict = gate.Fail
		}
		short, rest := conclusion(w)
		x := Warmup{
			Name: ShortPod(w.Instance), Instance: w.Instance.String(), Declared: declaration(w), Start: format.Offset(w.Start), Arms: names(w.Arms),
			Verdict: string(verdict), Sign: verdictSign(verdict), Conclusion: short + rest, short: short,
			Failed: failedCalls(w), Evidence: evidence(w), Raw: w,
		}
		for _, c := range w.Consumers {
			x.Consumers = append(x.Consumers, newWarmupConsumer(w, c))
		}
		out = append(out, x)
	}
	return out
}

func newWarmupConsumer(w warmup.Measurement, c warmup.Consumer) WarmupConsumer {
	exponent := noValue // of a curve that has none
	if w.DeclaredExponent > 0 {
		exponent = fmt.Sprintf("%.2f (%.2f–%.2f)", c.Exponent.Value, c.Exponent.Low, c.Exponent.High)
	}
	return WarmupConsumer{
		c.Name, format.Int(c.Sent), format.Int(c.Got), exponent,
		fmt.Sprintf("%.0f %% (%.0f–%.0f)", 100*c.Governed.Value, math.Floor(100*c.Governed.Low), math.Ceil(100*c.Governed.High)),
	}
}

// declaration is what the metadata declared: "quadratic over 120 s".
func declaration(w warmup.Measurement) string {
	name := cmp.Or(w.Model, "linear")
	switch {
	case name == "power" && w.DeclaredExponent > 0:
		name = curveName(w.DeclaredExponent)
	case w.Curve > 0:
		name = fmt.Sprintf("%s %g", name, w.Curve)
	}
	return name + " over " + format.Seconds(w.Window)
}

// curveName is the name of an exponent, if it has one.
func curveName(c float64) string {
	switch c {
	case 1:
		return "linear"
	case 2:
		return "quadratic"
	case 3:
		return "cubic"
	}
	return fmt.Sprintf("exponent %g", c)
}

// WarmupConclusion says in one sentence whether a warm-up was as declared.
func WarmupConclusion(w warmup.Measurement) string {
	short, rest := conclusion(w)
	return short + rest
}

func conclusion(w warmup.Measurement) (short, rest string) {
	if _, known := w.Holds(); !known {
		return NotMeasured + ": " + cmp.Or(w.Unmeasured, "too few requests"), ""
	}
	e, f := w.Exponent, w.Fit
	if w.DeclaredExponent == 0 {
		return follows(f) + " (" + format.PValue(f.Upper) + ")", ""
	}
	exponent := fmt.Sprintf("exponent %.2f (95 %% interval %.2f–%.2f)", e.Value, e.Low, e.High)
	switch {
	case !e.Contains(w.DeclaredExponent):
		return exponent + ": not " + curveName(w.DeclaredExponent) + " as declared", ""
	case !f.Agrees(warmup.FitSignificance):
		return follows(f) + " (" + format.PValue(f.Upper) + ")", ", although " + exponent + " matches"
	}
	var excluded []string
	for _, c := range warmup.NeighbourExponents(w.DeclaredExponent) {
		if !e.Contains(c) {
			excluded = append(excluded, curveName(c))
		}
	}
	short = exponent + ": " + curveName(w.DeclaredExponent) + " as declared"
	if len(excluded) == 0 {
		return short, ", but no other curve is ruled out"
	}
	return short, "; " + strings.Join(excluded, " and ") + " ruled out"
}

func follows(f *curve.Fit) string {
	if f.Agrees(warmup.FitSignificance) {
		return "traffic follows the declared curve"
	}
	return "traffic does not follow the declared curve"
}

// failedCalls counts the failed calls to the new instance; "" if there are none.
func failedCalls(w warmup.Measurement) string {
	n := 0
	for _, b := range w.Bins {
		n += b.Failed
	}
	if n == 0 {
		return ""
	}
	return format.Int(n) + " of its calls failed"
}

// evidence is what a conclusion rests on, a sentence each.
func evidence(w warmup.Measurement) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if w.Requests > 0 {
		add("%s", requestsOfWarmup(w))
	}
	if f := w.Fit; f != nil {
		s := fmt.Sprintf("%s: χ² %.1f over %d intervals, %s, threshold α = %g", follows(f), f.ChiSquare, f.DF, format.PValue(f.Upper), warmup.FitSignificance)
		if f.Regular(warmup.FitSignificance) {
			s += fmt.Sprintf("; more even than chance (%s), as with round robin", format.PValue(f.Lower))
		}
		add("%s", s)
	}
	if s := w.Step; s != nil {
		found := "no step at the end of the window"
		if s.P < warmup.FitSignificance {
			found = "a step at the end of the window"
		}
		points := func(share float64) string { return format.SignedFloat(100*share, 1) }
		add("%s: %s percentage points, 95 %% interval %s to %s", found, points(s.Size), points(s.Low), points(s.High))
	}
	if f := w.Fairness; f != nil {
		found := "warm instances share traffic evenly"
		if !f.Agrees(warmup.FitSignificance) {
			found = "warm instances do not share traffic evenly"
		}
		add("%s: at most %.1f %% apart, %s", found, 100*f.Spread, format.PValue(f.Upper))
	}
	if g := w.Governed; g != nil {
		add("%.0f %% of requests follow the weights, 95 %% interval %.0f–%.0f %%", 100*g.Value, math.Floor(100*g.Low), math.Ceil(100*g.High))
	}
	switch {
	case w.Requests == 0:
	case w.UnlistedCalls == 0:
		add("every call went to an instance on its consumer's list")
	default:
		add("%s went to an instance that was not on its consumer's list", format.Count(w.UnlistedCalls, "call"))
	}
	return out
}

func requestsOfWarmup(w warmup.Measurement) string {
	s := format.Count(w.Requests, "request") + " in the window"
	if !w.NoEffect {
		s += " could be evaluated"
	}
	if w.RequestsNeeded > 0 {
		s += fmt.Sprintf(" (%s needed)", format.Int(w.RequestsNeeded))
	}
	return s
}
