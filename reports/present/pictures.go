package present

import (
	"fmt"
	"slices"
	"strings"

	"zeroloss/internal/format"
	"zeroloss/reports/ledger/warmup"
)

// LossTitle compares what was lost with what was predicted.
func (d *Document) LossTitle() string {
	var parts []string
	for _, a := range d.Run.Ledger.Arms {
		if a.Sent == 0 {
			return d.Headline
		}
		parts = append(parts, fmt.Sprintf("%s lost %s, %s", a.Name, format.Int(a.Lost), Prediction(a)))
	}
	if len(parts) == 0 {
		return d.Headline
	}
	return strings.Join(parts, "; ") + "."
}

// TrafficTitle says what was lost while instances were released.
func (d *Document) TrafficTitle() string {
	switch n := len(d.Run.Ledger.Releases); n {
	case 0:
		return "No instance was released: " + d.Headline
	case 1:
		return "While 1 instance was released, " + d.Headline
	default:
		return fmt.Sprintf("While %s instances were released, %s", format.Int(n), d.Headline)
	}
}

// WarmupsTitle sums up all warm-ups.
func (d *Document) WarmupsTitle() string {
	switch len(d.Warmups) {
	case 0:
		return "No instance warmed up under load."
	case 1:
		return d.Warmups[0].Name + ": " + d.Warmups[0].Conclusion + "."
	}
	kept, unknown := 0, 0
	for _, w := range d.Warmups {
		switch holds, known := w.Raw.Holds(); {
		case !known:
			unknown++
		case holds:
			kept++
		}
	}
	s := fmt.Sprintf("%s of %s as declared", format.Int(kept), format.Count(len(d.Warmups), "warm-up"))
	if unknown > 0 {
		s += fmt.Sprintf(", %s not measured", format.Int(unknown))
	}
	return s + "."
}

// DrawnWarmups returns up to limit warm-ups that have something to draw, the
// measured ones first.
func (d *Document) DrawnWarmups(limit int) []Warmup {
	var measured, rest []Warmup
	for _, w := range d.Warmups {
		switch {
		case len(w.Raw.Bins) == 0:
		case w.Raw.Unmeasured == "":
			measured = append(measured, w)
		default:
			rest = append(rest, w)
		}
	}
	all := slices.Concat(measured, rest)
	return all[:min(limit, len(all))]
}

// ShortConclusion says in few words how one warm-up came out.
func (w Warmup) ShortConclusion() string {
	e := w.Raw.Exponent
	_, known := w.Raw.Holds()
	if !known || w.Raw.DeclaredExponent == 0 || e.Contains(w.Raw.DeclaredExponent) && !w.Raw.Fit.Agrees(warmup.FitSignificance) {
		return w.Name + ": " + w.short
	}
	return fmt.Sprintf("%s: exponent %.2f (%.2f–%.2f), declared %g", w.Name, e.Value, e.Low, e.High, w.Raw.DeclaredExponent)
}
