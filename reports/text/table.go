package text

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"zeroloss/reports/present"
)

// Row is a line of a table with a label and right-aligned cells.
type Row struct {
	Label string
	Cells []string
}

// WriteTable writes rows with aligned columns, indented by two spaces.
func WriteTable(w io.Writer, rows []Row) error {
	label, widths := 0, []int{}
	for _, r := range rows {
		label = max(label, width(r.Label))
		for j, c := range r.Cells {
			if j == len(widths) {
				widths = append(widths, 0)
			}
			widths[j] = max(widths[j], width(c))
		}
	}
	var b strings.Builder
	for _, r := range rows {
		line := "  " + r.Label + pad(r.Label, label)
		for j, c := range r.Cells {
			line += "   " + pad(c, widths[j]) + c
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("writing a table: %w", err)
	}
	return nil
}

// figures writes the table of arms, without the groups that are for the page.
func (p *printer) figures(t present.Table) {
	if len(t.Columns) == 0 {
		return
	}
	head := Row{}
	for _, c := range t.Columns {
		head.Cells = append(head.Cells, c.Name)
	}
	rows := []Row{head}
	for _, g := range t.Groups {
		if g.Detail {
			continue
		}
		rows = append(rows, Row{Label: g.Title})
		for _, r := range g.Rows {
			rows = append(rows, Row{"  " + r.Label, r.Cells})
		}
	}
	p.line("")
	_ = WriteTable(p.w, rows) // the writer keeps its error for Flush
}

// columns writes left-aligned columns, indented by two spaces.
func (p *printer) columns(rows [][]string) {
	var widths []int
	for _, r := range rows {
		for i, c := range r {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], width(c))
		}
	}
	for _, r := range rows {
		line := " "
		for i, c := range r {
			line += " " + c + pad(c, widths[i]+1)
		}
		p.line("%s", strings.TrimRight(line, " "))
	}
}

func width(s string) int { return utf8.RuneCountInString(s) }

// pad is what s lacks to be so wide.
func pad(s string, to int) string { return strings.Repeat(" ", max(0, to-width(s))) }
