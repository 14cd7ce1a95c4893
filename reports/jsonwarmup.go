package reports

import (
	"math"

	"zeroloss/reports/curve"
	"zeroloss/reports/ledger"
)

// SummaryWarmup is one warm-up under load, and what came of it. What is null
// was not measured.
type SummaryWarmup struct {
	Instance    string           `json:"instance"` // pod
	Incarnation int              `json:"incarnation"`
	Service     string           `json:"service"`
	Arms        []string         `json:"arms"` // those whose requests can reach it
	Model       string           `json:"model"`
	Curve       float64          `json:"curve"` // the model's parameter; 0 is its own
	WindowMs    int64            `json:"windowMs"`
	StartMs     int64            `json:"startMs"`
	Seen        float64          `json:"seen"`     // windows that it lasted under load
	Requests    int              `json:"requests"` // within the window, to its service and version
	Needed      int              `json:"needed"`   // to tell its exponent from those beside it; 0: not asked
	Declared    *float64         `json:"declaredExponent"`
	Exponent    *SummaryEstimate `json:"exponent"`
	Fit         *SummaryFit      `json:"fit"`
	Spread      *float64         `json:"spread"` // between the warm ones, as a share of what each should get
	Step        *SummaryEstimate `json:"step"`   // of the share at the end of the window
	Governed    *SummaryEstimate `json:"governed"`
	Missing     int              `json:"missing"` // calls of somebody whom the consumer's list did not show
	Unmeasured  string           `json:"unmeasured"`
	Finding     string           `json:"finding"` // in words
}

// SummaryEstimate is a value with its interval at 95 %.
type SummaryEstimate struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// SummaryFit is a χ² test with both its tails.
type SummaryFit struct {
	ChiSquare float64 `json:"chiSquare"`
	DF        int     `json:"df"`
	Upper     float64 `json:"upper"` // probability of one as large or larger: small is a misfit
	Lower     float64 `json:"lower"` // of one as small or smaller: small is more regular than chance
}

func summarizeWarmups(l *ledger.Ledger) []SummaryWarmup {
	out := []SummaryWarmup{}
	for _, w := range l.Warmups {
		s := SummaryWarmup{
			Instance: w.Instance.Pod, Incarnation: w.Instance.Incarnation, Service: w.Service, Arms: orEmpty(w.Arms),
			Model: w.Model, Curve: w.Curve, WindowMs: w.Window.Milliseconds(), StartMs: w.Start.Milliseconds(),
			Seen: round(w.Coverage, 3), Requests: w.Requests, Needed: w.RequestsNeeded, Exponent: summarizeEstimate(w.Exponent),
			Governed: summarizeEstimate(w.Governed), Missing: w.UnlistedCalls, Unmeasured: w.Unmeasured, Finding: Kept(w),
		}
		if w.DeclaredExponent > 0 {
			s.Declared = &w.DeclaredExponent
		}
		if f := w.Fit; f != nil {
			s.Fit = &SummaryFit{round(f.ChiSquare, 3), f.DF, digits(f.Upper), digits(f.Lower)}
		}
		if w.Fairness != nil {
			spread := round(w.Fairness.Spread, 4)
			s.Spread = &spread
		}
		if j := w.Step; j != nil {
			s.Step = &SummaryEstimate{round(j.Size, 4), round(j.Low, 4), round(j.High, 4)}
		}
		out = append(out, s)
	}
	return out
}

func summarizeEstimate(e *curve.Estimate) *SummaryEstimate {
	if e == nil {
		return nil
	}
	return &SummaryEstimate{round(e.Value, 3), round(e.Low, 3), round(e.High, 3)}
}

// digits keeps four significant ones of a probability.
func digits(v float64) float64 {
	if v <= 0 {
		return 0
	}
	return round(v, 3-int(math.Floor(math.Log10(v))))
}
