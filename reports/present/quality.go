package present

import (
	"cmp"
	"fmt"
	"math"
	"time"

	"zeroloss/internal/format"
	"zeroloss/reports/gate"
	"zeroloss/reports/ledger"
)

// Quality says whether the measurement can be relied on.
type Quality struct {
	Summary string // "9 of 9 checks met"
	Checks  []Check
	Defects []string
}

// Check is one property of the measurement.
type Check struct {
	Name, Value string
	Limit       string // "" if it is only shown
	Met         bool   // true if it is only shown
}

// Word says whether the check is met: "ok", "not ok"; "" if it is only shown.
func (c Check) Word() string {
	switch {
	case c.Limit == "":
		return ""
	case c.Met:
		return "ok"
	}
	return "not ok"
}

// quality compares the measurement with the limits that gate judged it by.
func quality(l *ledger.Ledger, c gate.Criteria) Quality {
	c = c.WithDefaults()
	q := Quality{Checks: append(generatorChecks(l.Generator, c), Check{
		"records add up", format.Count(len(l.Defects), "defect"), "none allowed", len(l.Defects) == 0,
	}), Defects: l.Defects}
	q.Checks = append(q.Checks, clockChecks(l.Clock, c)...)
	judged, met := 0, 0
	for _, k := range q.Checks {
		if k.Limit != "" {
			judged++
		}
		if k.Limit != "" && k.Met {
			met++
		}
	}
	q.Summary = fmt.Sprintf("%d of %d checks met", met, judged)
	return q
}

func generatorChecks(g ledger.Generator, c gate.Criteria) []Check {
	share := 0.0
	if g.Due > 0 {
		share = float64(g.Unsent) / float64(g.Due)
	}
	return []Check{
		{"requests not sent", fmt.Sprintf("%s of %s due", format.Int(g.Unsent), format.Int(g.Due)), "at most " + format.UpperBound(c.MaxUnsentShare), share <= c.MaxUnsentShare},
		{fmt.Sprintf("not sent within %g s of a release", ledger.NearRelease.Seconds()), format.Int(g.UnsentNearRelease), "none allowed", g.UnsentNearRelease == 0},
		{fmt.Sprintf("sent over %d ms late within %g s of a release", ledger.MaxLatenessNearRelease.Milliseconds(), ledger.NearRelease.Seconds()), format.Int(g.LateNearRelease), "none allowed", g.LateNearRelease == 0},
		{"rate error", fmt.Sprintf("%.3f %%", g.RateErrorPercent), fmt.Sprintf("at most %g %%", c.MaxRateErrorPct), math.Abs(g.RateErrorPercent) <= c.MaxRateErrorPct},
		{"sent later than due, p99", format.Duration(g.SlipP99), fmt.Sprintf("at most %g ms", c.MaxSlipP99Ms), format.Millis(g.SlipP99) <= c.MaxSlipP99Ms},
		{"sent later than due, p50", format.Duration(g.SlipP50), "", true},
		{"sent later than due, max", format.Duration(g.SlipMax), "", true},
	}
}

// clockChecks says how well times of different clocks compare. There are none if
// there is only one clock.
func clockChecks(k ledger.Clock, c gate.Criteria) []Check {
	if k.Measured == 0 {
		return nil
	}
	limit := c.MaxClock(k)
	return []Check{
		{"least precise clock (" + cmp.Or(k.WorstClock, "unknown") + ")", "±" + format.Duration(k.Uncertainty), "at most ±" + format.Duration(limit.Round(time.Microsecond)), k.Uncertainty <= limit},
		{"clocks corrected", fmt.Sprintf("%s of %s", format.Int(k.Corrected), format.Int(k.Measured)), "", true},
		{"losses explained within clock precision", format.Int(k.UncertainLosses), "", true},
	}
}
