package gate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"zeroloss/reports/expect"
	"zeroloss/reports/ledger"
)

// evidence lists what a figure is made of: losses by window, hop, class and
// instance, the releases, or the warm-ups.
func evidence(l *ledger.Ledger, a *ledger.Arm, e expect.Expectation) []string {
	switch e.Metric {
	case expect.Lost, expect.Unexplained, expect.OK, expect.Timeouts:
		out := lossEvidence(l, e)
		if e.Is.Predicted && a.PredictionBasis != "" {
			out = append(out, "predicted: "+a.PredictionBasis)
		}
		return out
	case expect.Releases, expect.StaleRoute:
		return releaseEvidence(l, a)
	case expect.WarmupExponent, expect.WarmupFit, expect.WarmShareSpread, expect.Governed:
		return warmupEvidence(l, a)
	default: // the figure stands for itself
		return nil
	}
}

// group is the losses with the same window, hop, class and callee.
type group struct {
	window             ledger.Window
	hop, class, callee string
	n                  int
	first, last        time.Duration
}

func lossEvidence(l *ledger.Ledger, e expect.Expectation) []string {
	var groups []*group
	index := map[group]*group{}
	for i := range l.Losses {
		x := &l.Losses[i]
		if !matches(x, e) {
			continue
		}
		key := group{window: x.Window, hop: x.Hop, class: string(x.Class), callee: x.Callee.String()}
		g := index[key]
		if g == nil {
			fresh := key
			g = &fresh
			g.first = x.Sent
			index[key] = g
			groups = append(groups, g)
		}
		g.n++
		g.last = x.Sent
	}
	slices.SortStableFunc(groups, func(a, b *group) int { return b.n - a.n })
	out := make([]string, len(groups))
	for i, g := range groups {
		out[i] = g.String()
	}
	return out
}

func (g *group) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d in window %s: %s %s", g.n, g.window, g.hop, g.class)
	if g.callee != "" {
		b.WriteString(" by " + g.callee)
	}
	fmt.Fprintf(&b, ", from %+.3f s", g.first.Seconds())
	if g.n > 1 {
		fmt.Fprintf(&b, " to %+.3f s", g.last.Seconds())
	}
	return b.String()
}

func releaseEvidence(l *ledger.Ledger, a *ledger.Arm) []string {
	var out []string
	for _, r := range l.Releases {
		if slices.Contains(r.Arms, a.Name) {
			out = append(out, fmt.Sprintf("%s: %s at %+.3f s, lost %d, stale route %.0f ms",
				r.Instance, r.Reason, r.At.Seconds(), r.LostByArm[a.Name], millis(r.StaleRoute)))
		}
	}
	return out
}
