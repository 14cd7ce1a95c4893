package html

import (
	"fmt"
	"html/template"
	"math"
	"strings"
)

// drawing is an SVG that is being written, for pictures that need no script.
// Coordinates are pixels from the top left; colours are classes of page.css.
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
	return template.HTML(d.b.String()) //nolint:gosec // texts in it are escaped where they are written
}

// px writes a coordinate to a tenth of a pixel.
func px(v float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0") }

func (d *drawing) rect(class string, x, y, w, h float64, title string) {
	fmt.Fprintf(&d.b, `<rect class="%s" x="%s" y="%s" width="%s" height="%s"`, class, px(x), px(y), px(w), px(max(h, 0)))
	if title == "" {
		d.b.WriteString("/>")
		return
	}
	fmt.Fprintf(&d.b, `><title>%s</title></rect>`, template.HTMLEscapeString(title))
}

func (d *drawing) line(class string, x0, y0, x1, y1 float64) {
	fmt.Fprintf(&d.b, `<path class="%s" d="M%s %sL%s %s"/>`, class, px(x0), px(y0), px(x1), px(y1))
}

// Anchors of a text.
const (
	atStart  = "start"
	atMiddle = "middle"
	atEnd    = "end"
)

func (d *drawing) text(class, anchor string, x, y float64, words string) {
	fmt.Fprintf(&d.b, `<text class="%s" text-anchor="%s" x="%s" y="%s">%s</text>`, class, anchor, px(x), px(y), template.HTMLEscapeString(words))
}

// path draws a line through points. It pauses at NaN; a single point is a dot.
func (d *drawing) path(class string, xs, ys []float64) {
	var p strings.Builder
	pen := "M"
	for i, x := range xs {
		if math.IsNaN(ys[i]) {
			pen = "M"
			continue
		}
		p.WriteString(pen + px(x) + " " + px(ys[i]))
		last := i+1 >= len(ys)
		if alone := pen == "M" && (last || math.IsNaN(ys[i+1])); alone { //nolint:gosec // unless it is the last, there is a next
			p.WriteString("h0")
		}
		pen = "L"
	}
	if p.Len() > 0 {
		fmt.Fprintf(&d.b, `<path class="%s" d="%s"/>`, class, p.String())
	}
}

// area fills the space between two stepped lines.
func (d *drawing) area(class string, x0, x1, low, high []float64) {
	if len(x0) == 0 {
		return
	}
	var p strings.Builder
	pen := "M"
	for i := range x0 {
		p.WriteString(pen + px(x0[i]) + " " + px(high[i]) + "L" + px(x1[i]) + " " + px(high[i]))
		pen = "L"
	}
	for i := len(x0) - 1; i >= 0; i-- {
		p.WriteString("L" + px(x1[i]) + " " + px(low[i]) + "L" + px(x0[i]) + " " + px(low[i]))
	}
	fmt.Fprintf(&d.b, `<path class="%s" d="%sZ"/>`, class, p.String())
}
