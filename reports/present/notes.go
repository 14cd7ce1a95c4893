package present

import (
	"zeroloss/internal/format"
	"zeroloss/reports/ledger"
	"zeroloss/scenarios/plan"
)

// Note is something about the run that a reader should know.
type Note struct{ At, Instance, Text string }

func notes(l *ledger.Ledger) []Note {
	var out []Note
	for _, n := range l.Notes {
		out = append(out, Note{format.Offset(n.At), n.Instance.String(), n.Text})
	}
	return out
}

// Finding is something about a manifest that a reader should know.
type Finding struct {
	Kind  string // corrected, warning
	Where string // file:line
	Text  string
	Fix   string // "" if there is none
}

func findings(p *plan.Plan) []Finding {
	if p == nil {
		return nil
	}
	var out []Finding
	add := func(kind string, list []plan.Finding) {
		for _, f := range list {
			out = append(out, Finding{kind, place(f.File, f.Line), f.Text, f.Fix})
		}
	}
	add("corrected", p.Corrections)
	add("warning", p.Warnings)
	return out
}
