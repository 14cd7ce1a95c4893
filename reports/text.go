package reports

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"zeroloss/reports/ledger"
)

// explained is how many losses of a burst the terminal tells in full.
const explained = 3

// shownBursts and shownNotes bound what the terminal shows; the page has all.
const (
	shownBursts = 12
	shownNotes  = 12
)

// Text writes a report for the terminal.
func Text(w io.Writer, r *Report) error {
	p := &printer{w: bufio.NewWriter(w)}
	p.head(r)
	p.arms(r.Ledger)
	p.expectations(r)
	p.losses(r.Ledger)
	p.warmups(r.Ledger)
	p.trust(r)
	p.notes(r)
	if err := p.w.Flush(); err != nil {
		return fmt.Errorf("writing report: %w", err)
	}
	return nil
}

// printer's bufio.Writer keeps the first error for Flush.
type printer struct{ w *bufio.Writer }

func (p *printer) line(format string, args ...any) { fmt.Fprintf(p.w, format+"\n", args...) }

func (p *printer) section(title string) { p.line("\n%s", title) }

func (p *printer) head(r *Report) {
	title := r.Meta.Scenario
	if r.Plan != nil && r.Plan.Title != "" {
		title += ": " + r.Plan.Title
	}
	p.line("%s  %s", word(r.Result.Verdict), title)
	p.line("%s", headline(r))
	for _, why := range r.Result.Reasons {
		p.line("  ! %s", why)
	}
}

func (p *printer) arms(l *ledger.Ledger) {
	if len(l.Arms) == 0 {
		return
	}
	names := row{}
	for _, a := range l.Arms {
		names.cells = append(names.cells, a.Name)
	}
	p.line("")
	p.table(append([]row{names}, armRows(l)...))
}

// table aligns labels to the left and cells to the right.
func (p *printer) table(rows []row) {
	label, widths := 0, []int{}
	for i, r := range rows {
		if r.sub {
			rows[i].label = "  " + r.label
		}
		label = max(label, width(rows[i].label))
		for j, c := range r.cells {
			if j == len(widths) {
				widths = append(widths, 0)
			}
			widths[j] = max(widths[j], width(c))
		}
	}
	for _, r := range rows {
		var b strings.Builder
		b.WriteString("  " + r.label + strings.Repeat(" ", label-width(r.label)))
		for j, c := range r.cells {
			b.WriteString("   " + strings.Repeat(" ", widths[j]-width(c)) + c)
		}
		p.line("%s", b.String())
	}
}

func width(s string) int { return utf8.RuneCountInString(s) }

func (p *printer) expectations(r *Report) {
	if len(r.Result.Expectations) == 0 {
		return
	}
	p.section("Expectations")
	verdicts, roles := 0, 0
	for _, o := range r.Result.Expectations {
		verdicts = max(verdicts, len(o.Verdict))
		roles = max(roles, len(o.Expectation.Role))
	}
	for _, o := range r.Result.Expectations {
		p.line("  %-*s  %-*s  %s: want %s, got %s", verdicts, o.Verdict, roles, o.Expectation.Role, o.Expectation.Name, o.Want, o.Got)
	}
}

func (p *printer) losses(l *ledger.Ledger) {
	if len(l.Losses) == 0 {
		return
	}
	p.section("What was lost")
	groups := bursts(l.Losses)
	for _, b := range groups[:min(shownBursts, len(groups))] {
		p.line("  %s", b)
		for _, x := range b.losses[:min(explained, len(b.losses))] {
			p.line("    %s#%d %s  %s", x.Stream, x.Seq, at(x.Sent), x.Explanation)
		}
		if n := len(b.losses) - explained; n > 0 {
			p.line("    and %s like these", count(n))
		}
	}
	if n := len(groups) - shownBursts; n > 0 {
		p.line("  and %s, in the page", counted(n, "more burst"))
	}
	for _, a := range l.Arms {
		if a.Releases > 0 && a.PredictionBasis != "" && !a.Unpredicted {
			p.line("  %s predicted %s: %s", a.Name, predicted(a.PredictedLow, a.PredictedHigh), a.PredictionBasis)
		}
	}
}

func (p *printer) trust(r *Report) {
	p.section("What it proves")
	for _, a := range r.Ledger.Arms {
		for _, s := range bounds(r.Ledger, a) {
			p.line("  %s", s)
		}
	}
	p.line("  generator: %s", fitness(r))
	p.line("  registry: %s", propagation(r.Ledger))
	if s := clocks(r.Ledger); s != "" {
		p.line("  clocks: %s", s)
	}
}

func (p *printer) notes(r *Report) {
	var lines []string
	for _, n := range r.Ledger.Notes {
		lines = append(lines, fmt.Sprintf("%s  %s: %s", at(n.At), n.Instance, n.Text))
	}
	if r.Plan != nil {
		for _, f := range r.Plan.Corrections {
			lines = append(lines, fmt.Sprintf("repaired %s:%d: %s", f.File, f.Line, f.Text))
		}
		for _, f := range r.Plan.Warnings {
			lines = append(lines, fmt.Sprintf("warning %s:%d: %s", f.File, f.Line, f.Text))
		}
	}
	if len(lines) == 0 {
		return
	}
	p.section("Notes")
	for _, s := range lines[:min(shownNotes, len(lines))] {
		p.line("  %s", s)
	}
	if n := len(lines) - shownNotes; n > 0 {
		p.line("  and %d more, in the page", n)
	}
}
