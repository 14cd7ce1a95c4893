package chart

import (
	"math"
	"time"

	"zeroloss/reports/present"
)

// propagation draws the propagation delay of the registry: one histogram per run,
// one below the other, on one axis.
func propagation(s *surface, d *present.Document) {
	h := d.Propagation.Received
	top := s.heading(d, h.Title())
	if len(h.Runs) == 0 {
		return
	}
	const gap, scale, bottom = 96.0, 64.0, 100.0
	tall := (Height - top - 70 - bottom - gap*float64(len(h.Runs)-1)) / float64(len(h.Runs))
	for i, run := range h.Runs {
		b := box{margin + scale, top + 70 + float64(i)*(tall+gap), Width - 2*margin - scale, tall}
		s.histogram(h, run, b, i, i == len(h.Runs)-1)
	}
	entries := []entry{{present.PushDelayLine, func(x, y float64) { s.line(x-9, y, x+9, y, 2, inkColour(), 6, 4) }}}
	s.legend(margin, Height-26, entries)
}

// histogram draws the delays of one run in b.
func (s *surface) histogram(h present.Histogram, run present.RunDelays, b box, i int, labels bool) {
	s.text(b.x, b.y-40, bold(22), "%s", s.fit(bold(22), run.Name, b.w/2))
	s.text(b.x+b.w, b.y-40, plain(18).to(right), "%s", s.fit(plain(18), run.String(), b.w/2-20))
	s.text(b.x, b.y-14, plain(16), "%s", present.ShareOfChanges)
	ceiling := s.scale(b, 100*h.Top, 4)
	each := b.w / float64(h.Bins)
	at := func(t time.Duration) float64 { return b.x + float64(t)/float64(h.Width)*each }
	step := present.AxisStep(float64(h.Bins) * float64(h.Width) / float64(time.Millisecond) / 12)
	for k := 0.0; k*step*float64(time.Millisecond) <= float64(h.Bins)*float64(h.Width); k++ {
		x := at(time.Duration(k * step * float64(time.Millisecond)))
		s.rect(box{math.Floor(x), b.y, 1, b.h}, lineColour())
		if labels {
			s.text(x, b.y+b.h+18, plain(16).to(centre), "%.0f ms", k*step)
		}
	}
	for k, share := range run.Shares {
		if share > 0 {
			tall := max(2, 100*share/ceiling*b.h)
			s.rect(box{b.x + float64(k)*each + 1, b.y + b.h - tall, each - 2, tall}, hex(armColour(i), 1))
		}
	}
	if h.PushDelay > 0 {
		s.line(at(h.PushDelay), b.y, at(h.PushDelay), b.y+b.h, 2, inkColour(), 6, 4)
	}
}
