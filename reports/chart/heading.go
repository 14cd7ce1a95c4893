package chart

import (
	"strings"

	"zeroloss/reports/internal/palette"
	"zeroloss/reports/present"
)

// margin is the space around a picture, in pixels.
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
