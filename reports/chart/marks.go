package chart

import (
	"math"

	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"

	"zeroloss/loadgen/record"
)

// sign is how an instant of a life is marked.
type sign struct {
	word  string
	shape vgdraw.GlyphDrawer
}

func marks() map[record.Kind]sign {
	return map[record.Kind]sign{
		record.KindOffline:        {"offline", down()},
		record.KindDeregistered:   {"deregistered", rhomb()},
		record.KindTermReceived:   {"TERM", vgdraw.CircleGlyph{}},
		record.KindListenerClosed: {"listener closed", square()},
		record.KindKillSent:       {"killed", cross()},
		record.KindHookAbandoned:  {"hook abandoned", cross()},
	}
}

// markOrder is the order of marks on legends.
func markOrder() []record.Kind {
	return []record.Kind{record.KindOffline, record.KindDeregistered, record.KindTermReceived, record.KindListenerClosed, record.KindHookAbandoned, record.KindKillSent}
}

// ring is how a masked request is drawn: hollow.
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

// corner is a place on a glyph, in radii.
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

func up() polygon     { return polygon{{0, 1.15}, {1.1, -0.85}, {-1.1, -0.85}} }
func down() polygon   { return polygon{{0, -1.15}, {1.1, 0.85}, {-1.1, 0.85}} }
func square() polygon { return polygon{{-0.9, -0.9}, {0.9, -0.9}, {0.9, 0.9}, {-0.9, 0.9}} }
func rhomb() polygon  { return polygon{{-1.2, 0}, {0, 1.2}, {1.2, 0}, {0, -1.2}} }
func cross() strokes  { return strokes{{-0.85, -0.85}, {0.85, 0.85}, {-0.85, 0.85}, {0.85, -0.85}} }
func plus() strokes   { return strokes{{-1.1, 0}, {1.1, 0}, {0, -1.1}, {0, 1.1}} }

// glyph tells classes apart by shape, as on the page.
func glyph(i int) vgdraw.GlyphDrawer {
	all := []vgdraw.GlyphDrawer{cross(), up(), square(), rhomb(), plus(), down()}
	return all[i%len(all)]
}
