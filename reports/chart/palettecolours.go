package chart

import (
	"fmt"
	"image/color"

	"zeroloss/reports/internal/palette"
)

// hex is the colour of #rrggbb, as opaque as alpha says (0 to 1).
func hex(c palette.Colour, alpha float64) color.NRGBA {
	var r, g, b uint8
	if _, err := fmt.Sscanf(c.Light, "#%02x%02x%02x", &r, &g, &b); err != nil {
		return color.NRGBA{A: 255} // black; a test holds the palette to its form
	}
	return color.NRGBA{r, g, b, uint8(alpha*255 + 0.5)}
}

// The greys.
func inkColour() color.Color  { return color.NRGBA{0x1b, 0x20, 0x26, 255} }
func softColour() color.Color { return color.NRGBA{0x57, 0x61, 0x6c, 255} }
func lineColour() color.Color { return color.NRGBA{0xdf, 0xe3, 0xe7, 255} }

// The colours of arms and of classes of loss, by position.
func armColour(i int) palette.Colour  { return palette.Arms()[i%len(palette.Arms())] }
func lossColour(i int) palette.Colour { return palette.Losses()[i%len(palette.Losses())] }
