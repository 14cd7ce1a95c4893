package chart

import (
	"cmp"
	"image"
	"image/draw"
	"math"
	"slices"
	"time"

	"zeroloss/internal/format"
	"zeroloss/loadgen/record"
	"zeroloss/reports"
	"zeroloss/reports/internal/palette"
	"zeroloss/reports/ledger"
	"zeroloss/reports/present"
)

// maxLanes is how many instances fit the picture. If there are more, those of
// released workloads come first.
const maxLanes = 16

func timeline(s *surface, d *present.Document) {
	l := d.Run.Ledger
	top := s.heading(d, d.Headline)
	instances := lanes(l)
	p := panels{s: s, d: d, instances: instances, latency: latencyRange(d.Run)}
	names := 60.0
	for _, in := range instances {
		names = max(names, s.width(plain(15), present.ShortPod(in.Instance))+14)
	}
	const bottom = 118
	area := box{margin + names, top + 18, Width - 2*margin - names, Height - top - 18 - bottom}
	full := span{from: 0, to: present.RunEnd(l), x: area.x, w: area.w}
	if from, to, ok := closeUp(l); ok && to-from < full.to/2 {
		full.w = area.w*0.6 - 32
		near := span{from: from, to: to, x: area.x + area.w*0.6 + 32, w: area.w*0.4 - 44}
		s.text(full.x, top, bold(16), "the whole run")
		s.text(near.x, top, bold(16), "a release, close up")
		p.draw(near, area, false)
		p.edge(full, near, area)
	}
	p.draw(full, area, true)
	s.legend(margin, Height-62, p.legend())
}

// lanes picks the instances to draw, in the order of the ledger.
func lanes(l *ledger.Ledger) []ledger.Instance {
	if len(l.Instances) <= maxLanes {
		return l.Instances
	}
	released := map[string]bool{}
	for _, rel := range l.Releases {
		released[rel.Workload] = true
	}
	order := make([]int, len(l.Instances))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(rank(released[l.Instances[a].Workload]), rank(released[l.Instances[b].Workload]))
	})
	order = order[:maxLanes]
	slices.Sort(order)
	var out []ledger.Instance
	for _, i := range order {
		out = append(out, l.Instances[i])
	}
	return out
}

func rank(first bool) int {
	if first {
		return 0
	}
	return 1
}

// closeUp returns the time around the release that lost most, or else the first.
func closeUp(l *ledger.Ledger) (from, to time.Duration, ok bool) {
	if len(l.Releases) == 0 {
		return 0, 0, false
	}
	rel := slices.MaxFunc(l.Releases, func(a, b ledger.Release) int { return cmp.Compare(a.Lost, b.Lost) })
	until := rel.At + 500*time.Millisecond
	for _, x := range []*time.Duration{rel.LastHeard, rel.LastAttempt} {
		if x != nil {
			until = max(until, *x)
		}
	}
	return max(0, rel.At-200*time.Millisecond), min(until, rel.At+10*time.Second) + 250*time.Millisecond, true
}

// panels draws the phases of instances above one scatter plot for each arm.
type panels struct {
	s         *surface
	d         *present.Document
	instances []ledger.Instance
	latency   [2]float64 // decades of milliseconds
}

// latencyRange returns one logarithmic scale for all arms.
func latencyRange(r *reports.Report) [2]float64 {
	lo, hi := math.Inf(1), 0.0
	see := func(v float64) {
		if v > 0 {
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	for _, p := range r.Points {
		see(p.LatencyMs)
	}
	for _, x := range r.Ledger.Losses {
		see(float64((x.Done - x.Due).Microseconds()) / 1000)
	}
	if hi == 0 {
		return [2]float64{0, 2}
	}
	a := math.Floor(math.Log10(lo))
	return [2]float64{a, max(math.Ceil(math.Log10(hi)), a+1)}
}

// draw fills area for the stretch of time v. Only the first one has names and scales.
func (p panels) draw(v span, area box, first bool) {
	s, l := p.s, p.d.Run.Ledger
	laneH := min(24, area.h*0.48/float64(max(1, len(p.instances))))
	b := box{v.x, area.y, v.w, laneH * float64(len(p.instances))}
	s.ticks(v, b, false)
	for i, in := range p.instances {
		p.phases(v, in, area.y+float64(i)*laneH, laneH, first)
	}
	y := b.y + b.h + 12
	each := (area.y + area.h - y) / float64(max(1, len(l.Arms)))
	for i, a := range l.Arms {
		head := 0.0
		if first {
			s.text(v.x, y+12, bold(17), "%s", a.Name)
			s.text(v.x+s.width(bold(17), a.Name)+10, y+12, plain(15), "%s", s.fit(plain(15), p.d.Arms[i].Shutdown+"; latency from due, ms", v.w-120))
		}
		head = 26
		plot := box{v.x, y + head, v.w, each - head - 8}
		s.ticks(v, plot, i == len(l.Arms)-1)
		p.scatter(v, plot, i, first)
		y += each
	}
}

// edge marks the place of the close-up in the whole run.
func (p panels) edge(full, near span, area box) {
	x0, x1, ok := full.clip(near.from, near.to, 3)
	if !ok {
		return
	}
	grey := hex(palette.Colour{Light: "#57616c"}, 0.10)
	p.s.rect(box{x0, area.y, x1 - x0, area.h}, grey)
	p.s.line(x1, area.y, near.x, area.y, 1, softColour(), 3, 4)
}

func (p panels) phases(v span, in ledger.Instance, y, h float64, named bool) {
	s := p.s
	if named {
		f := plain(min(15, h*0.72))
		if in.Lost > 0 {
			f.bold, f.ink = true, inkColour()
		}
		s.text(v.x-10, y+h/2, f.to(right), "%s", present.ShortPod(in.Instance))
	}
	bar := box{y: y + h*0.2, h: h * 0.6}
	for _, ph := range in.Phases {
		if x0, x1, ok := v.clip(ph.From, ph.To, 3); ok {
			s.rect(box{x0, bar.y, x1 - x0, bar.h}, hex(palette.Phase(ph.Name), 1))
		}
	}
	last, glyphs := math.Inf(-1), eventGlyphs()
	for _, m := range in.Milestones {
		g, ok := glyphs[m.Kind]
		if x := v.px(m.At); ok && m.At >= v.from && m.At <= v.to && x-last > 9 {
			s.mark(x, y+h/2, g, 6.2, hex(palette.Colour{Light: "#ffffff"}, 1))
			s.mark(x, y+h/2, g, 4.2, inkColour())
			last = x
		}
	}
}

func (p panels) scatter(v span, b box, arm int, scaled bool) {
	s, l := p.s, p.d.Run.Ledger
	name := l.Arms[arm].Name
	s.releases(l, name, v, b)
	lo, hi := p.latency[0], p.latency[1]
	y := func(ms float64) float64 {
		return b.y + b.h - (math.Log10(max(ms, math.Pow(10, lo)))-lo)/(hi-lo)*b.h
	}
	for d := lo; d <= hi; d++ {
		py := y(math.Pow(10, d))
		s.rect(box{b.x, math.Floor(py), b.w, 1}, lineColour())
		if scaled && (b.h/(hi-lo) > 17 || int(d-lo)%2 == 0) {
			s.text(b.x-8, py, plain(13).to(right), "%s", format.Ms(time.Duration(math.Pow(10, d)*float64(time.Millisecond))))
		}
	}
	p.ok(v, arm, y)
	classes, _ := present.LossClasses(l)
	for _, x := range l.Losses {
		if x.Arm == name && x.Due >= v.from && x.Due <= v.to {
			i := slices.Index(classes, x.Class)
			s.mark(v.px(x.Due), y(float64((x.Done-x.Due).Microseconds())/1000), glyph(i), 5, hex(lossColour(i), 1))
		}
	}
}

// ok draws the ok requests of an arm as small squares, directly into the image
// because there may be a million.
func (p panels) ok(v span, arm int, y func(float64) float64) {
	l := p.d.Run.Ledger
	streams := map[string]bool{}
	for _, s := range l.Streams {
		streams[s.Name] = s.Arm == l.Arms[arm].Name
	}
	alpha, size := 0.35, 1.0
	if sent := float64(l.Arms[arm].Sent) * float64(v.to-v.from) / float64(max(l.Duration, time.Second)); sent < 1.5*v.w {
		alpha, size = 0.8, 2
	}
	ink, img := image.NewUniform(hex(armColour(arm), alpha)), p.s.img.Image()
	for _, q := range p.d.Run.Points {
		due := time.Duration(q.DueMs * float64(time.Millisecond))
		if q.Lost || !streams[q.Stream] || due < v.from || due > v.to {
			continue
		}
		x, py := v.px(due), y(q.LatencyMs)
		draw.Draw(img, image.Rect(int(x-size), int(py-size), int(x+size), int(py+size)), ink, image.Point{}, draw.Over)
		if q.Masked {
			p.s.mark(x, py, ring{}, 5, hex(palette.Ink("masked"), 1))
		}
	}
}

func (p panels) legend() []entry {
	s := p.s
	var out []entry
	seen := map[string]bool{}
	kinds := map[record.Kind]bool{}
	for _, in := range p.instances {
		for _, ph := range in.Phases {
			seen[ph.Name] = seen[ph.Name] || ph.To > max(ph.From, 0)
		}
		for _, m := range in.Milestones {
			kinds[m.Kind] = kinds[m.Kind] || m.At >= 0
		}
	}
	for _, c := range palette.Phases() {
		if seen[c.Name] {
			out = append(out, s.patch(c.Name, c, 1))
		}
	}
	for _, m := range palette.Marks() {
		if g, ok := eventGlyphs()[m.Kind]; ok && kinds[m.Kind] {
			out = append(out, entry{m.Label, func(x, y float64) { s.mark(x, y, g, 5, inkColour()) }})
		}
	}
	classes, counts := present.LossClasses(p.d.Run.Ledger)
	for i, c := range classes {
		out = append(out, entry{string(c) + " " + format.Int(counts[c]), func(x, y float64) { s.mark(x, y, glyph(i), 6, hex(lossColour(i), 1)) }})
	}
	if slices.ContainsFunc(p.d.Run.Points, func(q reports.Point) bool { return q.Masked }) {
		out = append(out, entry{present.MaskedLabel, func(x, y float64) { s.mark(x, y, ring{}, 6, hex(palette.Ink("masked"), 1)) }})
	}
	return append(out, s.patch(present.ReleaseShading, palette.Ink("window"), 0.4))
}
