package chart

import (
	"strings"

	"zeroloss/internal/format"
	"zeroloss/reports/internal/palette"
	"zeroloss/reports/ledger"
	"zeroloss/reports/present"
)

// part is one segment of a stacked bar.
type part struct {
	word   string
	n      int
	colour palette.Colour
}

func loss(s *surface, d *present.Document) {
	l := d.Run.Ledger
	top := s.heading(d, d.LossTitle())
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
	step := present.AxisStep(max(1, float64(most)/8))
	for n := 0.0; n <= float64(most)+1e-9; n += step {
		x := area.x + n/float64(most)*area.w
		s.rect(box{x, area.y, 1, area.h}, lineColour())
		s.text(x, area.y+area.h+18, plain(17).to(centre), "%s", format.Int(int(n)))
	}
	s.text(area.x+area.w/2, area.y+area.h+48, plain(17).to(centre), present.LostRequests)
	y, unit := area.y, area.h/shares(l.Arms)
	for i, a := range l.Arms {
		h := unit * share(a)
		armLoss(s, l, a, d.Arms[i], box{area.x, y, area.w, h}, most)
		if i > 0 {
			s.rect(box{margin, y, Width - 2*margin, 1}, lineColour())
		}
		y += h
	}
	s.legend(margin, Height-26, []entry{s.patch(present.PredictedBand, palette.Ink("window"), 0.4)})
}

// share is the relative height of an arm. One without loss has no bars.
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

// armLoss draws the two bars of an arm, by root cause and by window, above the band
// of the prediction.
func armLoss(s *surface, l *ledger.Ledger, a ledger.Arm, words present.Arm, b box, most int) {
	x := func(n int) float64 { return b.x + float64(n)/float64(most)*b.w }
	s.text(margin, b.y+34, bold(26), "%s", a.Name)
	s.text(margin, b.y+62, plain(16), "%s", s.fit(plain(16), words.Shutdown, 235))
	s.text(margin, b.y+88, plain(16), "%s sent", format.Int(a.Sent))
	h := min(96, (b.h-120)/2)
	bars := box{b.x, b.y + (b.h-2*h-54)/2 + 4, b.w, 2*h + 44}
	if a.Lost == 0 {
		h = 70
		bars = box{b.x, b.y + (b.h-h)/2, b.w, h}
	}
	if a.PredictedHigh > 0 {
		x0, x1 := x(a.PredictedLow), max(x(a.PredictedHigh), x(a.PredictedLow)+4)
		s.rect(box{x0, bars.y - 14, x1 - x0, bars.h + 28}, hex(palette.Ink("window"), 0.35))
		s.text(max(b.x+62, min((x0+x1)/2, b.x+b.w-30)), bars.y-26, bold(16).to(centre), "%s", present.Prediction(a))
	}
	if a.Lost == 0 {
		s.rect(box{b.x + 1, bars.y - 6, b.w, h + 12}, hex(palette.Colour{Light: "#ffffff"}, 1))
		s.text(b.x+14, bars.y+h/2, bold(52), "%s", words.Lost)
		s.paragraph(b.x+80, bars.y+h/2-24, b.w-96, strings.Join(words.Meaning, " "))
		return
	}
	stack(s, box{b.x, bars.y, x(a.Lost) - b.x, h}, present.ByRootCause, classParts(l, a))
	stack(s, box{b.x, bars.y + h + 44, x(a.Lost) - b.x, h}, present.ByWindow, windowParts(a))
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
		if f := (typeface{size: 20, bold: true, ink: hex(palette.Colour{Light: "#ffffff"}, 1)}); w > s.width(f, format.Int(p.n))+12 {
			s.text(at+w/2, b.y+b.h/2, f.to(centre), "%s", format.Int(p.n))
		}
		at += max(w, 2)
		entries = append(entries, s.patch(p.word+" "+format.Int(p.n), p.colour, 1))
	}
	from := b.x + s.width(bold(15), title) + 18
	s.rect(box{b.x + 1, b.y + b.h + 6, s.legendWidth(from, entries) - b.x, 26}, hex(palette.Colour{Light: "#ffffff"}, 0.8))
	s.text(b.x, b.y+b.h+19, bold(15), "%s", title)
	s.legend(from, b.y+b.h+19, entries)
}

func classParts(l *ledger.Ledger, a ledger.Arm) []part {
	classes, _ := present.LossClasses(l)
	var out []part
	for i, c := range classes {
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
			out = append(out, part{string(w), n, palette.Windows()[i%len(palette.Windows())]})
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
