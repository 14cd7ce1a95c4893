package reports

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/reports/gate"
	"zeroloss/reports/ledger"
)

// count is n with thousands set apart: 7,000.
func count(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// counted is "1 release", "2 releases".
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return count(n) + " " + noun + "s"
}

// span is a duration for people.
func span(d time.Duration) string {
	switch ms := millis(d); {
	case ms < 10:
		return fmt.Sprintf("%.1f ms", ms)
	case ms < 10_000:
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// at is an offset from time zero: +10.012 s.
func at(d time.Duration) string { return fmt.Sprintf("%+.3f s", d.Seconds()) }

// headline is the key sentence: whole requests, an arm each.
func headline(r *Report) string {
	var parts []string
	for _, a := range r.Ledger.Arms {
		parts = append(parts, fmt.Sprintf("%s lost %s of %s", a.Name, count(a.Lost), count(a.Sent)))
	}
	if len(parts) == 0 {
		return "No request was sent."
	}
	return strings.Join(parts, ", ") + "."
}

// bounds says what a loss count is worth; a zero is told as a bound.
func bounds(l *ledger.Ledger, a ledger.Arm) []string {
	if a.Sent == 0 {
		return []string{a.Name + ": nothing was sent, so nothing is known"}
	}
	out := []string{fmt.Sprintf("%s: %s of %s requests lost: at 95 %% confidence a request is lost with a probability under %s",
		a.Name, count(a.Lost), count(a.Sent), probability(a.LossUpper95))}
	switch {
	case a.Releases == 0:
		out = append(out, a.Name+": no release happened, so nothing is known of releases")
	default:
		out = append(out, fmt.Sprintf("%s: losses come in a burst per release, and %d of %s lost: at 95 %% confidence up to %s of releases lose",
			a.Name, lossyReleases(l, a), counted(a.Releases, "release"), percent(a.ReleaseLossUpper95)))
	}
	return out
}

func lossyReleases(l *ledger.Ledger, a ledger.Arm) (n int) {
	for _, r := range l.Releases {
		if r.LostByArm[a.Name] > 0 {
			n++
		}
	}
	return n
}

func probability(p float64) string {
	if p <= 0 {
		return "0"
	}
	return fmt.Sprintf("%.2g (1 in %s)", p, count(int(1/p)))
}

// percent rounds up: it shows bounds.
func percent(p float64) string {
	return fmt.Sprintf("%.4g %%", float64(int(p*1000+0.999999))/10)
}

func maskedText(n *int) string {
	if n == nil {
		return "not measured"
	}
	return count(*n)
}

// staleText is an arm's stale-route time; a release that never told when it
// deregistered has none.
func staleText(l *ledger.Ledger, a ledger.Arm) string {
	if !staleKnown(l, a) {
		return "not measured"
	}
	return span(a.StaleRoute)
}

func staleKnown(l *ledger.Ledger, a ledger.Arm) bool {
	return slices.ContainsFunc(l.Releases, func(r ledger.Release) bool {
		return r.Deregistered != nil && slices.Contains(r.Arms, a.Name)
	})
}

// row is one line of the table of arms.
type row struct {
	label string
	cells []string
	sub   bool // part of the line above
}

// armRows is the table of arms, with a cell for each.
func armRows(l *ledger.Ledger) []row {
	var rows []row
	add := func(label string, cell func(a ledger.Arm) string) {
		r := row{label: label}
		for _, a := range l.Arms {
			r.cells = append(r.cells, cell(a))
		}
		rows = append(rows, r)
	}
	number := func(f func(a ledger.Arm) int) func(a ledger.Arm) string {
		return func(a ledger.Arm) string { return count(f(a)) }
	}
	add("due", number(func(a ledger.Arm) int { return a.Due }))
	add("unsent", number(func(a ledger.Arm) int { return a.Unsent }))
	add("sent", number(func(a ledger.Arm) int { return a.Sent }))
	add("ok", number(func(a ledger.Arm) int { return a.OK }))
	add("lost", number(func(a ledger.Arm) int { return a.Lost }))
	rows = append(rows, breakdown(l)...)
	add("predicted", func(a ledger.Arm) string {
		if a.Unpredicted {
			return "not predicted"
		}
		return predicted(a.PredictedLow, a.PredictedHigh)
	})
	add("unexplained", number(func(a ledger.Arm) int { return a.Unexplained }))
	add("masked", func(a ledger.Arm) string { return maskedText(a.Masked) })
	add("releases", number(func(a ledger.Arm) int { return a.Releases }))
	add("stale route", func(a ledger.Arm) string { return staleText(l, a) })
	add("longest outage", func(a ledger.Arm) string { return span(a.LongestOutage) })
	add("latency p50 · p99 · max", func(a ledger.Arm) string {
		return span(a.ResponseTime.P50) + " · " + span(a.ResponseTime.P99) + " · " + span(a.ResponseTime.Max)
	})
	return rows
}

func predicted(low, high int) string {
	if low == high {
		return count(low)
	}
	return count(low) + ".." + count(high)
}

// breakdown is the losses of all arms by class, hop and window.
func breakdown(l *ledger.Ledger) []row {
	var rows []row
	each := func(label string, in func(a ledger.Arm) int) {
		r := row{label: label, sub: true}
		any := false
		for _, a := range l.Arms {
			n := in(a)
			any = any || n > 0
			r.cells = append(r.cells, count(n))
		}
		if any {
			rows = append(rows, r)
		}
	}
	for _, c := range append(record.Classes(), record.Other) {
		each("class "+string(c), func(a ledger.Arm) int { return a.ByClass[c] })
	}
	for _, h := range hops(l) {
		each("hop "+h, func(a ledger.Arm) int { return a.ByHop[h] })
	}
	for _, w := range ledger.Windows() {
		each("window "+string(w), func(a ledger.Arm) int { return a.ByWindow[w] })
	}
	return rows
}

func hops(l *ledger.Ledger) []string {
	var out []string
	for _, a := range l.Arms {
		for h := range a.ByHop {
			if !slices.Contains(out, h) {
				out = append(out, h)
			}
		}
	}
	slices.Sort(out)
	return out
}

// burst is losses of one kind that lie together.
type burst struct {
	losses []ledger.Loss
}

// burstGap is what separates two bursts.
const burstGap = 2 * time.Second

// bursts groups losses, which are sorted by due time, by arm and kind.
func bursts(losses []ledger.Loss) []burst {
	type kind struct {
		arm, hop, callee string
		class            record.Class
		window           ledger.Window
	}
	var out []burst
	open := map[kind]int{}
	for _, x := range losses {
		k := kind{x.Arm, x.Hop, x.Callee.String(), x.Class, x.Window}
		if i, ok := open[k]; ok && x.Due-out[i].last().Due <= burstGap {
			out[i].losses = append(out[i].losses, x)
			continue
		}
		open[k] = len(out)
		out = append(out, burst{losses: []ledger.Loss{x}})
	}
	return out
}

func (b burst) first() ledger.Loss { return b.losses[0] }
func (b burst) last() ledger.Loss  { return b.losses[len(b.losses)-1] }

// String is the burst in one line.
func (b burst) String() string {
	f := b.first()
	s := fmt.Sprintf("%s: %s lost, %s %s", f.Arm, counted(len(b.losses), "request"), arrow(f.Hop), f.Class)
	if id := f.Callee.String(); id != "" {
		s += ", for " + id
	}
	s += ", " + at(f.Sent)
	if len(b.losses) > 1 {
		s += " to " + at(b.last().Sent)
	}
	return s + ", window " + string(f.Window)
}

func arrow(hop string) string { return strings.Replace(hop, "->", "→", 1) }

// fitness is what there is to say of the instrument.
func fitness(r *Report) string {
	g, c := r.Ledger.Generator, r.Result.Criteria
	return fmt.Sprintf("%s of %s requests sent, %s not (limit %s); rate off by %.2f %% (limit %g %%); sent late by %s in the 99th percentile (limit %g ms), %s at most",
		count(g.Sent), count(g.Due), count(g.Unsent), percent(c.MaxUnsentShare), g.RateErrorPercent, c.MaxRateErrorPct,
		span(g.SlipP99), c.MaxSlipP99Ms, span(g.SlipMax))
}

// propagation is how long the registry took to tell of a change.
func propagation(l *ledger.Ledger) string {
	said := "no push of a change is on record"
	if took := pushTimes(l); len(took) > 0 {
		said = fmt.Sprintf("told of changes in %s in the median, in %s at most; pushes acknowledged: %s",
			span(quantile(took, 0.5)), span(took[len(took)-1]), count(len(took)))
	}
	if took := heardTimes(l); len(took) > 0 {
		said += fmt.Sprintf("; subscribers heard in %s in the median, %s in the 90th percentile, %s at most (%s)",
			span(quantile(took, 0.5)), span(quantile(took, 0.9)), span(took[len(took)-1]), count(len(took)))
	}
	return said
}

// clocks is how well instants of different clocks compare; "" where there is
// but one.
func clocks(l *ledger.Ledger) string {
	k := l.Clock
	if k.Measured == 0 {
		return ""
	}
	return fmt.Sprintf("%s measured, %s of them corrected; the worst, %s's, is known to %s; explanations that hang on it: %s",
		counted(k.Measured, "clock"), count(k.Corrected), k.WorstClock, span(k.Uncertainty), count(k.UncertainLosses))
}

func word(v gate.Verdict) string { return strings.ToUpper(string(v)) }
