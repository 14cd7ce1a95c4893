package format

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"zeroloss/reports"
	"zeroloss/reports/ledger"
)

// Warmups are up to limit of those with anything to draw: those that were
// measured first, in the ledger's order.
func Warmups(l *ledger.Ledger, limit int) []ledger.Warmup {
	var measured, rest []ledger.Warmup
	for _, w := range l.Warmups {
		switch {
		case len(w.Bins) == 0:
		case w.Unmeasured == "":
			measured = append(measured, w)
		default:
			rest = append(rest, w)
		}
	}
	all := append(measured, rest...)
	return all[:min(limit, len(all))]
}

// Stamp is an instant of a coming, as its line is labelled.
type Stamp struct {
	At   time.Duration
	Word string
}

// Labels joins the words of stamps that lie within near of each other and could
// not be read side by side: "listening · registered, ready", in the middle of
// their lines.
func Labels(stamps []Stamp, near time.Duration) []Stamp {
	var out []Stamp
	var last time.Duration
	for _, s := range stamps {
		if n := len(out); n > 0 && s.At-last < near {
			first := 2*out[n-1].At - last
			out[n-1] = Stamp{(first + s.At) / 2, out[n-1].Word + " · " + s.Word}
		} else {
			out = append(out, s)
		}
		last = s.At
	}
	return out
}

// Stamps are the instants of a coming, by time; those that lie within near of
// one before share its line.
func Stamps(w ledger.Warmup, near time.Duration) []Stamp {
	var all []Stamp
	for _, s := range []struct {
		at   *time.Duration
		word string
	}{{w.Listening, "listening"}, {w.Registered, "registered"}, {w.Ready, "ready"}, {w.WarmedUp, "warm"}} {
		if s.at != nil {
			all = append(all, Stamp{*s.at, s.word})
		}
	}
	slices.SortStableFunc(all, func(a, b Stamp) int { return int(a.At - b.At) })
	var out []Stamp
	for _, s := range all {
		if n := len(out); n > 0 && s.At-out[n-1].At < near {
			out[n-1].Word += ", " + s.Word
			continue
		}
		out = append(out, s)
	}
	return out
}

// WarmupsHeadline is the finding of all warm-ups in a sentence for a slide.
func WarmupsHeadline(l *ledger.Ledger) string {
	if len(l.Warmups) == 1 {
		w := l.Warmups[0]
		return ShortPod(w.Instance) + ": " + strings.TrimPrefix(reports.Kept(w), "the ")
	}
	kept, unknown := 0, 0
	for _, w := range l.Warmups {
		switch holds, known := w.Holds(); {
		case !known:
			unknown++
		case holds:
			kept++
		}
	}
	s := fmt.Sprintf("%s of %s came as declared", Int(kept), Count(len(l.Warmups), "warm-up"))
	if unknown > 0 {
		s += fmt.Sprintf(", %s not measured", Int(unknown))
	}
	return s
}

// WarmupShort is the finding of one warm-up in few words.
func WarmupShort(w ledger.Warmup) string {
	name := ShortPod(w.Instance)
	e := w.Exponent
	if _, known := w.Holds(); !known || w.DeclaredExponent == 0 || e.Contains(w.DeclaredExponent) && !w.Fit.Agrees(ledger.FitSignificance) {
		kept, _, _ := strings.Cut(reports.Kept(w), ", though the exponent is")
		return name + ": " + strings.TrimPrefix(kept, "the ")
	}
	return fmt.Sprintf("%s: exponent %.2f (%.2f–%.2f), declared %g", name, e.Value, e.Low, e.High, w.DeclaredExponent)
}

// WarmupScale is the highest rate (requests a second) and the longest latency
// that the picture of a warm-up has to show.
func WarmupScale(w ledger.Warmup) (qps float64, latency time.Duration) {
	qps = 1
	for _, b := range w.Bins {
		qps = max(qps, b.QPS(b.High), b.QPS(float64(b.Got)))
		for _, n := range b.Others {
			qps = max(qps, b.QPS(float64(n)))
		}
		latency = max(latency, b.Latency, b.OthersLatency)
	}
	return qps, latency
}

// Failed is how many of the calls drawn failed: "3 failed", "" if none.
func Failed(w ledger.Warmup) string {
	n := 0
	for _, b := range w.Bins {
		n += b.Failed
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%s of its calls failed", Int(n))
}
