package chart

import (
	"math"
	"time"

	"zeroloss/reports/present"
)

// span maps a stretch of time to a stretch of the picture.
type span struct {
	from, to time.Duration
	x, w     float64
}

func (v span) px(t time.Duration) float64 {
	return v.x + float64(t-v.from)/float64(v.to-v.from)*v.w
}

// clip returns the visible part of [from, to], at least least pixels wide.
func (v span) clip(from, to time.Duration, least float64) (x0, x1 float64, ok bool) {
	if to < v.from || from > v.to {
		return 0, 0, false
	}
	x0, x1 = max(v.px(from), v.x), min(v.px(to), v.x+v.w)
	return x0, max(x1, min(x0+least, v.x+v.w)), true
}

// ticks draws the time axis below b, with lines through it.
func (s *surface) ticks(v span, b box, labels bool) {
	step := present.AxisStep(float64(v.to-v.from) / float64(time.Second) / max(2, v.w/95))
	for k := math.Ceil(v.from.Seconds()/step - 1e-9); k*step <= v.to.Seconds()+1e-9; k++ {
		x := v.px(time.Duration(k * step * float64(time.Second)))
		s.rect(box{math.Floor(x), b.y, 1, b.h}, lineColour())
		if labels {
			s.text(x, b.y+b.h+18, plain(16).to(centre), "%s", present.AxisTime(k*step, step))
		}
	}
}
