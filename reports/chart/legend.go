package chart

import (
	"zeroloss/reports/internal/palette"
)

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
