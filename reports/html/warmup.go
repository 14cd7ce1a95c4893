package html

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"time"

	"zeroloss/reports"
	"zeroloss/reports/internal/format"
	"zeroloss/reports/ledger"
)

// shownWarmups bounds how many warm-ups the page draws.
const shownWarmups = 8

// warmupRow is one warm-up: its promise, what came of it, and its picture for
// wide and for narrow screens.
type warmupRow struct {
	Name, Promise, From, Arms string
	Class, Sign, Kept         string
	Failed                    string
	Evidence                  []string
	Wide, Narrow              template.HTML
	Consumers                 []consumerRow
}

// consumerRow is what one consumer did of it.
type consumerRow struct{ Name, Sent, Got, Exponent, Governed string }

func warmupRows(l *ledger.Ledger) []warmupRow {
	var out []warmupRow
	for _, w := range l.Warmups[:min(shownWarmups, len(l.Warmups))] {
		row := warmupRow{
			Name: format.ShortPod(w.Instance), Promise: reports.Promise(w), From: format.At(w.Start), Arms: join(w.Arms),
			Kept: reports.Kept(w), Evidence: reports.Evidence(w), Failed: format.Failed(w),
		}
		switch holds, known := w.Holds(); {
		case !known:
			row.Class, row.Sign = "invalid", "!"
		case holds:
			row.Class, row.Sign = "pass", "✓"
		default:
			row.Class, row.Sign = "fail", "✕"
		}
		for _, c := range w.Consumers {
			exponent := "–" // of a curve that has none
			if w.DeclaredExponent > 0 {
				exponent = fmt.Sprintf("%.2f (%.2f–%.2f)", c.Exponent.Value, c.Exponent.Low, c.Exponent.High)
			}
			row.Consumers = append(row.Consumers, consumerRow{
				c.Name, format.Int(c.Sent), format.Int(c.Got), exponent,
				fmt.Sprintf("%.0f %% (%.0f–%.0f)", 100*c.Governed.Value, math.Floor(100*c.Governed.Low), math.Ceil(100*c.Governed.High)),
			})
		}
		if len(w.Bins) > 0 {
			row.Wide, row.Narrow = drawWarmup(w, wideSheet()), drawWarmup(w, narrowSheet())
		}
		out = append(out, row)
	}
	return out
}

// sheet is how large a picture is.
type sheet struct {
	class                            string
	width, gutter                    float64
	traffic, weight, latency         float64 // heights
	titles                           bool
	near                             float64 // pixels within which two marks share a label
	trafficLabel, weightLabel, msLab string
}

func wideSheet() sheet {
	return sheet{"wu wide", 1072, 46, 250, 70, 80, true, 110, "requests a second", "weight as declared, of a warm instance's", "median latency as its callers had it, ms"}
}

func narrowSheet() sheet {
	return sheet{"wu narrow", 343, 34, 190, 60, 70, false, 96, "requests a second", "weight, as declared", "median latency, ms"}
}

// plot is one panel of a picture.
type plot struct {
	d        *drawing
	x, y     float64
	w, h     float64
	from, to time.Duration
	top      float64 // value at its upper edge
}

func (p plot) at(t time.Duration) float64 {
	return p.x + float64(t-p.from)/float64(p.to-p.from)*p.w
}

func (p plot) up(v float64) float64 { return p.y + p.h - min(v/p.top, 1)*p.h }

// drawWarmup draws traffic over what was expected of it, weight and latency
// below, and the marks of the instance's coming, on one axis of time.
func drawWarmup(w ledger.Warmup, s sheet) template.HTML {
	const head, between, foot = 44, 30, 24
	d := newDrawing(s.width, head+s.traffic+between+s.weight+between+s.latency+foot, s.class, "Warm-up of "+w.Instance.String()+": "+reports.Kept(w))
	panel := func(y, h float64) plot {
		return plot{d: d, x: s.gutter, y: y, w: s.width - s.gutter - 4, h: h, from: w.Bins[0].From, to: w.Bins[len(w.Bins)-1].To, top: 1}
	}
	most, slowest := format.WarmupScale(w)
	traffic := panel(head, s.traffic).scaled(most, 5)
	weight := panel(traffic.y+traffic.h+between, s.weight).scaled(1, 2)
	latency := panel(weight.y+weight.h+between, s.latency).scaled(max(0.01, ms(slowest)), 2)
	for i, p := range []plot{traffic, weight, latency} {
		p.axis(i == 2)
	}
	d.text("wu-t", atStart, s.gutter, 14, s.trafficLabel)
	d.text("wu-t", atStart, s.gutter, weight.y-9, s.weightLabel)
	d.text("wu-t", atStart, s.gutter, latency.y-9, s.msLab)

	traffic.traffic(w)
	weight.curve("wu-weight", w, func(b ledger.WarmupBin) float64 { return since(w, b, b.Weight) })
	latency.curve("wu-other", w, func(b ledger.WarmupBin) float64 { return some(ms(b.OthersLatency)) })
	latency.curve("wu-own", w, func(b ledger.WarmupBin) float64 { return some(ms(b.Latency)) })
	traffic.stamps(w, s.near, weight, latency)
	if s.titles {
		traffic.titles(w, latency.y+latency.h)
	}
	return d.done()
}

// stamps draws a line through all panels where the instance came a step
// further; near is within how many pixels steps share a label.
func (p plot) stamps(w ledger.Warmup, near float64, below ...plot) {
	pixel := float64(p.to-p.from) / p.w
	stamps := slices.DeleteFunc(format.Stamps(w, time.Duration(3*pixel)), func(m format.Stamp) bool { return m.At < p.from || m.At > p.to })
	for _, m := range stamps {
		for _, q := range append([]plot{p}, below...) {
			p.d.line("wu-mark", q.at(m.At), q.y, q.at(m.At), q.y+q.h)
		}
	}
	for _, m := range format.Labels(stamps, time.Duration(near*pixel)) {
		anchor, x := atMiddle, p.at(m.At)
		switch half := 3.6 * float64(len(m.Word)); {
		case x-half < p.x:
			anchor, x = atStart, p.x
		case x+half > p.x+p.w:
			anchor, x = atEnd, p.x+p.w
		}
		p.d.text("wu-stamp", anchor, x, p.y-10, m.Word)
	}
}

// since is v from where the warm-up begins.
func since(w ledger.Warmup, b ledger.WarmupBin, v float64) float64 {
	if b.From < w.Start {
		return math.NaN()
	}
	return v
}

// some is v, NaN for none.
func some(v float64) float64 {
	if v == 0 {
		return math.NaN()
	}
	return v
}

func (p plot) traffic(w ledger.Warmup) {
	var x0, x1, low, high []float64
	for _, b := range w.Bins {
		if b.From >= w.Start {
			x0, x1 = append(x0, p.at(b.From)), append(x1, p.at(b.To))
			low, high = append(low, p.up(b.QPS(b.Low))), append(high, p.up(b.QPS(b.High)))
		}
	}
	p.d.area("wu-band", x0, x1, low, high)
	for i := range w.Peers {
		p.curve("wu-other", w, func(b ledger.WarmupBin) float64 { return some(b.QPS(float64(b.Others[i]))) })
	}
	p.curve("wu-expected", w, func(b ledger.WarmupBin) float64 { return since(w, b, b.QPS(b.Expected)) })
	p.curve("wu-own", w, func(b ledger.WarmupBin) float64 { return b.QPS(float64(b.Got)) })
	for _, b := range w.Bins {
		if b.Failed > 0 {
			y := min(p.up(b.QPS(float64(b.Failed))), p.y+p.h-3)
			p.d.rect("wu-failed", p.at(b.From), y, p.at(b.To)-p.at(b.From), p.y+p.h-y, "")
		}
	}
}

func (p plot) curve(class string, w ledger.Warmup, value func(ledger.WarmupBin) float64) {
	var xs, ys []float64
	for _, b := range w.Bins {
		xs, ys = append(xs, p.at((b.From+b.To)/2)), append(ys, p.up(value(b)))
	}
	p.d.path(class, xs, ys)
}

// titles tells, where the pointer rests, what a bin holds.
func (p plot) titles(w ledger.Warmup, bottom float64) {
	for _, b := range w.Bins {
		words := fmt.Sprintf("%s to %s: %d of %d requests", format.At(b.From), format.At(b.To), b.Got, b.Sent)
		if b.From >= w.Start {
			words += fmt.Sprintf(", expected %.1f (%.0f to %.0f), weight %.0f %%", b.Expected, b.Low, b.High, 100*b.Weight)
		}
		if b.Latency > 0 {
			words += ", " + format.Ms(b.Latency) + " ms"
		}
		if b.Failed > 0 {
			words += fmt.Sprintf(", %d failed", b.Failed)
		}
		p.d.rect("wu-tip", p.at(b.From), p.y, p.at(b.To)-p.at(b.From), bottom-p.y, words)
	}
}

// scaled gives the panel a round upper end, and draws its lines and numbers.
func (p plot) scaled(most float64, parts int) plot {
	step := round125(most / float64(parts))
	p.top = math.Ceil(most/step-1e-9) * step
	digits := max(0, int(math.Ceil(-math.Log10(step)-1e-9)))
	for k := 0.0; k*step <= p.top*(1+1e-9); k++ {
		y := p.up(k * step)
		p.d.line("wu-grid", p.x, y, p.x+p.w, y)
		p.d.text("wu-n", atEnd, p.x-6, y+4, fmt.Sprintf("%.*f", digits, k*step))
	}
	return p
}

// axis draws the lines of time, and their numbers where asked.
func (p plot) axis(numbered bool) {
	step := round125((p.to - p.from).Seconds() / max(2, p.w/80))
	digits := max(0, int(math.Ceil(-math.Log10(step)-1e-9)))
	for k := math.Ceil(p.from.Seconds()/step - 1e-9); k*step <= p.to.Seconds()+1e-9; k++ {
		x := p.at(time.Duration(k * step * float64(time.Second)))
		p.d.line("wu-grid", x, p.y, x, p.y+p.h)
		if numbered && x < p.x+p.w-14 {
			p.d.text("wu-n", atMiddle, x, p.y+p.h+17, fmt.Sprintf("%+.*f s", digits, k*step))
		}
	}
}

// round125 is the smallest of 1, 2 and 5 times a power of ten that is at least
// want.
func round125(want float64) float64 {
	mag := math.Pow(10, math.Floor(math.Log10(want)))
	for _, m := range []float64{1, 2, 5} {
		if m*mag >= want*(1-1e-9) {
			return m * mag
		}
	}
	return 10 * mag
}
