// Package text writes a report for the terminal.
package text

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"zeroloss/internal/format"
	"zeroloss/reports/present"
)

// The terminal shows a part of long lists; the page shows all of them.
const (
	shownGroups   = 12 // of losses
	shownLosses   = 3  // of a group
	shownWarmups  = 4
	shownNotes    = 12
	shownServices = 6 // of the propagation delay
)

// Render writes d.
func Render(w io.Writer, d *present.Document) error {
	p := &printer{bufio.NewWriter(w)}
	p.head(d)
	p.figures(d.Figures)
	p.expectations(d.Expectations)
	p.losses(d)
	p.warmups(d.Warmups)
	p.bounds(d.Arms)
	p.quality(d.Quality)
	p.propagation(d.Propagation)
	p.notes(d)
	if err := p.w.Flush(); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

// printer writes lines. Its bufio.Writer keeps the first error for Flush.
type printer struct{ w *bufio.Writer }

func (p *printer) line(format string, args ...any) { fmt.Fprintf(p.w, format+"\n", args...) }

func (p *printer) section(title string) { p.line("\n%s", title) }

// more says that a list goes on in the page.
func (p *printer) more(n int, noun string) {
	if n > 0 {
		p.line("  … and %s in the page", format.Count(n, "more "+noun))
	}
}

func (p *printer) expectations(list []present.Expectation) {
	if len(list) == 0 {
		return
	}
	p.section(present.ExpectationsHeading)
	var rows [][]string
	for _, e := range list {
		rows = append(rows, []string{e.Verdict, e.Role, e.Name + ": " + e.Result()})
	}
	p.columns(rows)
}

func (p *printer) losses(d *present.Document) {
	if len(d.Losses) == 0 {
		return
	}
	p.section(present.LossesHeading)
	for _, g := range d.Losses[:min(shownGroups, len(d.Losses))] {
		p.line("  %s: %s", g.Title, g.Extent)
		for _, x := range g.Losses[:min(shownLosses, len(g.Losses))] {
			p.line("    %s %s  %s", present.LossID(x), format.Offset(x.Due), present.Arrows(x.Explanation))
		}
		if n := len(g.Losses) - shownLosses; n > 0 {
			p.line("    … and %s more", format.Int(n))
		}
	}
	p.more(len(d.Losses)-shownGroups, "group")
	for _, a := range d.Arms {
		if a.Arithmetic != "" {
			p.line("  %s, %s: %s", a.Name, present.ArithmeticLabel, a.Arithmetic)
		}
	}
}

func (p *printer) warmups(list []present.Warmup) {
	if len(list) == 0 {
		return
	}
	p.section(present.WarmupsHeading)
	for _, w := range list[:min(shownWarmups, len(list))] {
		p.line("  %s  %s, from %s", w.Instance, w.Declared, w.Start)
		p.line("    %s", w.Conclusion)
		for _, s := range w.Evidence {
			p.line("    %s", s)
		}
	}
	p.more(len(list)-shownWarmups, "warm-up")
}

func (p *printer) bounds(arms []present.Arm) {
	if len(arms) == 0 {
		return
	}
	p.section(present.BoundsHeading)
	for _, a := range arms {
		for _, s := range a.Bounds {
			p.line("  %s: %s", a.Name, s)
		}
	}
}

func (p *printer) quality(q present.Quality) {
	p.section(present.QualityHeading + ": " + q.Summary)
	var rows [][]string
	for _, c := range q.Checks {
		value := c.Value
		if c.Limit != "" {
			value += " (" + c.Limit + ")"
		}
		rows = append(rows, []string{c.Word(), c.Name, value})
	}
	p.columns(rows)
}

func (p *printer) propagation(x present.Propagation) {
	if len(x.Pushes)+len(x.Received.Runs) == 0 {
		return
	}
	p.section(present.PropagationHeading)
	var rows [][]string
	for _, r := range x.Received.Runs {
		rows = append(rows, []string{r.Name, r.String()})
	}
	for _, s := range x.Pushes[:min(shownServices, len(x.Pushes))] {
		rows = append(rows, []string{s.Name, s.String()})
	}
	p.columns(rows)
	p.more(len(x.Pushes)-shownServices, "service")
}

func (p *printer) notes(d *present.Document) {
	var lines []string
	for _, n := range d.Notes {
		lines = append(lines, fmt.Sprintf("%s  %s: %s", n.At, n.Instance, n.Text))
	}
	for _, f := range d.Findings {
		lines = append(lines, fmt.Sprintf("%s %s: %s", f.Kind, f.Where, f.Text))
	}
	if len(lines) == 0 {
		return
	}
	p.section(present.NotesHeading)
	for _, s := range lines[:min(shownNotes, len(lines))] {
		p.line("  %s", s)
	}
	p.more(len(lines)-shownNotes, "note")
}

func (p *printer) head(d *present.Document) {
	title := d.Scenario
	if d.Title != title {
		title += ": " + d.Title
	}
	p.line("%s  %s", strings.ToUpper(d.Verdict.Name), title)
	p.line("%s", d.Headline)
	for _, why := range d.Verdict.Reasons {
		p.line("  ! %s", present.Arrows(why))
	}
}
