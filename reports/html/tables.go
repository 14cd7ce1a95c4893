package html

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/reports"
	"zeroloss/reports/gate"
	"zeroloss/reports/internal/format"
	"zeroloss/reports/ledger"
	"zeroloss/scenarios/plan"
)

// How many losses are listed where no script can page through them.
const (
	noScriptCap = 100
	printCap    = 500
)

// group is a part of the table of arms; row has a cell for each arm.
type group struct {
	Name string
	Rows []row
}

type row struct {
	Name, Unit string
	Cells      []string
	Loud       bool // counts of lost requests
}

const notMeasured = "— not measured"

// compare makes the table of arms, in two parts: the account with releases and
// times, and where the lost ones were lost.
func compare(r *reports.Report) [][]group {
	arms := r.Ledger.Arms
	account := append(requestRows(arms), timeRows(arms)...)
	if losses := breakdowns(arms); len(losses) > 0 {
		return [][]group{account, losses}
	}
	return [][]group{account}
}

func each(arms []ledger.Arm, name, unit string, f func(a ledger.Arm) string) row {
	cells := make([]string, len(arms))
	for i, a := range arms {
		cells[i] = f(a)
	}
	return row{Name: name, Unit: unit, Cells: cells}
}

func count(arms []ledger.Arm, name string, f func(a ledger.Arm) int) row {
	return each(arms, name, "", func(a ledger.Arm) string { return format.Int(f(a)) })
}

func requestRows(arms []ledger.Arm) []group {
	lost := count(arms, "lost", func(a ledger.Arm) int { return a.Lost })
	lost.Loud = true
	return []group{{"Requests", []row{
		count(arms, "due", func(a ledger.Arm) int { return a.Due }),
		count(arms, "unsent", func(a ledger.Arm) int { return a.Unsent }),
		count(arms, "sent", func(a ledger.Arm) int { return a.Sent }),
		count(arms, "ok", func(a ledger.Arm) int { return a.OK }),
		lost,
		each(arms, "predicted lost", "", format.Predicted),
		each(arms, "masked", "sent again, unseen by the client", masked),
		count(arms, "unexplained", func(a ledger.Arm) int { return a.Unexplained }),
	}}}
}

func timeRows(arms []ledger.Arm) []group {
	took := func(name, unit string, f func(a ledger.Arm) time.Duration) row {
		return each(arms, name, unit, func(a ledger.Arm) string {
			if a.OK == 0 {
				return "—"
			}
			return format.Ms(f(a))
		})
	}
	return []group{{"Releases", []row{
		count(arms, "releases", func(a ledger.Arm) int { return a.Releases }),
		each(arms, "releases that lose, at most", "95 % conf.", func(a ledger.Arm) string { return format.Share(a.ReleaseLossUpper95) }),
		each(arms, "requests lost, at most", "95 % conf.", func(a ledger.Arm) string { return format.Share(a.LossUpper95) }),
		each(arms, "stale route", "ms, longest", func(a ledger.Arm) string {
			if a.Unpredicted && a.StaleRoute == 0 {
				return notMeasured
			}
			return format.Ms(a.StaleRoute)
		}),
		took("longest outage", "ms", func(a ledger.Arm) time.Duration { return a.LongestOutage }),
	}}, {"Latency from due, ms", []row{
		took("p50", "", func(a ledger.Arm) time.Duration { return a.ResponseTime.P50 }),
		took("p99", "", func(a ledger.Arm) time.Duration { return a.ResponseTime.P99 }),
		took("max", "", func(a ledger.Arm) time.Duration { return a.ResponseTime.Max }),
	}}, {"Latency from sent, ms", []row{
		took("p50", "", func(a ledger.Arm) time.Duration { return a.ServiceTime.P50 }),
		took("p99", "", func(a ledger.Arm) time.Duration { return a.ServiceTime.P99 }),
		took("max", "", func(a ledger.Arm) time.Duration { return a.ServiceTime.Max }),
	}}}
}

// breakdowns tells by what the lost and the masked are counted; what does not
// occur in any arm is left out.
func breakdowns(arms []ledger.Arm) []group {
	var groups []group
	add := func(name string, keys []string, f func(a ledger.Arm, k string) int) {
		g := group{Name: name}
		for _, k := range keys {
			g.Rows = append(g.Rows, count(arms, format.Arrow(k), func(a ledger.Arm) int { return f(a, k) }))
		}
		if len(g.Rows) > 0 {
			groups = append(groups, g)
		}
	}
	add("Lost by root cause", keys(arms, func(a ledger.Arm) map[record.Class]int { return a.ByClass }), func(a ledger.Arm, k string) int { return a.ByClass[record.Class(k)] })
	add("Lost by what the client saw", keys(arms, func(a ledger.Arm) map[record.Class]int { return a.ByClientClass }), func(a ledger.Arm, k string) int { return a.ByClientClass[record.Class(k)] })
	add("Lost by hop", keys(arms, func(a ledger.Arm) map[string]int { return a.ByHop }), func(a ledger.Arm, k string) int { return a.ByHop[k] })
	add("Lost by window", keys(arms, func(a ledger.Arm) map[ledger.Window]int { return a.ByWindow }), func(a ledger.Arm, k string) int { return a.ByWindow[ledger.Window(k)] })
	add("Lost by instance addressed", keys(arms, func(a ledger.Arm) map[string]int { return a.ByInstance }), func(a ledger.Arm, k string) int { return a.ByInstance[k] })
	add("Masked by hop", keys(arms, func(a ledger.Arm) map[string]int { return a.MaskedByHop }), func(a ledger.Arm, k string) int { return a.MaskedByHop[k] })
	return groups
}

func masked(a ledger.Arm) string {
	if a.Masked == nil {
		return notMeasured
	}
	return format.Int(*a.Masked)
}

// keys lists what occurs in any arm's map, the most frequent first.
func keys[K ~string](arms []ledger.Arm, f func(ledger.Arm) map[K]int) []string {
	total := map[string]int{}
	for _, a := range arms {
		for k, n := range f(a) {
			total[string(k)] += n
		}
	}
	out := slices.Collect(maps.Keys(total))
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(total[b]-total[a], cmp.Compare(a, b)) })
	return slices.DeleteFunc(out, func(k string) bool { return total[k] == 0 })
}

// releaseRow is one instance taken out, step by step.
type releaseRow struct {
	Name, Why, Arms                                string
	At, Offline, Deregistered, Heard, Closed, Exit string
	Stale, Lost, Predicted                         string
}

func releaseRows(l *ledger.Ledger) []releaseRow {
	var out []releaseRow
	for _, r := range l.Releases {
		stale := format.Ms(r.StaleRoute)
		if r.Deregistered == nil && r.Unpredicted {
			stale = "—"
		}
		after := func(d *time.Duration) string {
			if d == nil {
				return "—"
			}
			return signed(*d - r.At)
		}
		why := r.Reason
		if !r.Planned && why != "crash" {
			why += ", not planned"
		}
		out = append(out, releaseRow{
			Name: format.ShortPod(r.Instance), Why: why, Arms: join(r.Arms), At: format.At(r.At),
			Offline: after(r.Offline), Deregistered: after(r.Deregistered), Heard: after(r.LastHeard), Closed: after(r.ListenerClosed), Exit: after(r.Exited),
			Stale: stale, Lost: format.Int(r.Lost),
			Predicted: format.Predicted(ledger.Arm{PredictedLow: r.PredictedLow, PredictedHigh: r.PredictedHigh, Unpredicted: r.Unpredicted}),
		})
	}
	return out
}

// signed writes a time since the deletion began, in ms: +12.
func signed(d time.Duration) string {
	if d < 0 {
		return "−" + format.Ms(-d)
	}
	return "+" + format.Ms(d)
}

func join(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	s := list[0]
	for _, x := range list[1:] {
		s += ", " + x
	}
	return s
}

// lifeRow is one instance, for readers without a script.
type lifeRow struct{ Name, Workload, Life, Received, Lost, Incomplete string }

func lifeRows(l *ledger.Ledger) []lifeRow {
	var out []lifeRow
	for _, in := range l.Instances {
		life := ""
		for i, p := range in.Phases {
			if i > 0 {
				life += ", "
			}
			life += p.Name + " " + format.At(p.From)
		}
		out = append(out, lifeRow{in.Instance.String(), in.Workload, life, format.Int(in.Received), format.Int(in.Lost), in.Incomplete})
	}
	return out
}

type lossRow struct {
	Stream, Due, Class, Hop, Window, Why string
	Seq                                  uint64
}

func lossRows(l *ledger.Ledger, limit int) []lossRow {
	var out []lossRow
	for _, x := range byDue(l.Losses) {
		if len(out) == limit {
			break
		}
		out = append(out, lossRow{x.Stream, format.At(x.Due), string(x.Class), format.Arrow(x.Hop), string(x.Window), format.Arrow(x.Explanation), x.Seq})
	}
	return out
}

type expectRow struct {
	Name, Role, Want, Got, Verdict, Sign, Why, Where string
	Evidence                                         []string
}

func expectRows(res gate.Result) []expectRow {
	var out []expectRow
	for _, o := range res.Expectations {
		e := o.Expectation
		where := ""
		if e.File != "" {
			where = fmt.Sprintf("%s:%d", e.File, e.Line)
		}
		out = append(out, expectRow{e.Name, string(e.Role), o.Want, o.Got, string(o.Verdict), newVerdict(gate.Result{Verdict: o.Verdict}).Sign, e.Why, where, o.Evidence})
	}
	return out
}

// fitnessRow is one limit of the instrument.
type fitnessRow struct {
	Name, Value, Limit string
	OK, Judged         bool
}

func fitness(r *reports.Report) []fitnessRow {
	g, c := r.Ledger.Generator, criteria(r.Result.Criteria)
	share := 0.0
	if g.Due > 0 {
		share = float64(g.Unsent) / float64(g.Due)
	}
	ok := func(name, value, limit string, holds bool) fitnessRow {
		return fitnessRow{name, value, limit, holds, true}
	}
	rows := []fitnessRow{
		{Name: "due", Value: format.Int(g.Due)}, {Name: "sent", Value: format.Int(g.Sent)},
		ok("unsent", format.Int(g.Unsent), "at most "+format.Share(c.MaxUnsentShare)+" of due", share <= c.MaxUnsentShare),
		ok("unsent within 2 s of a release", format.Int(g.UnsentNearRelease), "none", g.UnsentNearRelease == 0),
		ok("sent over 250 ms late within 2 s of a release", format.Int(g.LateNearRelease), "none", g.LateNearRelease == 0),
		ok("rate error", fmt.Sprintf("%.3f %%", g.RateErrorPercent), fmt.Sprintf("within ±%g %%", c.MaxRateErrorPct), max(g.RateErrorPercent, -g.RateErrorPercent) <= c.MaxRateErrorPct),
		ok("slip p99 (sent later than due)", format.Ms(g.SlipP99)+" ms", fmt.Sprintf("at most %g ms", c.MaxSlipP99Ms), ms(g.SlipP99) <= c.MaxSlipP99Ms),
		{Name: "slip p50", Value: format.Ms(g.SlipP50) + " ms"}, {Name: "slip max", Value: format.Ms(g.SlipMax) + " ms"},
		ok("the account adds up", format.Count(len(r.Ledger.Defects), "defect"), "none", len(r.Ledger.Defects) == 0),
	}
	if k := r.Ledger.Clock; k.Measured > 0 {
		limit := c.MaxClock(k)
		rows = append(rows, ok("worst clock ("+k.WorstClock+"), wrong by", fmt.Sprintf("%s ms; %d of %s corrected", format.Ms(k.Uncertainty), k.Corrected, format.Count(k.Measured, "clock")),
			fmt.Sprintf("at most %s ms", format.Ms(limit)), k.Uncertainty <= limit))
	}
	return rows
}

// criteria fills in the limits that gate documents for zero.
func criteria(c gate.Criteria) gate.Criteria {
	return gate.Criteria{
		MaxUnsentShare: cmp.Or(c.MaxUnsentShare, 0.001), MaxRateErrorPct: cmp.Or(c.MaxRateErrorPct, 1), MaxSlipP99Ms: cmp.Or(c.MaxSlipP99Ms, 50),
	}
}

type pushRow struct{ Service, Count, Fastest, Median, Slowest string }

func pushRows(l *ledger.Ledger) []pushRow {
	by := map[string][]time.Duration{}
	for _, p := range l.Pushes {
		by[p.Service] = append(by[p.Service], p.Took)
	}
	var out []pushRow
	for _, s := range slices.Sorted(maps.Keys(by)) {
		took := slices.Sorted(slices.Values(by[s]))
		out = append(out, pushRow{s, format.Int(len(took)), format.Ms(took[0]), format.Ms(took[(len(took)-1)/2]), format.Ms(took[len(took)-1])})
	}
	return out
}

type findingRow struct{ Kind, Where, Text, Fix string }

func findings(p *plan.Plan) []findingRow {
	if p == nil {
		return nil
	}
	var out []findingRow
	add := func(kind string, list []plan.Finding) {
		for _, f := range list {
			where := f.File
			if f.Line > 0 {
				where = fmt.Sprintf("%s:%d", f.File, f.Line)
			}
			out = append(out, findingRow{kind, where, f.Text, f.Fix})
		}
	}
	add("repaired", p.Corrections)
	add("warning", p.Warnings)
	return out
}
