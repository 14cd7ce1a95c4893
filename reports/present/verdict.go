package present

import (
	"cmp"
	"slices"

	"zeroloss/reports/expect"
	"zeroloss/reports/gate"
)

// Verdict of the run.
type Verdict struct {
	Name    string // pass, fail or invalid
	Sign    string // ✓, ✕ or !
	Meaning string
	Reasons []string
	// Unfit: the measurement is not reliable, so no expectation counts.
	Unfit bool
}

func newVerdict(res gate.Result) Verdict {
	v := cmp.Or(res.Verdict, gate.Invalid)
	return Verdict{Name: string(v), Sign: verdictSign(v), Meaning: verdictMeaning(res), Reasons: res.Reasons, Unfit: res.InstrumentUnfit}
}

func verdictSign(v gate.Verdict) string {
	switch v {
	case gate.Pass:
		return "✓"
	case gate.Fail:
		return "✕"
	default:
		return "!"
	}
}

func verdictMeaning(res gate.Result) string {
	contrast := slices.ContainsFunc(res.Expectations, func(o gate.Outcome) bool { return o.Expectation.Role == expect.Contrast })
	switch {
	case res.Verdict == gate.Pass && contrast:
		return "Every gate is met, and the contrast shows that this run was able to detect losses."
	case res.Verdict == gate.Pass:
		return "Every gate is met. Without a contrast, nothing shows that this run was able to detect losses."
	case res.Verdict == gate.Fail:
		return "At least one gate is not met."
	default:
		return "This run proves nothing: neither that requests were lost nor that none were."
	}
}

// Expectation is one expectation and its outcome.
type Expectation struct {
	Name, Arm, Role string
	Verdict, Sign   string
	Want, Got       string
	Why             string // given in the scenario
	File            string
	Line            int
	Where           string // File:Line
	Evidence        []string
}

// Result compares what was wanted with what was measured.
func (e Expectation) Result() string { return "want " + e.Want + ", got " + e.Got }

func expectations(res gate.Result) []Expectation {
	var out []Expectation
	for _, o := range res.Expectations {
		e := o.Expectation
		out = append(out, Expectation{
			Name: e.Name, Arm: e.Arm, Role: string(e.Role), Verdict: string(o.Verdict), Sign: verdictSign(o.Verdict),
			Want: o.Want, Got: o.Got, Why: e.Why, File: e.File, Line: e.Line, Where: place(e.File, e.Line), Evidence: o.Evidence,
		})
	}
	return out
}
