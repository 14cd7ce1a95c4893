package registrytest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Result is the result of a check on a target.
type Result struct {
	ID       string
	Check    string
	Outcome  string // ok, failed, skipped; "": it did not run
	Measured string // what was measured; "": nothing
	Took     time.Duration
	Pushes   []time.Duration // times from a change to the callback that showed it
}

func (d *driver) result(c check) Result {
	r := Result{ID: c.id, Check: c.name, Outcome: "ok", Measured: d.what, Took: d.took, Pushes: d.pushes}
	switch {
	case d.Failed():
		r.Outcome = "failed"
	case d.Skipped():
		r.Outcome = "skipped"
	}
	if r.Measured == "" && len(d.pushes) > 0 {
		r.Measured, r.Took = "change to callback", Quantile(d.pushes, 0.5)
	}
	return r
}

// Quantile returns the q-quantile (0 to 1) by nearest rank; 0 if all is empty.
func Quantile(all []time.Duration, q float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(all))
	return s[min(int(q*float64(len(s))), len(s)-1)]
}

// Column holds the results of a target.
type Column struct {
	Name    string
	Results []Result
}

// Pushes returns all times from a change to its callback.
func (c Column) Pushes() []time.Duration {
	var all []time.Duration
	for _, r := range c.Results {
		all = append(all, r.Pushes...)
	}
	return all
}

// Table returns a Markdown table of checks and targets with times in
// milliseconds. Columns without a name, for which there was no server, are left
// out.
func Table(columns ...Column) string {
	columns = slices.DeleteFunc(slices.Clone(columns), func(c Column) bool { return c.Name == "" })
	var b strings.Builder
	head, rule := "| # | check | measured |", "|---|---|---|"
	for _, c := range columns {
		head, rule = head+" "+c.Name+", ms |", rule+"---:|"
	}
	fmt.Fprintf(&b, "%s\n%s\n", head, rule)
	rows := map[string][]Result{}
	for i, c := range columns {
		for _, r := range c.Results {
			if r.Outcome == "" {
				continue
			}
			if rows[r.ID] == nil {
				rows[r.ID] = make([]Result, len(columns))
			}
			rows[r.ID][i] = r
		}
	}
	for _, row := range sorted(rows) {
		b.WriteString(line(row))
	}
	fmt.Fprint(&b, "| | all pushes | change to callback, p50 / p90 / max |")
	for _, c := range columns {
		all := c.Pushes()
		fmt.Fprintf(&b, " %d / %d / %d (%d) |", Quantile(all, 0.5).Milliseconds(), Quantile(all, 0.9).Milliseconds(),
			Quantile(all, 1).Milliseconds(), len(all))
	}
	return b.String()
}

func sorted(rows map[string][]Result) [][]Result {
	var out [][]Result
	for _, row := range rows {
		out = append(out, row)
	}
	id := func(row []Result) string {
		for _, r := range row {
			if r.ID != "" {
				return r.ID
			}
		}
		return ""
	}
	slices.SortFunc(out, func(a, b []Result) int { return cmp.Compare(id(a), id(b)) })
	return out
}

func line(row []Result) string {
	var first Result
	cells := ""
	for _, r := range row {
		if first.ID == "" || first.Measured == "" && r.Measured != "" {
			first = r
		}
		switch {
		case r.Outcome == "ok" && r.Measured != "":
			cells += fmt.Sprintf(" %d |", r.Took.Milliseconds())
		case r.Outcome == "":
			cells += " – |"
		default:
			cells += " " + r.Outcome + " |"
		}
	}
	return fmt.Sprintf("| %s | %s | %s |%s\n", first.ID, first.Check, first.Measured, cells)
}
