package html

import (
	"fmt"
	"html/template"
	"time"

	"zeroloss/reports"
	"zeroloss/reports/internal/format"
)

// heardRow is one run's histogram of how long subscribers took to hear.
type heardRow struct {
	Name, Figures string
	Wide, Narrow  template.HTML
}

func heardRows(r *reports.Report) []heardRow {
	h := format.Heards(r)
	var out []heardRow
	for i, run := range h.Runs {
		out = append(out, heardRow{run.Name, run.Figures(), drawHeard(h, run, i, wideSheet()), drawHeard(h, run, i, narrowSheet())})
	}
	return out
}

// drawHeard draws one run; those of a page have one axis.
func drawHeard(h format.Histogram, run format.Heard, i int, s sheet) template.HTML {
	const head, tall, foot = 24, 110, 24
	d := newDrawing(s.width, head+tall+foot, s.class, run.Name+": "+run.Figures())
	p := plot{d: d, x: s.gutter, y: head, w: s.width - s.gutter - 4, h: tall, to: time.Duration(h.Bins) * h.Width}.scaled(100*h.Top, 3)
	d.text("wu-t", atStart, s.gutter, 14, "share of what was heard, %")
	step := time.Duration(round125(float64(p.to) / max(2, p.w/80)))
	for t := time.Duration(0); t <= p.to; t += step {
		d.line("wu-grid", p.at(t), p.y, p.at(t), p.y+p.h)
		if p.at(t) < p.x+p.w-14 {
			d.text("wu-n", atMiddle, p.at(t), p.y+p.h+17, format.Ms(t)+" ms")
		}
	}
	for k, share := range run.Shares {
		if share <= 0 {
			continue
		}
		from := time.Duration(k) * h.Width
		y := p.up(100 * share)
		d.rect(fmt.Sprintf("wu-bar-%d", i%2), p.at(from)+.5, y, p.at(from+h.Width)-p.at(from)-1, p.y+p.h-y,
			fmt.Sprintf("%s to %s ms: %.0f %%", format.Ms(from), format.Ms(from+h.Width), 100*share))
	}
	if h.Delay > 0 {
		d.line("wu-expected", p.at(h.Delay), p.y, p.at(h.Delay), p.y+p.h)
	}
	return d.done()
}
