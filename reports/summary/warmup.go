package summary

import (
	"math"

	"zeroloss/reports/curve"
	"zeroloss/reports/ledger"
	"zeroloss/reports/present"
)

// Warmup is one warm-up under load. What is null was not measured.
type Warmup struct {
	Instance         string    `json:"instance"` // pod
	Incarnation      int       `json:"incarnation"`
	Service          string    `json:"service"`
	Arms             []string  `json:"arms"` // those whose requests can reach it
	Model            string    `json:"model"`
	Curve            float64   `json:"curve"` // parameter of the model; 0: its default
	WindowMs         int64     `json:"windowMs"`
	StartMs          int64     `json:"startMs"`
	Coverage         float64   `json:"coverage"`       // for how many windows it was under load
	Requests         int       `json:"requests"`       // in the window, to its service and version
	RequestsNeeded   int       `json:"requestsNeeded"` // to tell its exponent from the neighbouring ones; 0: not applicable
	DeclaredExponent *float64  `json:"declaredExponent"`
	Exponent         *Estimate `json:"exponent"`
	Fit              *Fit      `json:"fit"`
	WarmShareSpread  *float64  `json:"warmShareSpread"` // between warm instances, relative to an equal share
	Step             *Estimate `json:"step"`            // of the share at the end of the window
	Governed         *Estimate `json:"governed"`        // share of requests that follow the weights
	UnlistedCalls    int       `json:"unlistedCalls"`   // calls to an instance that was not on its consumer's list
	Unmeasured       string    `json:"unmeasured"`      // why the exponent was not measured
	Conclusion       string    `json:"conclusion"`      // in words
}

// Estimate is a value with its 95 % interval.
type Estimate struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Fit is a χ² test with both tails.
type Fit struct {
	ChiSquare float64 `json:"chiSquare"`
	DF        int     `json:"df"`
	Upper     float64 `json:"upper"` // probability of a χ² at least as large: small means that the shares do not follow the curve
	Lower     float64 `json:"lower"` // probability of one at most as large: small means more even than chance
}

func warmups(l *ledger.Ledger) []Warmup {
	out := []Warmup{}
	for _, w := range l.Warmups {
		s := Warmup{
			Instance: w.Instance.Pod, Incarnation: w.Instance.Incarnation, Service: w.Service, Arms: orEmpty(w.Arms),
			Model: w.Model, Curve: w.Curve, WindowMs: w.Window.Milliseconds(), StartMs: w.Start.Milliseconds(),
			Coverage: round(w.Coverage, 3), Requests: w.Requests, RequestsNeeded: w.RequestsNeeded, Exponent: newEstimate(w.Exponent),
			Governed: newEstimate(w.Governed), UnlistedCalls: w.UnlistedCalls, Unmeasured: w.Unmeasured, Conclusion: present.WarmupConclusion(w),
		}
		if w.DeclaredExponent > 0 {
			s.DeclaredExponent = &w.DeclaredExponent
		}
		if f := w.Fit; f != nil {
			s.Fit = &Fit{round(f.ChiSquare, 3), f.DF, digits(f.Upper), digits(f.Lower)}
		}
		if w.Fairness != nil {
			spread := round(w.Fairness.Spread, 4)
			s.WarmShareSpread = &spread
		}
		if j := w.Step; j != nil {
			s.Step = &Estimate{round(j.Size, 4), round(j.Low, 4), round(j.High, 4)}
		}
		out = append(out, s)
	}
	return out
}

func newEstimate(e *curve.Estimate) *Estimate {
	if e == nil {
		return nil
	}
	return &Estimate{round(e.Value, 3), round(e.Low, 3), round(e.High, 3)}
}

// digits keeps four significant digits of a probability.
func digits(v float64) float64 {
	if v <= 0 {
		return 0
	}
	return round(v, 3-int(math.Floor(math.Log10(v))))
}
