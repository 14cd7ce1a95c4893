package reports

import (
	"cmp"
	"fmt"
	"math"
	"strings"

	"zeroloss/reports/curve"
	"zeroloss/reports/ledger"
)

// Promise is what a warm-up was to be: "quadratic over 120 s".
func Promise(w ledger.Warmup) string {
	name := cmp.Or(w.Model, "linear")
	switch {
	case name == "power" && w.DeclaredExponent > 0:
		name = curveName(w.DeclaredExponent)
	case w.Curve > 0:
		name = fmt.Sprintf("%s %g", name, w.Curve)
	}
	return fmt.Sprintf("%s over %s", name, seconds(w.Window.Seconds()))
}

func seconds(s float64) string { return fmt.Sprintf("%.4g s", s) }

// curveName is an exponent in a word, where there is one.
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

// Kept is whether a warm-up was as promised, in one sentence with its number.
func Kept(w ledger.Warmup) string {
	e, f := w.Exponent, w.Fit
	if _, known := w.Holds(); !known {
		return "not measured: " + cmp.Or(w.Unmeasured, "too few requests")
	}
	if w.DeclaredExponent == 0 {
		return follows(f)
	}
	s := fmt.Sprintf("the exponent is %.2f, 95 %% interval %.2f–%.2f", e.Value, e.Low, e.High)
	switch {
	case !e.Contains(w.DeclaredExponent):
		return s + ": not " + curveName(w.DeclaredExponent) + ", as was declared"
	case !f.Agrees(ledger.FitSignificance):
		return follows(f) + ", though " + s
	}
	s += ": " + curveName(w.DeclaredExponent) + " as declared"
	var out []string
	for _, c := range ledger.NeighbourExponents(w.DeclaredExponent) {
		if !e.Contains(c) {
			out = append(out, curveName(c))
		}
	}
	if len(out) == 0 {
		return s + ", though nothing is excluded"
	}
	return s + ", " + strings.Join(out, " and ") + " excluded"
}

// follows is what a fit says of the shares.
func follows(f *curve.Fit) string {
	verb := "follow"
	if !f.Agrees(ledger.FitSignificance) {
		verb = "do not follow"
	}
	return "the shares " + verb + " the curve that was declared, " + p(f.Upper)
}

// Evidence is what stands behind [Kept], a sentence each.
func Evidence(w ledger.Warmup) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if w.Requests > 0 {
		s := count(w.Requests) + " requests within the window told of it"
		if w.NoEffect {
			s = count(w.Requests) + " requests came within the window"
		}
		if w.RequestsNeeded > 0 {
			s += fmt.Sprintf(" (%s are needed)", count(w.RequestsNeeded))
		}
		add("%s", s)
	}
	if f := w.Fit; f != nil {
		verdict := "the shares follow the declared curve"
		if !f.Agrees(ledger.FitSignificance) {
			verdict = "the shares do not follow the declared curve"
		}
		s := fmt.Sprintf("%s: χ² %.1f over %d stretches, %s against α = %g", verdict, f.ChiSquare, f.DF, p(f.Upper), ledger.FitSignificance)
		if f.Regular(ledger.FitSignificance) {
			s += fmt.Sprintf("; more regular than chance (%s), as round robin is", p(f.Lower))
		}
		add("%s", s)
	}
	if s := w.Step; s != nil {
		verdict := "no step at its end"
		if s.P < ledger.FitSignificance {
			verdict = "a step at its end"
		}
		add("%s: %s points of share, 95 %% interval %s to %s", verdict, signed(100*s.Size), signed(100*s.Low), signed(100*s.High))
	}
	if f := w.Fairness; f != nil {
		verdict := "the warm ones share alike"
		if !f.Agrees(ledger.FitSignificance) {
			verdict = "the warm ones do not share alike"
		}
		add("%s: at most %.1f %% apart, %s", verdict, 100*f.Spread, p(f.Upper))
	}
	if g := w.Governed; g != nil {
		add("%.0f %% of the requests follow the weights, 95 %% interval %.0f–%.0f %%", 100*g.Value, math.Floor(100*g.Low), math.Ceil(100*g.High))
	}
	if w.Requests > 0 {
		if w.UnlistedCalls == 0 {
			add("every call went to an instance that its consumer's list showed")
		} else {
			add("%s went to instances that their consumers' lists did not show", counted(w.UnlistedCalls, "call"))
		}
	}
	return out
}

func signed(v float64) string { return strings.Replace(fmt.Sprintf("%+.1f", v), "-", "−", 1) }

// p is a probability as statistics tell it. A power of ten would lose its sign in
// a picture, whose letters have no raised minus.
func p(v float64) string {
	switch {
	case v < 1e-6:
		return "p < 0.000001"
	case v < 0.0995:
		return fmt.Sprintf("p = %.2g", v)
	}
	return fmt.Sprintf("p = %.2f", v)
}

// warmups tells each of them on the terminal.
func (p *printer) warmups(l *ledger.Ledger) {
	if len(l.Warmups) == 0 {
		return
	}
	p.section("Warm-ups")
	for _, w := range l.Warmups[:min(shownWarmups, len(l.Warmups))] {
		p.line("  %s  %s, from %s", w.Instance, Promise(w), at(w.Start))
		for _, s := range append([]string{Kept(w)}, Evidence(w)...) {
			p.line("    %s", s)
		}
	}
	if n := len(l.Warmups) - shownWarmups; n > 0 {
		p.line("  and %s, in the page", counted(n, "more warm-up"))
	}
}

// shownWarmups bounds what the terminal tells.
const shownWarmups = 4
