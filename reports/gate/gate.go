package gate

import (
	"fmt"
	"strings"
	"time"

	"zeroloss/reports/expect"
	"zeroloss/reports/ledger"
)

// Judge compares a ledger with the expectations. The verdict is decided in this
// order: an instrument that was not fit makes the run invalid, whatever it
// recorded; a failed gate fails the run; an aborted run is invalid, as later
// losses are unknown; a gate or a contrast that could not be measured, or an
// unmet contrast, makes it invalid. Otherwise the run passes.
func Judge(c Criteria, l *ledger.Ledger, expectations []expect.Expectation) Result {
	c = c.WithDefaults()
	r := Result{Verdict: Pass, Criteria: c}
	var failed, unproven []string
	judged := false
	for _, e := range expectations {
		o := judgeExpectation(l, e)
		r.Expectations = append(r.Expectations, o)
		if e.Role == expect.Info {
			continue
		}
		judged = true
		switch o.Verdict {
		case Fail:
			failed = append(failed, o.text())
		case Invalid:
			unproven = append(unproven, o.text())
		case Pass:
		}
	}
	if !judged {
		unproven = append(unproven, "no expectation is a gate or a contrast, so the run proves nothing; add one to the scenario")
	}
	unfit := instrumentProblems(c, l)
	switch {
	case len(unfit) > 0:
		r.Verdict, r.Reasons, r.InstrumentUnfit = Invalid, unfit, true
	case len(failed) > 0:
		r.Verdict, r.Reasons = Fail, failed
		if l.Aborted {
			r.Reasons = append(r.Reasons, aborted(l))
		}
	case l.Aborted:
		r.Verdict, r.Reasons = Invalid, append([]string{aborted(l)}, unproven...)
	case len(unproven) > 0:
		r.Verdict, r.Reasons = Invalid, unproven
	}
	return r
}

// aborted says why a run was stopped early.
func aborted(l *ledger.Ledger) string {
	return "aborted: " + l.AbortText + "; later losses are unknown"
}

// judgeExpectation compares the ledger with one expectation.
func judgeExpectation(l *ledger.Ledger, e expect.Expectation) Outcome {
	o := Outcome{Expectation: e, Want: e.Is.Text, Got: notMeasured}
	arm := findArm(l, e.Arm)
	if arm == nil {
		o.Verdict = Invalid
		o.Evidence = []string{fmt.Sprintf("the ledger has no arm %q", e.Arm)}
		return o
	}
	if e.Is.Predicted {
		o.Want = fmt.Sprintf("%d..%d", arm.PredictedLow, arm.PredictedHigh)
		if arm.PredictedLow == arm.PredictedHigh {
			o.Want = fmt.Sprint(arm.PredictedLow)
		}
	}
	got, why := measure(l, arm, e)
	if e.Is.Unbounded() {
		why = fmt.Sprintf("%q is not a comparison: every value satisfies it", e.Is.Text)
	}
	o.Evidence = evidence(l, arm, e)
	if why != "" {
		o.Verdict, o.Evidence = Invalid, append([]string{why}, o.Evidence...)
		return o
	}
	o.Got = got.shown(e.Metric)
	switch {
	case got.holds(e.Is, arm):
		o.Verdict = Pass
	case e.Role == expect.Contrast:
		o.Verdict = Invalid
	default:
		o.Verdict = Fail
	}
	return o
}

const notMeasured = "not measured"

// figure is a measured value; an estimated one has an interval.
type figure struct {
	value     float64
	estimated bool
	low, high float64
}

func (f figure) holds(is expect.Comparison, arm *ledger.Arm) bool {
	if f.estimated {
		return is.Covers(f.low, f.high)
	}
	return is.Holds(f.value, float64(arm.PredictedLow), float64(arm.PredictedHigh))
}

func (f figure) shown(m expect.Metric) string {
	switch {
	case f.estimated:
		return fmt.Sprintf("%.2f (95 %%: %.2f..%.2f)", f.value, f.low, f.high)
	case m.IsTime():
		return fmt.Sprintf("%.4g ms", f.value)
	case m.Unit() == expect.Number:
		return fmt.Sprintf("%.2g", f.value)
	}
	return fmt.Sprintf("%.0f", f.value)
}

// text is an unmet expectation in one line.
func (o Outcome) text() string {
	e := o.Expectation
	s := fmt.Sprintf("%s %s: want %s, got %s", e.Role, e.Name, o.Want, o.Got)
	if e.Role == expect.Contrast && o.Got != notMeasured {
		s = "no contrast: " + s
	}
	if e.Why != "" {
		s += " (" + e.Why + ")"
	}
	if len(o.Evidence) > 0 {
		s += "; " + strings.Join(o.Evidence[:min(3, len(o.Evidence))], "; ")
	}
	if n := len(o.Evidence) - 3; n > 0 {
		s += fmt.Sprintf("; and %d more", n)
	}
	return s
}

func findArm(l *ledger.Ledger, arm string) *ledger.Arm {
	for i := range l.Arms {
		if l.Arms[i].Name == arm {
			return &l.Arms[i]
		}
	}
	return nil
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
