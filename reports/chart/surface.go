package chart

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"io"

	stdfont "golang.org/x/image/font"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/font/liberation"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// surface is a picture that is being drawn. Coordinates are pixels from the top left.
type surface struct {
	img   *vgimg.Canvas
	c     vgdraw.Canvas
	fonts text.Plain
	words []string // all that was written, for tests
}

// box is a rectangle in pixels.
type box struct{ x, y, w, h float64 }

func newSurface() *surface {
	img := vgimg.NewWith(vgimg.UseWH(Width, Height), vgimg.UseDPI(72), vgimg.UseBackgroundColor(color.White)) // at 72 dpi a point is a pixel
	return &surface{img: img, c: vgdraw.New(img), fonts: text.Plain{Fonts: font.NewCache(liberation.Collection())}}
}

func (s *surface) write(w io.Writer) error {
	_, err := vgimg.PngCanvas{Canvas: s.img}.WriteTo(w)
	return err
}

func (s *surface) point(x, y float64) vg.Point {
	return vg.Point{X: vg.Length(x), Y: vg.Length(Height - y)}
}

// Alignments of text.
const (
	left   = 0.0
	centre = -0.5
	right  = -1.0
)

// typeface is how a text is set. Its vertical coordinate is the middle of the line.
type typeface struct {
	size  float64
	bold  bool
	ink   color.Color
	align float64
}

func (s *surface) style(f typeface) text.Style {
	face := font.Font{Typeface: "Liberation", Variant: "Sans"}
	if f.bold {
		face.Weight = stdfont.WeightBold
	}
	return text.Style{Color: f.ink, Font: font.From(face, vg.Length(f.size)), XAlign: text.XAlignment(f.align), YAlign: text.YCenter, Handler: s.fonts}
}

func (s *surface) text(x, y float64, f typeface, format string, args ...any) {
	words := fmt.Sprintf(format, args...)
	s.words = append(s.words, words)
	s.c.FillText(s.style(f), s.point(x, y-f.size*0.1), words) // the middle of a line is above that of its box
}

func (s *surface) width(f typeface, t string) float64 { return float64(s.style(f).Width(t)) }

// rect fills b, blending a colour that is not opaque.
func (s *surface) rect(b box, c color.Color) {
	r := image.Rect(int(b.x+0.5), int(b.y+0.5), int(b.x+b.w+0.5), int(b.y+b.h+0.5))
	draw.Draw(s.img.Image(), r, image.NewUniform(c), image.Point{}, draw.Over)
}

func (s *surface) line(x0, y0, x1, y1, width float64, c color.Color, dashes ...vg.Length) {
	s.c.StrokeLines(vgdraw.LineStyle{Color: c, Width: vg.Length(width), Dashes: dashes}, []vg.Point{s.point(x0, y0), s.point(x1, y1)})
}

func (s *surface) polyline(points []vg.Point, width float64, c color.Color, dashes []vg.Length) {
	if len(points) > 1 {
		s.c.StrokeLines(vgdraw.LineStyle{Color: c, Width: vg.Length(width), Dashes: dashes}, points)
	}
}

func (s *surface) mark(x, y float64, g vgdraw.GlyphDrawer, radius float64, c color.Color) {
	s.c.DrawGlyphNoClip(vgdraw.GlyphStyle{Color: c, Radius: vg.Length(radius), Shape: g}, s.point(x, y))
}

// plain and bold are the typefaces of pictures.
func plain(size float64) typeface {
	return typeface{size: size, ink: softColour()}
}
func bold(size float64) typeface { return typeface{size: size, ink: inkColour(), bold: true} }
func (f typeface) to(align float64) typeface {
	f.align = align
	return f
}
