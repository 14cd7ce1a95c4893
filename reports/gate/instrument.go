package gate

import (
	"fmt"

	"zeroloss/reports/ledger"
)

// WithDefaults replaces limits that are zero by their defaults.
func (c Criteria) WithDefaults() Criteria {
	fill := func(v *float64, d float64) {
		if *v == 0 {
			*v = d
		}
	}
	fill(&c.MaxUnsentShare, 0.001)
	fill(&c.MaxRateErrorPct, 1)
	fill(&c.MaxSlipP99Ms, 50)
	fill(&c.MaxClockShare, 0.25)
	return c
}

// instrumentProblems lists why the measurement cannot be trusted.
func instrumentProblems(c Criteria, l *ledger.Ledger) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if l.Interrupted {
		add("interrupted: the run did not finish; the report shows what was measured until then; run again")
	}
	out = append(out, l.Defects...)
	g := l.Generator
	if g.Sent == 0 {
		add("no data: no request was sent")
	}
	for _, a := range l.Arms {
		if g.Sent > 0 && a.Sent == 0 {
			add("no data for arm %s: none of its requests was sent", a.Name)
		}
	}
	if g.Due > 0 {
		if share := float64(g.Unsent) / float64(g.Due); share > c.MaxUnsentShare {
			add("generator starved: %d of %d requests were not sent (limit %g %%); lower the rate or use an idle machine", g.Unsent, g.Due, 100*c.MaxUnsentShare)
		}
	}
	if g.UnsentNearRelease > 0 {
		add("generator starved: %d requests were not sent within %g s of a release, when losses occur; lower the rate or use an idle machine", g.UnsentNearRelease, ledger.NearRelease.Seconds())
	}
	if g.LateNearRelease > 0 {
		add("generator stalled: %d requests due within %g s of a release, when losses occur, were sent more than %d ms late; lower the rate or use an idle machine", g.LateNearRelease, ledger.NearRelease.Seconds(), ledger.MaxLatenessNearRelease.Milliseconds())
	}
	if g.RateErrorPercent > c.MaxRateErrorPct {
		add("generator off: its rate deviated by %.2f %% (limit %g %%); lower the rate or use an idle machine", g.RateErrorPercent, c.MaxRateErrorPct)
	}
	if p99 := millis(g.SlipP99); p99 > c.MaxSlipP99Ms {
		add("generator late: 1 %% of the requests were sent %.1f ms late or more (limit %g ms); lower the rate or use an idle machine", p99, c.MaxSlipP99Ms)
	}
	for _, a := range l.Arms {
		if n := a.ByWindow[ledger.Stalled]; n > 0 {
			add("machine too busy: %d lost requests of %s timed out while an instance got no CPU time, which says nothing about releases; use an idle machine or raise the CPU limits of the pods", n, a.Name)
		}
	}
	if k, limit := l.Clock, c.MaxClock(l.Clock); k.Uncertainty > limit {
		add("clocks apart: the clock of %s may be off by %.1f ms (limit %g %% of the push delay, %.0f ms), so the order of events is uncertain; reduce the load on the nodes or on the network between them",
			k.WorstClock, millis(k.Uncertainty), 100*c.MaxClockShare, millis(limit))
	}
	return out
}
