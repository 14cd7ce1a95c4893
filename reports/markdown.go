package reports

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// Markdown writes a report for a pull request.
func Markdown(w io.Writer, r *Report) error {
	b := bufio.NewWriter(w)
	line := func(format string, args ...any) { fmt.Fprintf(b, format+"\n", args...) }
	line("## zeroloss %s: %s", cell(r.Meta.Scenario), r.Result.Verdict)
	line("\n**%s**\n", headline(r))
	for _, why := range r.Result.Reasons {
		line("- %s", why)
	}
	if len(r.Ledger.Arms) > 0 {
		head, rule := "| |", "|---|"
		for _, a := range r.Ledger.Arms {
			head += " " + cell(a.Name) + " |"
			rule += "---:|"
		}
		line("\n%s\n%s", head, rule)
		for _, row := range armRows(r.Ledger) {
			label := cell(row.label)
			if row.sub {
				label = "· " + label
			}
			line("| %s | %s |", label, strings.Join(cells(row.cells), " | "))
		}
	}
	if len(r.Result.Expectations) > 0 {
		line("\n| expectation | role | verdict | want | got |\n|---|---|---|---|---|")
		for _, o := range r.Result.Expectations {
			line("| %s | %s | %s | %s | %s |", cell(o.Expectation.Name), o.Expectation.Role, o.Verdict, cell(o.Want), cell(o.Got))
		}
	}
	if groups := bursts(r.Ledger.Losses); len(groups) > 0 {
		line("\n<details><summary>What was lost</summary>\n")
		for _, g := range groups[:min(shownBursts, len(groups))] {
			line("- %s. First: %s.", g, g.first().Explanation)
		}
		if n := len(groups) - shownBursts; n > 0 {
			line("- and %s", counted(n, "more burst"))
		}
		line("\n</details>")
	}
	line("")
	for _, a := range r.Ledger.Arms {
		for _, s := range bounds(r.Ledger, a) {
			line("- %s", s)
		}
	}
	for _, w := range r.Ledger.Warmups {
		line("- %s, %s: %s", cell(w.Instance.String()), Promise(w), Kept(w))
	}
	line("- generator: %s", fitness(r))
	if err := b.Flush(); err != nil {
		return fmt.Errorf("writing markdown: %w", err)
	}
	return nil
}

// cell keeps a text from ending its table cell.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ").Replace(s)
}

func cells(in []string) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = cell(s)
	}
	return out
}
