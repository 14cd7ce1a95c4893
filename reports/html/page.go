package html

import (
	"fmt"
	"html/template"

	"zeroloss/internal/format"
	"zeroloss/reports/internal/palette"
	"zeroloss/reports/ledger"
	"zeroloss/reports/present"
)

// Bounds of what the page shows.
const (
	noScriptCap  = 100 // losses listed without a script to page through them
	printCap     = 500 // losses printed
	shownWarmups = 8
)

// page is what the template lays out: the words of the document, and what only a
// page needs.
type page struct {
	*present.Document
	Style      template.CSS
	HeadScript template.JS
	Script     template.JS
	Data       template.JS

	Cards         []card
	FigureParts   [][]present.Group // side by side on a wide screen
	FigureColumns int
	Lanes         int    // instances on the time line
	Sampling      string // which requests the time line leaves out

	Warmups     []warmupFigure
	MoreWarmups int
	Received    []picture // propagation delay by run

	LostCount           int
	FirstLosses         []ledger.Loss
	LossCap, PrintLimit int
	Labels              map[string]string
}

// card is the headline figure of one arm.
type card struct {
	present.Arm
	Colour int // index in palette.Arms
}

// warmupFigure is a warm-up with its picture.
type warmupFigure struct {
	present.Warmup
	picture
}

// picture is an SVG for wide and one for narrow screens, with its caption.
type picture struct {
	Caption, Figures string
	Wide, Narrow     template.HTML
}

func newPage(doc *present.Document) (*page, error) {
	d := newData(doc)
	l := doc.Run.Ledger
	p := &page{
		Document: doc, Lanes: len(d.Instances), FigureParts: figureParts(doc.Figures), FigureColumns: len(doc.Figures.Columns) + 1, Sampling: sampling(d.Points),
		Warmups: drawWarmups(doc.Warmups), MoreWarmups: max(0, len(doc.Warmups)-shownWarmups), Received: drawReceived(doc.Propagation.Received),
		LostCount: len(l.Losses), FirstLosses: firstLosses(doc.Losses, noScriptCap), LossCap: noScriptCap, PrintLimit: printCap, Labels: labels(),
	}
	for i, a := range doc.Arms {
		p.Cards = append(p.Cards, card{a, i % len(palette.Arms())})
	}
	if err := p.inline(); err != nil {
		return nil, err
	}
	return p, p.embedData(d)
}

// figureParts puts the counts of losses beside the other figures.
func figureParts(t present.Table) [][]present.Group {
	var account, breakdowns []present.Group
	for _, g := range t.Groups {
		if g.Breakdown {
			breakdowns = append(breakdowns, g)
		} else {
			account = append(account, g)
		}
	}
	if len(breakdowns) == 0 {
		return [][]present.Group{account}
	}
	return [][]present.Group{account, breakdowns}
}

// firstLosses returns up to limit losses, group by group.
func firstLosses(groups []present.LossGroup, limit int) []ledger.Loss {
	var out []ledger.Loss
	for _, g := range groups {
		out = append(out, g.Losses[:min(len(g.Losses), limit-len(out))]...)
	}
	return out
}

// sampling says which requests the time line leaves out; "" if it shows all.
func sampling(all []series) string {
	shown, of := 0, 0
	for _, s := range all {
		shown += len(s.Due)
		of += s.Of
	}
	if shown == of {
		return ""
	}
	return fmt.Sprintf("The scatter plot shows %s of %s ok requests: of each group of neighbours the slowest, the first, and all masked ones. All lost requests are drawn, and all figures count every request.", format.Int(shown), format.Int(of))
}

// labels are the wordings of package present that the template uses by name.
func labels() map[string]string {
	return map[string]string{
		"figures": present.FiguresHeading, "timeline": present.TimelineHeading, "releases": present.ReleasesHeading,
		"warmups": present.WarmupsHeading, "losses": present.LossesHeading, "bounds": present.BoundsHeading, "arithmetic": present.ArithmeticLabel, "expectations": present.ExpectationsHeading,
		"quality": present.QualityHeading, "defects": present.DefectsHeading, "propagation": present.PropagationHeading,
		"notes": present.NotesHeading, "findings": present.FindingsHeading, "run": present.RunHeading,
		"warmupOwn": present.WarmupOwnTraffic, "warmupExpected": present.WarmupExpected, "warmupBand": present.WarmupBand, "warmupOther": present.WarmupOtherTraffic,
		"shading": present.ReleaseShading, "stepsNote": present.StepsNote, "expectationsNote": present.ExpectationsNote, "propagationNote": present.PropagationNote,
	}
}
