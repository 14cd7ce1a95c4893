package html

import (
	"fmt"
	"html/template"
	"time"

	"zeroloss/internal/format"
	"zeroloss/reports/present"
)

func drawReceived(h present.Histogram) []picture {
	var out []picture
	for i, run := range h.Runs {
		out = append(out, picture{run.Name, run.String(), drawDelays(h, run, i, wideSheet()), drawDelays(h, run, i, narrowSheet())})
	}
	return out
}

// drawDelays draws the histogram of one run. Those of a page have the same axis.
func drawDelays(h present.Histogram, run present.RunDelays, i int, s sheet) template.HTML {
	const head, tall, foot = 24, 110, 24
	d := newDrawing(s.width, head+tall+foot, s.class, run.Name+": "+run.String())
	p := plot{d: d, x: s.gutter, y: head, w: s.width - s.gutter - 4, h: tall, to: time.Duration(h.Bins) * h.Width}.valueAxis(100*h.Top, 3)
	d.text("wu-t", atStart, s.gutter, 14, present.ShareOfChanges)
	step := time.Duration(present.AxisStep(float64(p.to) / max(2, p.w/80)))
	for t := time.Duration(0); t <= p.to; t += step {
		d.line("wu-grid", p.px(t), p.y, p.px(t), p.y+p.h)
		if p.px(t) < p.x+p.w-14 {
			d.text("wu-n", atMiddle, p.px(t), p.y+p.h+17, format.Ms(t)+" ms")
		}
	}
	for k, share := range run.Shares {
		if share <= 0 {
			continue
		}
		from := time.Duration(k) * h.Width
		y := p.py(100 * share)
		d.rect(fmt.Sprintf("wu-bar-%d", i%2), p.px(from)+.5, y, p.px(from+h.Width)-p.px(from)-1, p.y+p.h-y,
			fmt.Sprintf("%s to %s: %.0f %%", format.Duration(from), format.Duration(from+h.Width), 100*share))
	}
	if h.PushDelay > 0 {
		d.line("wu-expected", p.px(h.PushDelay), p.y, p.px(h.PushDelay), p.y+p.h)
	}
	return d.done()
}
