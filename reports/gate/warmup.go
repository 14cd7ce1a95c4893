package gate

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"zeroloss/loadgen/record"
	"zeroloss/reports/curve"
	"zeroloss/reports/expect"
	"zeroloss/reports/ledger"
	"zeroloss/reports/ledger/warmup"
)

func timeout(c record.Class) bool {
	return c == record.TimeoutConnect || c == record.TimeoutFirstByte || c == record.TimeoutBody
}

// onlineFigure counts requests or instances that were early.
func onlineFigure(a *ledger.Arm, m expect.Metric) (figure, string) {
	n, why := a.ReadyBeforeRegistered, "an instance of arm "+a.Name+" does not report when it was registered"
	if m == expect.EarlyRequests {
		n = a.EarlyRequests
		why += ", or no answer has a trail"
	}
	if n == nil {
		return figure{}, why
	}
	return figure{value: float64(*n)}, ""
}

// warmupFigure is one figure of all warm-ups of an arm, except those that were
// truncated, or on which the curve has no effect. The warm-ups must follow the
// same rule, or one figure cannot describe them. Too few requests measure no
// exponent, however wide its interval.
func warmupFigure(l *ledger.Ledger, a *ledger.Arm, m expect.Metric) (figure, string) {
	var all, peers []curve.Bucket
	var first *warmup.Measurement
	why, requests, needed := "", 0, 0
	for i := range l.Warmups {
		w := &l.Warmups[i]
		if !slices.Contains(w.Arms, a.Name) || len(w.Buckets) == 0 {
			continue
		}
		if w.Truncated || w.NoEffect && m != expect.WarmShareSpread {
			why = fmt.Sprintf("%s: %s", w.Instance, w.Unmeasured)
			continue
		}
		requests, needed = requests+w.Requests, max(needed, w.RequestsNeeded)
		if first = cmp.Or(first, w); w.Model != first.Model || w.Curve != first.Curve || w.Window != first.Window {
			return figure{}, fmt.Sprintf("%s and %s warmed up by different rules", first.Instance, w.Instance)
		}
		all, peers = append(all, w.Buckets...), append(peers, w.FairnessBuckets()...)
	}
	switch {
	case first == nil && why != "":
		return figure{}, why
	case first == nil:
		return figure{}, "no instance of arm " + a.Name + " warmed up under load"
	case m == expect.WarmupExponent && requests < needed:
		return figure{}, fmt.Sprintf("%d requests arrived during the warm-up; distinguishing its exponent from neighbouring ones takes %d", requests, needed)
	case m == expect.WarmupExponent && first.DeclaredExponent == 0:
		return figure{}, fmt.Sprintf("the model of %s, %s, has no measurable exponent", first.Instance, curveName(*first))
	}
	switch m {
	case expect.WarmupExponent:
		return exponentFigure(curve.Exponent(all, first.Family()), first.DeclaredExponent)
	case expect.Governed:
		return intervalFigure(curve.Governed(all, first.Shape()))
	case expect.WarmupFit:
		f := curve.GoodnessOfFit(all, first.Shape())
		if f.DF == 0 {
			return figure{}, "too few requests were sent during the warm-up to test its curve"
		}
		return figure{value: f.Upper}, ""
	default:
		return fairnessFigure(peers)
	}
}

// fairnessFigure is how differently warm instances were called.
func fairnessFigure(peers []curve.Bucket) (figure, string) {
	f := curve.TestFairness(peers)
	if f.DF == 0 {
		return figure{}, "there were never two warm instances, or too few requests"
	}
	return figure{value: f.Spread}, ""
}

// exponentFigure counts as measured only if its interval excludes something:
// one that contains the neighbours of the declared exponent shows nothing.
func exponentFigure(e curve.Estimate, declared float64) (figure, string) {
	if !warmup.Informative(e, declared) {
		return figure{}, fmt.Sprintf("the exponent is between %.2f and %.2f (95 %%), which excludes neither %g nor a neighbouring exponent", e.Low, e.High, declared)
	}
	return intervalFigure(e)
}

func intervalFigure(e curve.Estimate) (figure, string) {
	if e.Requests == 0 {
		return figure{}, "no request was sent that could show it"
	}
	return figure{value: e.Value, estimated: true, low: e.Low, high: e.High}, ""
}

// warmupEvidence summarizes each warm-up.
func warmupEvidence(l *ledger.Ledger, a *ledger.Arm) []string {
	var out []string
	for _, w := range l.Warmups {
		if !slices.Contains(w.Arms, a.Name) {
			continue
		}
		sent, got := 0, 0
		last := 0.0
		for _, b := range w.Buckets {
			if b.From < 1 {
				sent, got, last = sent+b.Sent, got+b.Got, math.Max(last, b.To)
			}
		}
		e, f := curve.Exponent(w.Buckets, w.Family()), curve.GoodnessOfFit(w.Buckets, w.Shape())
		out = append(out, fmt.Sprintf("%s (%s over %s from %+.3f s): got %d of %d requests up to %.0f %% of its window; exponent %.2f (95 %%: %.2f..%.2f), fit p %.2g (χ² %.1f over %d cells)",
			w.Instance, curveName(w), w.Window, w.Start.Seconds(), got, sent, 100*last, e.Value, e.Low, e.High, f.Upper, f.ChiSquare, f.DF))
	}
	return out
}

func curveName(w warmup.Measurement) string {
	if w.Curve == 0 {
		return cmp.Or(w.Model, "linear")
	}
	return fmt.Sprintf("%s %v", w.Model, w.Curve)
}
