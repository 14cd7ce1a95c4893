package chart

import (
	"math"

	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"

	"zeroloss/loadgen/record"
	"zeroloss/reports/internal/palette"
)

// eventGlyphs returns the marks of events in pictures.
func eventGlyphs() map[record.Kind]vgdraw.GlyphDrawer {
	shapes := map[string]vgdraw.GlyphDrawer{"up": up(), "down": down(), "square": square(), "diamond": diamond(), "dot": vgdraw.CircleGlyph{}, "cross": cross()}
	out := map[record.Kind]vgdraw.GlyphDrawer{}
	for _, m := range palette.Marks() {
		if !m.PageOnly {
			out[m.Kind] = shapes[m.Shape]
		}
	}
	return out
}

// ring is the mark of a masked request.
type ring struct{}

// DrawGlyph implements vgdraw.GlyphDrawer.
func (ring) DrawGlyph(c *vgdraw.Canvas, sty vgdraw.GlyphStyle, at vg.Point) {
	c.SetLineStyle(vgdraw.LineStyle{Color: sty.Color, Width: 1.6})
	var p vg.Path
	p.Move(vg.Point{X: at.X + sty.Radius, Y: at.Y})
	p.Arc(at, sty.Radius, 0, 2*math.Pi)
	p.Close()
	c.Stroke(p)
}

// corner is a point of a glyph, in radii.
type corner struct{ x, y vg.Length }

// polygon is a glyph that is filled.
type polygon []corner

// DrawGlyph implements vgdraw.GlyphDrawer.
func (g polygon) DrawGlyph(c *vgdraw.Canvas, sty vgdraw.GlyphStyle, at vg.Point) {
	var points []vg.Point
	for _, k := range g {
		points = append(points, vg.Point{X: at.X + k.x*sty.Radius, Y: at.Y + k.y*sty.Radius})
	}
	c.FillPolygon(sty.Color, points)
}

// strokes is a glyph of lines, each between two corners.
type strokes []corner

// DrawGlyph implements vgdraw.GlyphDrawer.
func (g strokes) DrawGlyph(c *vgdraw.Canvas, sty vgdraw.GlyphStyle, at vg.Point) {
	line := vgdraw.LineStyle{Color: sty.Color, Width: max(1.6, sty.Radius*0.42)}
	for i := 0; i+1 < len(g); i += 2 {
		c.StrokeLine2(line, at.X+g[i].x*sty.Radius, at.Y+g[i].y*sty.Radius, at.X+g[i+1].x*sty.Radius, at.Y+g[i+1].y*sty.Radius)
	}
}

func up() polygon      { return polygon{{0, 1.15}, {1.1, -0.85}, {-1.1, -0.85}} }
func down() polygon    { return polygon{{0, -1.15}, {1.1, 0.85}, {-1.1, 0.85}} }
func square() polygon  { return polygon{{-0.9, -0.9}, {0.9, -0.9}, {0.9, 0.9}, {-0.9, 0.9}} }
func diamond() polygon { return polygon{{-1.2, 0}, {0, 1.2}, {1.2, 0}, {0, -1.2}} }
func cross() strokes   { return strokes{{-0.85, -0.85}, {0.85, 0.85}, {-0.85, 0.85}, {0.85, -0.85}} }
func plus() strokes    { return strokes{{-1.1, 0}, {1.1, 0}, {0, -1.1}, {0, 1.1}} }

// glyph tells classes apart by shape, as on the page.
func glyph(i int) vgdraw.GlyphDrawer {
	all := []vgdraw.GlyphDrawer{cross(), up(), square(), diamond(), plus(), down()}
	return all[i%len(all)]
}
