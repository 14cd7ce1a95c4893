package chart

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"zeroloss/reports/internal/palette"
	"zeroloss/reports/ledger"
	"zeroloss/reports/present"
)

const margin = 56.0

// heading writes the title, the scenario and the verdict, and returns where the
// picture may begin.
func (s *surface) heading(d *present.Document, title string) float64 {
	verdict := d.Verdict.Name
	f := typeface{size: 24, bold: true, ink: hex(palette.Colour{Light: "#ffffff"}, 1)}
	label := strings.ToUpper(verdict)
	w := s.width(f, label) + 36
	s.rect(box{Width - margin - w, 40, w, 42}, hex(palette.Ink(verdict), 1))
	s.text(Width-margin-w/2, 62, f.to(centre), "%s", label)
	size := 34.0
	for size > 20 && s.width(bold(size), title) > Width-2*margin-w-30 {
		size--
	}
	s.text(margin, 60, bold(size), "%s", title)
	s.text(margin, 100, plain(19), "%s", s.fit(plain(19), subtitle(d), Width-2*margin))
	return 136
}

func subtitle(d *present.Document) string {
	parts := []string{d.Title}
	for _, x := range []string{d.Run.Meta.Runtime, d.Run.Meta.Version} {
		if x != "" {
			parts = append(parts, x)
		}
	}
	return strings.Join(parts, "  ·  ")
}

// fit cuts t so that it is at most width wide.
func (s *surface) fit(f typeface, t string, width float64) string {
	if s.width(f, t) <= width {
		return t
	}
	runes := []rune(t)
	for len(runes) > 1 && s.width(f, string(runes)+"…") > width {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + "…"
}

// span is a stretch of time laid over a stretch of the picture.
type span struct {
	from, to time.Duration
	x, w     float64
}

func (v span) at(t time.Duration) float64 {
	return v.x + float64(t-v.from)/float64(v.to-v.from)*v.w
}

// clip returns the visible part of [from, to], at least least pixels wide.
func (v span) clip(from, to time.Duration, least float64) (x0, x1 float64, ok bool) {
	if to < v.from || from > v.to {
		return 0, 0, false
	}
	x0, x1 = max(v.at(from), v.x), min(v.at(to), v.x+v.w)
	return x0, max(x1, min(x0+least, v.x+v.w)), true
}

// ticks draws the time axis below b, with lines through it.
func (s *surface) ticks(v span, b box, labels bool) {
	step := present.AxisStep(float64(v.to-v.from) / float64(time.Second) / max(2, v.w/95))
	digits := present.AxisDecimals(step)
	for k := math.Ceil(v.from.Seconds()/step - 1e-9); k*step <= v.to.Seconds()+1e-9; k++ {
		x := v.at(time.Duration(k * step * float64(time.Second)))
		s.rect(box{math.Floor(x), b.y, 1, b.h}, lineColour())
		if labels {
			s.text(x, b.y+b.h+18, plain(16).to(centre), "%s s", offset(k*step, digits))
		}
	}
}

// offset writes seconds since zero: +10, and 0 without a sign.
func offset(seconds float64, digits int) string {
	if math.Abs(seconds) < 1e-9 {
		return "0"
	}
	return fmt.Sprintf("%+.*f", digits, seconds)
}

// stretch is a part of the run.
type stretch struct{ from, to time.Duration }

// window is the duration of a release: from the deletion to the exit, or to the
// last attempt addressed to the instance.
func window(rel ledger.Release, end time.Duration) stretch {
	w := stretch{rel.At, end}
	if rel.Exited != nil {
		w.to = *rel.Exited
	}
	if _, last, ok := present.StaleRoute(rel); ok {
		w.to = max(w.to, last)
	}
	return stretch{w.from, max(w.from, w.to)}
}

// union joins what overlaps, so that two releases at once are no darker than one.
func union(list []stretch) []stretch {
	slices.SortFunc(list, func(a, b stretch) int { return cmp.Compare(a.from, b.from) })
	var out []stretch
	for _, w := range list {
		if n := len(out); n > 0 && w.from <= out[n-1].to {
			out[n-1].to = max(out[n-1].to, w.to)
			continue
		}
		out = append(out, w)
	}
	return out
}

// releases shades the releases of an arm.
func (s *surface) releases(l *ledger.Ledger, arm string, v span, b box) {
	var whole, stale []stretch
	for _, rel := range l.Releases {
		if !slices.Contains(rel.Arms, arm) {
			continue
		}
		whole = append(whole, window(rel, present.RunEnd(l)))
		if from, to, ok := present.StaleRoute(rel); ok {
			stale = append(stale, stretch{from, to})
		}
	}
	s.shade(union(whole), v, b, 0.16)
	s.shade(union(stale), v, b, 0.32)
}

func (s *surface) shade(list []stretch, v span, b box, alpha float64) {
	for _, w := range list {
		if x0, x1, ok := v.clip(w.from, w.to, 2); ok {
			s.rect(box{x0, b.y, x1 - x0, b.h}, hex(palette.Ink("window"), alpha))
		}
	}
}

// entry of a legend: a patch or a mark, and a label.
type entry struct {
	word string
	draw func(x, y float64) // at the middle of a field of 18 pixels
}

// legend writes entries from x on, and wraps them before the right margin.
func (s *surface) legend(x, y float64, entries []entry) {
	at := x
	for _, e := range entries {
		w := 26 + s.width(plain(16), e.word) + 26
		if at+w > Width-margin+26 && at > x {
			at, y = x, y+26
		}
		e.draw(at+9, y)
		s.text(at+26, y, plain(16), "%s", e.word)
		at += w
	}
}

// legendWidth is where a legend that begins at x ends, if it does not wrap.
func (s *surface) legendWidth(x float64, entries []entry) float64 {
	for _, e := range entries {
		x += 52 + s.width(plain(16), e.word)
	}
	return min(x, Width-margin)
}

func (s *surface) patch(word string, c palette.Colour, alpha float64) entry {
	return entry{word, func(x, y float64) { s.rect(box{x - 9, y - 6, 18, 12}, hex(c, alpha)) }}
}

func armColour(i int) palette.Colour  { return palette.Arms()[i%len(palette.Arms())] }
func lossColour(i int) palette.Colour { return palette.Losses()[i%len(palette.Losses())] }
