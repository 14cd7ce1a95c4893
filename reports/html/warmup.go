package html

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"time"

	"zeroloss/internal/format"
	"zeroloss/reports/ledger/warmup"
	"zeroloss/reports/present"
)

func drawWarmups(list []present.Warmup) []warmupFigure {
	var out []warmupFigure
	for _, w := range list[:min(shownWarmups, len(list))] {
		x := warmupFigure{Warmup: w}
		if len(w.Raw.Bins) > 0 {
			x.Wide, x.Narrow = drawWarmup(w, wideSheet()), drawWarmup(w, narrowSheet())
		}
		out = append(out, x)
	}
	return out
}

// drawWarmup draws the traffic over what was expected, with weight and latency
// below and the steps of the instance's start, on one time axis.
func drawWarmup(x present.Warmup, s sheet) template.HTML {
	const head, between, foot = 44, 30, 24
	w := x.Raw
	d := newDrawing(s.width, head+s.traffic+between+s.weight+between+s.latency+foot, s.class, "Warm-up of "+x.Instance+": "+x.Conclusion)
	panel := func(y, h float64) plot {
		return plot{d: d, x: s.gutter, y: y, w: s.width - s.gutter - 4, h: h, from: w.Bins[0].From, to: w.Bins[len(w.Bins)-1].To, top: 1}
	}
	most, slowest := present.WarmupScale(w)
	traffic := panel(head, s.traffic).valueAxis(most, 5)
	weight := panel(traffic.y+traffic.h+between, s.weight).valueAxis(1, 2)
	latency := panel(weight.y+weight.h+between, s.latency).valueAxis(max(0.01, format.Millis(slowest)), 2)
	for i, p := range []plot{traffic, weight, latency} {
		p.timeAxis(i == 2)
	}
	d.text("wu-t", atStart, s.gutter, 14, present.RequestsPerSecond)
	d.text("wu-t", atStart, s.gutter, weight.y-9, present.WarmupWeight)
	d.text("wu-t", atStart, s.gutter, latency.y-9, present.WarmupLatency)
	traffic.traffic(w)
	weight.curve("wu-weight", w, func(b warmup.Bin) float64 { return fromStart(w, b, b.Weight) })
	latency.curve("wu-other", w, func(b warmup.Bin) float64 { return nanIfZero(format.Millis(b.OthersLatency)) })
	latency.curve("wu-own", w, func(b warmup.Bin) float64 { return nanIfZero(format.Millis(b.Latency)) })
	traffic.startSteps(w, s.near, weight, latency)
	if s.tips {
		traffic.tips(w, latency.y+latency.h)
	}
	return d.done()
}

// startSteps draws a line through all panels at each step of the instance's start.
// Steps within near pixels share a label.
func (p plot) startSteps(w warmup.Measurement, near float64, below ...plot) {
	pixel := float64(p.to-p.from) / p.w
	steps := slices.DeleteFunc(present.StartSteps(w, time.Duration(3*pixel)), func(m present.StartStep) bool { return m.At < p.from || m.At > p.to })
	for _, m := range steps {
		for _, q := range append([]plot{p}, below...) {
			p.d.line("wu-mark", q.px(m.At), q.y, q.px(m.At), q.y+q.h)
		}
	}
	for _, m := range present.StartStepLabels(steps, time.Duration(near*pixel)) {
		anchor, x := atMiddle, p.px(m.At)
		switch half := 3.6 * float64(len(m.Label)); {
		case x-half < p.x:
			anchor, x = atStart, p.x
		case x+half > p.x+p.w:
			anchor, x = atEnd, p.x+p.w
		}
		p.d.text("wu-stamp", anchor, x, p.y-10, m.Label)
	}
}

// fromStart is v from the start of the warm-up, NaN before.
func fromStart(w warmup.Measurement, b warmup.Bin, v float64) float64 {
	if b.From < w.Start {
		return math.NaN()
	}
	return v
}

func nanIfZero(v float64) float64 {
	if v == 0 {
		return math.NaN()
	}
	return v
}

func (p plot) traffic(w warmup.Measurement) {
	var x0, x1, low, high []float64
	for _, b := range w.Bins {
		if b.From >= w.Start {
			x0, x1 = append(x0, p.px(b.From)), append(x1, p.px(b.To))
			low, high = append(low, p.py(b.QPS(b.Low))), append(high, p.py(b.QPS(b.High)))
		}
	}
	p.d.area("wu-band", x0, x1, low, high)
	for i := range w.Peers {
		p.curve("wu-other", w, func(b warmup.Bin) float64 { return nanIfZero(b.QPS(float64(b.Others[i]))) })
	}
	p.curve("wu-expected", w, func(b warmup.Bin) float64 { return fromStart(w, b, b.QPS(b.Expected)) })
	p.curve("wu-own", w, func(b warmup.Bin) float64 { return b.QPS(float64(b.Got)) })
	for _, b := range w.Bins {
		if b.Failed > 0 {
			y := min(p.py(b.QPS(float64(b.Failed))), p.y+p.h-3)
			p.d.rect("wu-failed", p.px(b.From), y, p.px(b.To)-p.px(b.From), p.y+p.h-y, "")
		}
	}
}

func (p plot) curve(class string, w warmup.Measurement, value func(warmup.Bin) float64) {
	var xs, ys []float64
	for _, b := range w.Bins {
		xs, ys = append(xs, p.px((b.From+b.To)/2)), append(ys, p.py(value(b)))
	}
	p.d.path(class, xs, ys)
}

// tips says, under the pointer, what a bin holds.
func (p plot) tips(w warmup.Measurement, bottom float64) {
	for _, b := range w.Bins {
		words := fmt.Sprintf("%s to %s: %d of %d requests", format.Offset(b.From), format.Offset(b.To), b.Got, b.Sent)
		if b.From >= w.Start {
			words += fmt.Sprintf(", expected %.1f (%.0f to %.0f), weight %.0f %%", b.Expected, b.Low, b.High, 100*b.Weight)
		}
		if b.Latency > 0 {
			words += ", " + format.Duration(b.Latency)
		}
		if b.Failed > 0 {
			words += fmt.Sprintf(", %d failed", b.Failed)
		}
		p.d.rect("wu-tip", p.px(b.From), p.y, p.px(b.To)-p.px(b.From), bottom-p.y, words)
	}
}
