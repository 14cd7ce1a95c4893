package present

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"zeroloss/internal/format"
	"zeroloss/loadgen/record"
	"zeroloss/reports"
	"zeroloss/reports/ledger"
)

// Table has a column for each arm.
type Table struct {
	Columns []Column
	Groups  []Group
	// Note explains cells that are not measured; "" if all are.
	Note string
}

// Column is an arm.
type Column struct{ Name, Note string }

// Group is a part of a table.
type Group struct {
	Title string
	Rows  []Row
	// Detail groups are left out where space is short: terminal and Markdown.
	Detail bool
	// Breakdown groups count the lost or masked requests again, by a property.
	Breakdown bool
}

// Row has a cell for each arm.
type Row struct {
	Label, Note string
	Cells       []string
	Emphasis    bool // the figure that the run is about
}

func figures(r *reports.Report) Table {
	t := Table{}
	for _, a := range r.Ledger.Arms {
		t.Columns = append(t.Columns, Column{a.Name, shutdown(r, a.Name)})
		if a.Masked == nil {
			t.Note = MaskedNote
		}
	}
	if len(t.Columns) == 0 {
		return t
	}
	rows := rowMaker(r.Ledger.Arms)
	t.Groups = append([]Group{requestFigures(rows), releaseFigures(rows, r.Ledger), boundFigures(rows)}, latencyFigures(rows)...)
	t.Groups = append(t.Groups, breakdowns(r.Ledger.Arms)...)
	return t
}

// rowMaker makes rows with a cell for each of its arms.
type rowMaker []ledger.Arm

func (arms rowMaker) text(label, note string, cell func(a ledger.Arm) string) Row {
	row := Row{Label: label, Note: note}
	for _, a := range arms {
		row.Cells = append(row.Cells, cell(a))
	}
	return row
}

func (arms rowMaker) count(label string, n func(a ledger.Arm) int) Row {
	return arms.text(label, "", func(a ledger.Arm) string { return format.Int(n(a)) })
}

// duration is a row of times that only exist if a request was ok.
func (arms rowMaker) duration(label string, d func(a ledger.Arm) time.Duration) Row {
	return arms.text(label, "", func(a ledger.Arm) string {
		if a.OK == 0 {
			return noValue
		}
		return format.Duration(d(a))
	})
}

func requestFigures(rows rowMaker) Group {
	lost := rows.count("lost", func(a ledger.Arm) int { return a.Lost })
	lost.Emphasis = true
	return Group{Title: "Requests", Rows: []Row{
		rows.count("due", func(a ledger.Arm) int { return a.Due }),
		rows.count("unsent", func(a ledger.Arm) int { return a.Unsent }),
		rows.count("sent", func(a ledger.Arm) int { return a.Sent }),
		rows.count("ok", func(a ledger.Arm) int { return a.OK }),
		lost,
		rows.text("predicted lost", "", func(a ledger.Arm) string { return predicted(a.PredictedLow, a.PredictedHigh, a.Unpredicted) }),
		rows.count("unexplained", func(a ledger.Arm) int { return a.Unexplained }),
		rows.text(MaskedLabel, "resent without the client noticing", masked),
	}}
}

func masked(a ledger.Arm) string {
	if a.Masked == nil {
		return NotMeasured
	}
	return format.Int(*a.Masked)
}

func releaseFigures(rows rowMaker, l *ledger.Ledger) Group {
	return Group{Title: "Releases", Rows: []Row{
		rows.count("instances released", func(a ledger.Arm) int { return a.Releases }),
		rows.text("longest stale route", "", func(a ledger.Arm) string { return staleRoute(l, a) }),
		rows.duration("longest outage", func(a ledger.Arm) time.Duration { return a.LongestOutage }),
	}}
}

func boundFigures(rows rowMaker) Group {
	return Group{Title: "At most, at 95 % confidence", Rows: []Row{
		rows.text("releases that lose requests", "", func(a ledger.Arm) string { return format.UpperBound(a.ReleaseLossUpper95) }),
		rows.text("requests lost", "", func(a ledger.Arm) string { return format.UpperBound(a.LossUpper95) }),
	}}
}

// staleRoute is the longest time for which an arm addressed an instance that had
// deregistered.
func staleRoute(l *ledger.Ledger, a ledger.Arm) string {
	switch {
	case a.Releases == 0:
		return noValue
	case !StaleRouteKnown(l, a):
		return NotMeasured
	}
	return format.Duration(a.StaleRoute)
}

// StaleRouteKnown reports whether any release of an arm recorded when it
// deregistered.
func StaleRouteKnown(l *ledger.Ledger, a ledger.Arm) bool {
	return slices.ContainsFunc(l.Releases, func(r ledger.Release) bool {
		return r.Deregistered != nil && slices.Contains(r.Arms, a.Name)
	})
}

func latencyFigures(rows rowMaker) []Group {
	quantiles := func(of func(a ledger.Arm) ledger.Latency) []Row {
		return []Row{
			rows.duration("p50", func(a ledger.Arm) time.Duration { return of(a).P50 }),
			rows.duration("p99", func(a ledger.Arm) time.Duration { return of(a).P99 }),
			rows.duration("max", func(a ledger.Arm) time.Duration { return of(a).Max }),
		}
	}
	return []Group{
		{Title: "Latency from due", Rows: quantiles(func(a ledger.Arm) ledger.Latency { return a.ResponseTime })},
		{Title: "Latency from sent", Rows: quantiles(func(a ledger.Arm) ledger.Latency { return a.ServiceTime }), Detail: true},
	}
}

// breakdowns counts lost and masked requests by their properties. What occurs in
// no arm is left out.
func breakdowns(arms []ledger.Arm) []Group {
	var out []Group
	add := func(title string, detail bool, g Group) {
		if len(g.Rows) > 0 {
			out = append(out, Group{Title: title, Rows: g.Rows, Detail: detail, Breakdown: true})
		}
	}
	add("Lost by root cause", false, countBy(arms, func(a ledger.Arm) map[record.Class]int { return a.ByClass }))
	add("Lost by what the client saw", true, countBy(arms, func(a ledger.Arm) map[record.Class]int { return a.ByClientClass }))
	add("Lost by hop", false, countBy(arms, func(a ledger.Arm) map[string]int { return a.ByHop }))
	add("Lost by window", false, countBy(arms, func(a ledger.Arm) map[ledger.Window]int { return a.ByWindow }))
	add("Lost by instance addressed", true, countBy(arms, func(a ledger.Arm) map[string]int { return a.ByInstance }))
	add("Masked by hop", true, countBy(arms, func(a ledger.Arm) map[string]int { return a.MaskedByHop }))
	return out
}

// countBy makes a row for each key that occurs in any arm, the most frequent first.
func countBy[K ~string](arms []ledger.Arm, counts func(ledger.Arm) map[K]int) Group {
	total := map[K]int{}
	for _, a := range arms {
		for k, n := range counts(a) {
			if n > 0 {
				total[k] += n
			}
		}
	}
	var g Group
	keys := slices.SortedFunc(maps.Keys(total), func(a, b K) int { return cmp.Or(total[b]-total[a], cmp.Compare(a, b)) })
	for _, k := range keys {
		g.Rows = append(g.Rows, rowMaker(arms).count(Arrows(string(k)), func(a ledger.Arm) int { return counts(a)[k] }))
	}
	return g
}
