package html

import (
	"fmt"
	"math"
	"time"

	"zeroloss/reports/present"
)

// sheet is the size of an SVG picture.
type sheet struct {
	class                    string
	width, gutter            float64
	traffic, weight, latency float64 // heights of the panels
	tips                     bool    // what a bin holds, under the pointer
	near                     float64 // pixels within which two steps share a label
}

func wideSheet() sheet   { return sheet{"wu wide", 1072, 46, 250, 70, 80, true, 110} }
func narrowSheet() sheet { return sheet{"wu narrow", 343, 34, 190, 60, 70, false, 96} }

// plot is one panel of a picture, over a stretch of time.
type plot struct {
	d        *drawing
	x, y     float64
	w, h     float64
	from, to time.Duration
	top      float64 // value at the upper edge
}

// px is the horizontal coordinate of a time, py the vertical one of a value.
func (p plot) px(t time.Duration) float64 {
	return p.x + float64(t-p.from)/float64(p.to-p.from)*p.w
}

func (p plot) py(v float64) float64 { return p.y + p.h - min(v/p.top, 1)*p.h }

// valueAxis gives the panel a round upper end, and draws lines and numbers.
func (p plot) valueAxis(most float64, parts int) plot {
	step := present.AxisStep(most / float64(parts))
	p.top = math.Ceil(most/step-1e-9) * step
	for k := 0.0; k*step <= p.top*(1+1e-9); k++ {
		y := p.py(k * step)
		p.d.line("wu-grid", p.x, y, p.x+p.w, y)
		p.d.text("wu-n", atEnd, p.x-6, y+4, fmt.Sprintf("%.*f", present.AxisDecimals(step), k*step))
	}
	return p
}

// timeAxis draws the lines of a time axis, and numbers below if asked for.
func (p plot) timeAxis(numbered bool) {
	step := present.AxisStep((p.to - p.from).Seconds() / max(2, p.w/80))
	for k := math.Ceil(p.from.Seconds()/step - 1e-9); k*step <= p.to.Seconds()+1e-9; k++ {
		x := p.px(time.Duration(k * step * float64(time.Second)))
		p.d.line("wu-grid", x, p.y, x, p.y+p.h)
		if numbered && x < p.x+p.w-14 {
			p.d.text("wu-n", atMiddle, x, p.y+p.h+17, present.AxisTime(k*step, step))
		}
	}
}
