package chart

import (
	"math"
	"slices"
	"time"

	"gonum.org/v1/plot/vg"

	"zeroloss/internal/format"
	"zeroloss/reports/internal/palette"
	"zeroloss/reports/ledger"
	"zeroloss/reports/present"
)

// row is a panel: the instances of one workload, and their arm.
type row struct {
	title string
	arm   string
	lines []ledger.Instance
}

func qps(s *surface, d *present.Document) {
	l := d.Run.Ledger
	top := s.heading(d, d.TrafficTitle())
	rows := workloadRows(l)
	area := box{margin + 50, top, Width - 2*margin - 50 - 190, Height - top - 96}
	each := area.h / float64(max(1, len(rows)))
	v := span{from: 0, to: present.RunEnd(l), x: area.x, w: area.w}
	most := 1 // of any second: all panels have one scale
	for _, row := range rows {
		most = max(most, row.most(l))
	}
	for i, row := range rows {
		b := box{area.x, area.y + float64(i)*each + 30, area.w, each - 46}
		drawRow(s, l, row, v, b, most, i == len(rows)-1)
	}
	s.legend(margin, Height-26, []entry{
		{present.ReceivedPerSecond, func(x, y float64) { s.line(x-9, y, x+9, y, 3, softColour()) }},
		s.patch(present.LostInSecond, palette.Ink("lost"), 1),
		s.patch(present.ReleaseShading, palette.Ink("window"), 0.4),
	})
}

// workloadRows makes a panel for each released workload, or, if none was released,
// for each arm.
func workloadRows(l *ledger.Ledger) []row {
	var rows []row
	for _, a := range l.Arms {
		for _, rel := range l.Releases {
			if !slices.Contains(rel.Arms, a.Name) || slices.ContainsFunc(rows, func(r row) bool { return r.arm == a.Name && r.title == rel.Workload }) {
				continue
			}
			r := row{title: rel.Workload, arm: a.Name}
			for _, in := range l.Instances {
				if in.Workload == rel.Workload && len(in.PerSecond) > 0 {
					r.lines = append(r.lines, in)
				}
			}
			rows = append(rows, r)
		}
	}
	if len(rows) == 0 {
		for _, a := range l.Arms {
			rows = append(rows, row{title: "sent", arm: a.Name})
		}
	}
	return rows[:min(len(rows), 4)] // beyond, a panel has no room
}

// most is the highest count of the panel in a second.
func (r row) most(l *ledger.Ledger) int {
	lost, sent := armSeconds(l, r.arm)
	most := slices.Max(append(lost, 0))
	for _, in := range r.lines {
		most = max(most, slices.Max(in.PerSecond))
	}
	if len(r.lines) == 0 {
		most = max(most, slices.Max(append(sent, 0)))
	}
	return most
}

func drawRow(s *surface, l *ledger.Ledger, row row, v span, b box, most int, last bool) {
	s.text(v.x, b.y-15, bold(18), "%s", row.arm)
	s.text(v.x+s.width(bold(18), row.arm)+12, b.y-15, plain(16), "%s, "+present.RequestsPerSecond, row.title)
	lost, sent := armSeconds(l, row.arm)
	scale := max(1, present.AxisStep(float64(most)/6))
	ceiling := math.Ceil(float64(most)/scale) * scale
	s.ticks(v, b, last)
	s.releases(l, row.arm, v, b)
	for n := 0.0; n <= ceiling+1e-9; n += scale {
		y := b.y + b.h - n/ceiling*b.h
		s.rect(box{b.x, math.Floor(y), b.w, 1}, lineColour())
		s.text(b.x-10, y, plain(15).to(right), "%s", format.Int(int(n)))
	}
	bars(s, v, b, lost, ceiling)
	if len(row.lines) == 0 {
		steps(s, v, b, sent, ceiling, 0)
	}
	label := b.y
	for i, in := range row.lines {
		steps(s, v, b, in.PerSecond, ceiling, i)
		if i < 6 {
			f := typeface{size: 15, ink: hex(armColour(i), 1), bold: true}
			s.text(b.x+b.w+14, label+10, f, "%s", s.fit(f, present.ShortPod(in.Instance), 180))
			s.text(b.x+b.w+14, label+28, plain(14), "%s received", format.Int(in.Received))
			label += 44
		}
	}
}

// armSeconds adds up the streams of an arm.
func armSeconds(l *ledger.Ledger, arm string) (lost, sent []int) {
	for _, st := range l.Streams {
		if st.Arm != arm {
			continue
		}
		for i, sec := range l.Seconds[st.Name] {
			if i == len(lost) {
				lost, sent = append(lost, 0), append(sent, 0)
			}
			lost[i] += sec.Lost
			sent[i] += sec.Sent
		}
	}
	return lost, sent
}

func bars(s *surface, v span, b box, counts []int, ceiling float64) {
	for i, n := range counts {
		if x0, x1, ok := v.clip(time.Duration(i)*time.Second, time.Duration(i+1)*time.Second, 2); ok && n > 0 {
			h := max(3, float64(n)/ceiling*b.h)
			s.rect(box{x0, b.y + b.h - h, x1 - x0, h}, hex(palette.Ink("lost"), 1))
			if h+20 < b.h && v.w/v.to.Seconds() > 8 {
				f := typeface{size: 15, bold: true, ink: hex(palette.Ink("lost"), 1)}
				s.text((x0+x1)/2, b.y+b.h-h-10, f.to(centre), "%s", format.Int(n))
			}
		}
	}
}

// steps draws counts by second as a line of steps. The line pauses in a second
// without any.
func steps(s *surface, v span, b box, counts []int, ceiling float64, i int) {
	dashes := [][]vg.Length{nil, {9, 4}, {3, 3}, {12, 3, 3, 3}}
	var line []vg.Point
	flush := func() {
		s.polyline(line, 2.6, hex(armColour(i), 1), dashes[i/len(palette.Arms())%len(dashes)])
		line = nil
	}
	for k, n := range counts {
		if n == 0 {
			flush()
			continue
		}
		x0, x1, ok := v.clip(time.Duration(k)*time.Second, time.Duration(k+1)*time.Second, 0)
		if !ok {
			continue
		}
		y := b.y + b.h - float64(n)/ceiling*b.h
		line = append(line, s.point(x0, y), s.point(x1, y))
	}
	flush()
}
