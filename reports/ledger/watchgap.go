package ledger

import (
	"fmt"
	"strings"

	"zeroloss/internal/format"
	"zeroloss/reports/ledger/history"
)

// watchGapText describes what was not watched, and when.
func (f defectFinder) watchGapText(g history.WatchGap) string {
	until := "the end"
	if g.To != 0 {
		until = format.Duration(f.history.Offset(g.To))
	}
	return fmt.Sprintf("the cluster (%s) was not watched from %s to %s", strings.Join(g.Sources, ", "), format.Duration(f.history.Offset(g.From)), until)
}

// touchedBy describes the releases and losses during a watch gap; "" if there
// were none.
func (f defectFinder) touchedBy(g history.WatchGap) string {
	var out []string
	for _, r := range f.history.Releases {
		stopped, unlisted := r.StoppedServing(), history.Earlier(r.Unlisted())
		if g.Touches(r.Began.Add(-deletionLag), max(stopped, unlisted)) || stopped == 0 && g.Touches(r.Began, 0) {
			out = append(out, r.Instance.ID.String()+" was taken out")
		}
	}
	n := 0
	for _, l := range f.losses {
		if g.Touches(f.history.Zero.Add(l.Sent), f.history.Zero.Add(l.Done)) {
			n++
		}
	}
	if n > 0 {
		out = append(out, format.Count(n, "request")+" failed")
	}
	return strings.Join(out, ", ")
}

// harmfulWatchGaps lists the gaps in which an instance was taken out or a request
// was lost: when, and why, is not known then.
func (f defectFinder) harmfulWatchGaps() []string {
	var out []string
	for _, g := range f.history.WatchGaps {
		if touched := f.touchedBy(g); touched != "" {
			out = append(out, fmt.Sprintf("%s (watch gap), and %s: the time and the cause are unknown; run again", f.watchGapText(g), touched))
		}
	}
	return out
}

// harmlessWatchGaps are the notes of the other gaps under load.
func (f defectFinder) harmlessWatchGaps() []Note {
	var out []Note
	for _, g := range f.history.WatchGaps {
		if f.touchedBy(g) == "" && g.From < f.history.LoadEnd && g.Touches(f.history.Zero, f.history.LoadEnd) {
			out = append(out, Note{At: f.history.Offset(g.From), Text: f.watchGapText(g)})
		}
	}
	return out
}
