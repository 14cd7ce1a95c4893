package chart

import (
	"image/color"
	"math"
	"slices"
	"time"

	"gonum.org/v1/plot/vg"

	"zeroloss/reports/internal/palette"
	"zeroloss/reports/ledger/warmup"
	"zeroloss/reports/present"
)

// maxWarmups is how many warm-ups fit the picture, side by side.
const maxWarmups = 2

// bandAlpha is the opacity of the band of chance.
const bandAlpha = 0.3

func drawWarmups(s *surface, d *present.Document) {
	list := d.DrawnWarmups(maxWarmups)
	top := s.heading(d, d.WarmupsTitle())
	if len(list) == 0 {
		return
	}
	const gap, scale, bottom = 56, 64.0, 92
	each := (Width - 2*margin - gap*float64(len(list)-1)) / float64(len(list))
	if len(list) > 1 {
		top += 20
	}
	for i, w := range list {
		column := box{margin + float64(i)*(each+gap) + scale, top + 46, each - scale, Height - top - 46 - bottom}
		if len(list) > 1 {
			f := bold(17)
			s.text(column.x, top-10, f, "%s", s.fit(f, w.ShortConclusion(), column.w))
		}
		drawWarmup(s, w, column)
	}
	entries := []entry{
		{present.WarmupOwnTraffic, func(x, y float64) { s.line(x-9, y, x+9, y, 3.4, hex(armColour(0), 1)) }},
		{present.WarmupExpected, func(x, y float64) { s.line(x-9, y, x+9, y, 2, inkColour(), 6, 4) }},
		s.patch(present.WarmupBand, palette.Ink("window"), bandAlpha),
		{present.WarmupOtherTraffic, func(x, y float64) { s.line(x-9, y, x+9, y, 1.8, softColour()) }},
	}
	if slices.ContainsFunc(list, func(w present.Warmup) bool { return w.Failed != "" }) {
		entries = append(entries, s.patch(present.WarmupFailed, palette.Ink("lost"), 1))
	}
	s.legend(margin, Height-26, entries)
}

// drawWarmup draws one warm-up: traffic compared with what was expected, with weight
// and latency below, on one time axis.
func drawWarmup(s *surface, x present.Warmup, area box) {
	w := x.Raw
	v := span{from: w.Bins[0].From, to: w.Bins[len(w.Bins)-1].To, x: area.x, w: area.w}
	const between = 40
	h := area.h - 2*between
	traffic := box{area.x, area.y, area.w, h * 0.62}
	weight := box{area.x, traffic.y + traffic.h + between, area.w, h * 0.19}
	latency := box{area.x, weight.y + weight.h + between, area.w, h * 0.19}
	for i, b := range []box{traffic, weight, latency} {
		s.ticks(v, b, i == 2)
	}
	most, slowest := present.WarmupScale(w)
	drawTraffic(s, w, v, traffic, s.scale(traffic, most, 6))
	s.label(box{traffic.x, traffic.y - 24, traffic.w, 0}, present.RequestsPerSecond)
	one := s.scale(weight, 1, 2)
	s.curve(w, v, weight, one, 2.6, hex(armColour(1), 1), nil, func(b warmup.Bin) float64 {
		if b.From < w.Start {
			return math.NaN()
		}
		return b.Weight
	})
	s.label(weight, present.WarmupWeight+": "+x.Declared)
	ms := s.scale(latency, max(0.01, float64(slowest)/float64(time.Millisecond)), 2)
	for _, of := range []struct {
		took  func(b warmup.Bin) time.Duration
		width float64
		own   bool
	}{{func(b warmup.Bin) time.Duration { return b.OthersLatency }, 1.8, false}, {func(b warmup.Bin) time.Duration { return b.Latency }, 2.6, true}} {
		ink := softColour()
		if of.own {
			ink = hex(armColour(0), 1)
		}
		s.curve(w, v, latency, ms, of.width, ink, nil, func(b warmup.Bin) float64 {
			if of.took(b) == 0 {
				return math.NaN()
			}
			return float64(of.took(b)) / float64(time.Millisecond)
		})
	}
	s.label(latency, present.WarmupLatency)
	s.startSteps(w, v, traffic, weight, latency)
}

func drawTraffic(s *surface, w warmup.Measurement, v span, b box, ceiling float64) {
	y := func(qps float64) float64 { return b.y + b.h - qps/ceiling*b.h }
	for _, x := range w.Bins {
		x0, x1, ok := v.clip(x.From, x.To, 1)
		if ok && x.High > 0 {
			s.rect(box{x0, y(x.QPS(x.High)), x1 - x0, y(x.QPS(x.Low)) - y(x.QPS(x.High))}, hex(palette.Ink("window"), bandAlpha))
		}
	}
	for i := range w.Peers {
		s.curve(w, v, b, ceiling, 1.8, softColour(), nil, func(x warmup.Bin) float64 {
			if x.Others[i] == 0 {
				return math.NaN()
			}
			return x.QPS(float64(x.Others[i]))
		})
	}
	s.curve(w, v, b, ceiling, 2, inkColour(), []vg.Length{6, 4}, func(x warmup.Bin) float64 {
		if x.From < w.Start {
			return math.NaN()
		}
		return x.QPS(x.Expected)
	})
	s.curve(w, v, b, ceiling, 3.4, hex(armColour(0), 1), nil, func(x warmup.Bin) float64 { return x.QPS(float64(x.Got)) })
	for _, x := range w.Bins {
		if x0, x1, ok := v.clip(x.From, x.To, 2); ok && x.Failed > 0 {
			h := max(3, x.QPS(float64(x.Failed))/ceiling*b.h)
			s.rect(box{x0, b.y + b.h - h, x1 - x0, h}, hex(palette.Ink("lost"), 1))
		}
	}
}

// scale draws the lines and numbers of an axis from 0 and returns its upper
// end.
func (s *surface) scale(b box, most float64, parts int) float64 {
	step := present.AxisStep(most / float64(parts))
	ceiling := math.Ceil(most/step-1e-9) * step
	digits := present.AxisDecimals(step)
	for k := 0.0; k*step <= ceiling+1e-9; k++ {
		y := b.y + b.h - k*step/ceiling*b.h
		s.rect(box{b.x, math.Floor(y), b.w, 1}, lineColour())
		s.text(b.x-10, y, plain(15).to(right), "%.*f", digits, k*step)
	}
	return ceiling
}

func (s *surface) label(b box, words string) {
	s.text(b.x, b.y-14, plain(16), "%s", s.fit(plain(16), words, b.w))
}

// curve draws a value of each bin as a line through their middles. It pauses at NaN.
func (s *surface) curve(w warmup.Measurement, v span, b box, ceiling, width float64, ink color.Color, dashes []vg.Length, value func(warmup.Bin) float64) {
	var line []vg.Point
	flush := func() {
		if len(line) == 1 { // a bin by itself is a dot
			line = append(line, vg.Point{X: line[0].X + vg.Length(width), Y: line[0].Y})
		}
		s.polyline(line, width, ink, dashes)
		line = nil
	}
	for _, x := range w.Bins {
		if n := value(x); math.IsNaN(n) {
			flush()
		} else {
			line = append(line, s.point(v.px((x.From+x.To)/2), b.y+b.h-min(n/ceiling, 1)*b.h))
		}
	}
	flush()
}

// startSteps draws a line through all panels at each step of the instance's start.
func (s *surface) startSteps(w warmup.Measurement, v span, panels ...box) {
	pixel := time.Duration(float64(v.to-v.from) / v.w)
	steps := slices.DeleteFunc(present.StartSteps(w, 3*pixel), func(m present.StartStep) bool { return m.At < v.from || m.At > v.to })
	for _, m := range steps {
		for _, b := range panels {
			s.line(v.px(m.At), b.y, v.px(m.At), b.y+b.h, 1.4, inkColour(), 2, 3)
		}
	}
	f := typeface{size: 15, bold: true, ink: inkColour()}
	for _, m := range present.StartStepLabels(steps, 130*pixel) {
		x, half, b := v.px(m.At), s.width(f, m.Label)/2, panels[0]
		s.text(min(max(x, b.x+half), b.x+b.w-half), b.y-12, f.to(centre), "%s", m.Label)
	}
}
