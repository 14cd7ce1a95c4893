package html

import (
	"fmt"
	"html/template"
	"math"
	"strings"
)

// drawing is an SVG that is being written, for pictures that need no script. Places are
// pixels from the top left; colours are classes of page.css.
type drawing struct {
	b    strings.Builder
	w, h float64
}

func newDrawing(w, h float64, class, title string) *drawing {
	d := &drawing{w: w, h: h}
	fmt.Fprintf(&d.b, `<svg class="%s" viewBox="0 0 %g %g" role="img" aria-label="%s">`, class, w, h, template.HTMLEscapeString(title))
	return d
}

func (d *drawing) done() template.HTML {
	d.b.WriteString("</svg>")
	return template.HTML(d.b.String())
}

// n writes a place to a tenth of a pixel.
func n(v float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0") }

func (d *drawing) rect(class string, x, y, w, h float64, title string) {
	fmt.Fprintf(&d.b, `<rect class="%s" x="%s" y="%s" width="%s" height="%s"`, class, n(x), n(y), n(w), n(max(h, 0)))
	if title == "" {
		d.b.WriteString("/>")
		return
	}
	fmt.Fprintf(&d.b, `><title>%s</title></rect>`, template.HTMLEscapeString(title))
}

func (d *drawing) line(class string, x0, y0, x1, y1 float64) {
	fmt.Fprintf(&d.b, `<path class="%s" d="M%s %sL%s %s"/>`, class, n(x0), n(y0), n(x1), n(y1))
}

// Anchors of a text.
const (
	atStart  = "start"
	atMiddle = "middle"
	atEnd    = "end"
)

func (d *drawing) text(class, anchor string, x, y float64, words string) {
	fmt.Fprintf(&d.b, `<text class="%s" text-anchor="%s" x="%s" y="%s">%s</text>`, class, anchor, n(x), n(y), template.HTMLEscapeString(words))
}

// path draws values as a line through their places; it pauses at NaN, and what
// stands by itself is a dot.
func (d *drawing) path(class string, xs, ys []float64) {
	var p strings.Builder
	pen := "M"
	for i, x := range xs {
		if math.IsNaN(ys[i]) {
			pen = "M"
			continue
		}
		p.WriteString(pen + n(x) + " " + n(ys[i]))
		if alone := pen == "M" && (i+1 == len(ys) || math.IsNaN(ys[i+1])); alone {
			p.WriteString("h0")
		}
		pen = "L"
	}
	if p.Len() > 0 {
		fmt.Fprintf(&d.b, `<path class="%s" d="%s"/>`, class, p.String())
	}
}

// area fills what lies between two lines of steps.
func (d *drawing) area(class string, x0, x1, low, high []float64) {
	if len(x0) == 0 {
		return
	}
	var p strings.Builder
	pen := "M"
	for i := range x0 {
		p.WriteString(pen + n(x0[i]) + " " + n(high[i]) + "L" + n(x1[i]) + " " + n(high[i]))
		pen = "L"
	}
	for i := len(x0) - 1; i >= 0; i-- {
		p.WriteString("L" + n(x1[i]) + " " + n(low[i]) + "L" + n(x0[i]) + " " + n(low[i]))
	}
	fmt.Fprintf(&d.b, `<path class="%s" d="%sZ"/>`, class, p.String())
}
