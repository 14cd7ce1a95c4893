// Package markdown writes a report for a pull request.
package markdown

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"zeroloss/internal/format"
	"zeroloss/reports/present"
)

// shownGroups is how many groups of losses are shown.
const shownGroups = 12

// Render writes d.
func Render(w io.Writer, d *present.Document) error {
	p := &printer{bufio.NewWriter(w)}
	p.line("## zeroloss %s: %s", cell(d.Scenario), d.Verdict.Name)
	p.line("\n**%s**\n", d.Headline)
	for _, why := range d.Verdict.Reasons {
		p.line("- %s", present.Arrows(why))
	}
	p.figures(d.Figures)
	p.expectations(d.Expectations)
	p.losses(d.Losses)
	p.line("")
	for _, a := range d.Arms {
		for _, s := range a.Bounds {
			p.line("- %s: %s", cell(a.Name), s)
		}
	}
	for _, w := range d.Warmups {
		p.line("- %s, %s: %s", cell(w.Instance), w.Declared, w.Conclusion)
	}
	p.quality(d.Quality)
	if err := p.w.Flush(); err != nil {
		return fmt.Errorf("writing markdown: %w", err)
	}
	return nil
}

// printer writes lines. Its bufio.Writer keeps the first error for Flush.
type printer struct{ w *bufio.Writer }

func (p *printer) line(format string, args ...any) { fmt.Fprintf(p.w, format+"\n", args...) }

func (p *printer) row(cells ...string) {
	escaped := make([]string, len(cells))
	for i, c := range cells {
		escaped[i] = cell(c)
	}
	p.line("| %s |", strings.Join(escaped, " | "))
}

func (p *printer) figures(t present.Table) {
	if len(t.Columns) == 0 {
		return
	}
	head, rule := []string{""}, "|---|"
	for _, c := range t.Columns {
		head = append(head, c.Name)
		rule += "---:|"
	}
	p.line("")
	p.row(head...)
	p.line("%s", rule)
	for _, g := range t.Groups {
		if g.Detail {
			continue
		}
		p.row(append([]string{"**" + g.Title + "**"}, make([]string, len(t.Columns))...)...)
		for _, r := range g.Rows {
			p.row(append([]string{r.Label}, r.Cells...)...)
		}
	}
}

func (p *printer) expectations(list []present.Expectation) {
	if len(list) == 0 {
		return
	}
	p.line("\n| expectation | role | verdict | want | got |\n|---|---|---|---|---|")
	for _, e := range list {
		p.row(e.Name, e.Role, e.Verdict, e.Want, e.Got)
	}
}

func (p *printer) losses(groups []present.LossGroup) {
	if len(groups) == 0 {
		return
	}
	p.line("\n<details><summary>%s</summary>\n", present.LossesHeading)
	for _, g := range groups[:min(shownGroups, len(groups))] {
		p.line("- %s: %s. First: %s.", g.Title, g.Extent, present.Arrows(g.Losses[0].Explanation))
	}
	if n := len(groups) - shownGroups; n > 0 {
		p.line("- … and %s", format.Count(n, "more group"))
	}
	p.line("\n</details>")
}

func (p *printer) quality(q present.Quality) {
	p.line("\n<details><summary>%s: %s</summary>\n", present.QualityHeading, q.Summary)
	p.line("| check | measured | limit | |\n|---|---|---|---|")
	for _, c := range q.Checks {
		p.row(c.Name, c.Value, c.Limit, c.Word())
	}
	p.line("\n</details>")
}

// cell keeps a text from ending its table cell.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ").Replace(s)
}
