package chart

import (
	"fmt"
	"strings"

	"zeroloss/reports"
	"zeroloss/reports/internal/format"
	"zeroloss/reports/ledger"
)

// part is one segment of a stacked bar.
type part struct {
	word   string
	n      int
	colour format.Colour
}

func loss(s *surface, r *reports.Report) {
	l := r.Ledger
	top := s.heading(r, lossFinding(l))
	if len(l.Arms) == 0 {
		return
	}
	most := 1
	for _, a := range l.Arms {
		most = max(most, a.Lost, a.PredictedHigh)
	}
	const labels = 250
	total := s.width(bold(46), format.Int(most)) + 24
	area := box{margin + labels, top + 10, Width - 2*margin - labels - total, Height - top - 120}
	step := niceStep(max(1, float64(most)/8))
	for n := 0.0; n <= float64(most)+1e-9; n += step {
		x := area.x + n/float64(most)*area.w
		s.rect(box{x, area.y, 1, area.h}, lineColour())
		s.text(x, area.y+area.h+18, plain(17).to(centre), "%s", format.Int(int(n)))
	}
	s.text(area.x+area.w/2, area.y+area.h+48, plain(17).to(centre), "lost requests")
	y, unit := area.y, area.h/shares(l.Arms)
	for i, a := range l.Arms {
		h := unit * share(a)
		armLoss(s, r, a, box{area.x, y, area.w, h}, most)
		if i > 0 {
			s.rect(box{margin, y, Width - 2*margin, 1}, lineColour())
		}
		y += h
	}
	s.legend(margin, Height-26, []entry{s.patch("predicted by the arithmetic of the release", format.Ink("window"), 0.4)})
}

// share is an arm's part of the height: one without loss has no bars.
func share(a ledger.Arm) float64 {
	if a.Lost == 0 {
		return 0.45
	}
	return 1
}

func shares(arms []ledger.Arm) float64 {
	sum := 0.0
	for _, a := range arms {
		sum += share(a)
	}
	return sum
}

// lossFinding holds what was lost against what was predicted.
func lossFinding(l *ledger.Ledger) string {
	var parts []string
	for _, a := range l.Arms {
		if a.Sent == 0 {
			return format.Headline(l)
		}
		parts = append(parts, fmt.Sprintf("%s lost %s, %s", a.Name, format.Int(a.Lost), format.Prediction(a)))
	}
	if len(parts) == 0 {
		return format.Headline(l)
	}
	return strings.Join(parts, "; ") + "."
}

// armLoss draws an arm's two bars, by class and by window, over the band of
// what was predicted.
func armLoss(s *surface, r *reports.Report, a ledger.Arm, b box, most int) {
	x := func(n int) float64 { return b.x + float64(n)/float64(most)*b.w }
	s.text(margin, b.y+34, bold(26), "%s", a.Name)
	s.text(margin, b.y+62, plain(16), "%s", s.fit(plain(16), format.Switch(r, a.Name), 235))
	s.text(margin, b.y+88, plain(16), "%s sent", format.Int(a.Sent))
	h := min(96, (b.h-120)/2)
	bars := box{b.x, b.y + (b.h-2*h-54)/2 + 4, b.w, 2*h + 44}
	if a.Lost == 0 {
		h = 70
		bars = box{b.x, b.y + (b.h-h)/2, b.w, h}
	}
	if a.PredictedHigh > 0 {
		x0, x1 := x(a.PredictedLow), max(x(a.PredictedHigh), x(a.PredictedLow)+4)
		s.rect(box{x0, bars.y - 14, x1 - x0, bars.h + 28}, hex(format.Ink("window"), 0.35))
		s.text(max(b.x+62, min((x0+x1)/2, b.x+b.w-30)), bars.y-26, bold(16).to(centre), "predicted %s", format.Predicted(a))
	}
	if a.Lost == 0 {
		s.rect(box{b.x + 1, bars.y - 6, b.w, h + 12}, hex(format.Colour{Light: "#ffffff"}, 1))
		zero := "0"
		if a.Sent == 0 {
			zero = "—"
		}
		s.text(b.x+14, bars.y+h/2, bold(52), "%s", zero)
		s.paragraph(b.x+80, bars.y+h/2-12, b.w-96, format.Bound(a))
		return
	}
	stack(s, box{b.x, bars.y, x(a.Lost) - b.x, h}, "by root cause", classParts(r.Ledger, a))
	stack(s, box{b.x, bars.y + h + 44, x(a.Lost) - b.x, h}, "by window", windowParts(a))
	s.text(x(a.Lost)+16, bars.y+h/2, bold(46), "%s", format.Int(a.Lost))
}

// stack draws parts side by side in b, and names them below.
func stack(s *surface, b box, title string, parts []part) {
	total := 0
	for _, p := range parts {
		total += p.n
	}
	at := b.x
	var entries []entry
	for _, p := range parts {
		w := b.w * float64(p.n) / float64(total)
		s.rect(box{at, b.y, max(w, 2), b.h}, hex(p.colour, 1))
		if f := (typeface{size: 20, bold: true, ink: hex(format.Colour{Light: "#ffffff"}, 1)}); w > s.width(f, format.Int(p.n))+12 {
			s.text(at+w/2, b.y+b.h/2, f.to(centre), "%s", format.Int(p.n))
		}
		at += max(w, 2)
		entries = append(entries, s.patch(p.word+" "+format.Int(p.n), p.colour, 1))
	}
	from := b.x + s.width(bold(15), title) + 18
	s.rect(box{b.x + 1, b.y + b.h + 6, s.legendWidth(from, entries) - b.x, 26}, hex(format.Colour{Light: "#ffffff"}, 0.8))
	s.text(b.x, b.y+b.h+19, bold(15), "%s", title)
	s.legend(from, b.y+b.h+19, entries)
}

func classParts(l *ledger.Ledger, a ledger.Arm) []part {
	present, _ := format.Classes(l)
	var out []part
	for i, c := range present {
		if n := a.ByClass[c]; n > 0 {
			out = append(out, part{string(c), n, lossColour(i)})
		}
	}
	return out
}

func windowParts(a ledger.Arm) []part {
	var out []part
	for i, w := range ledger.Windows() {
		if n := a.ByWindow[w]; n > 0 {
			out = append(out, part{string(w), n, format.Windows()[i%len(format.Windows())]})
		}
	}
	return out
}

// paragraph writes t in lines of at most width.
func (s *surface) paragraph(x, y, width float64, t string) {
	line := ""
	for _, w := range strings.Fields(t) {
		if next := strings.TrimSpace(line + " " + w); s.width(plain(19), next) <= width {
			line = next
			continue
		}
		s.text(x, y, plain(19), "%s", line)
		line, y = w, y+27
	}
	s.text(x, y, plain(19), "%s", line)
}
