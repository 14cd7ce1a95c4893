// Package chart draws the pictures of a run for slides and for a README:
// timeline.png, loss.png, qps.png, warmup.png and propagation.png, each 1600 by 900
// pixels. Their words are those of package present, their colours those of package palette.
//
// It is the only user of gonum/plot, and uses its drawing surface and fonts only:
// the pictures share a time axis across panels of different kinds, which is easier
// drawn than configured.
package chart

import (
	"fmt"
	"io"

	"zeroloss/reports/present"
)

// Width and Height are the size of each picture, in pixels.
const (
	Width  = 1600
	Height = 900
)

// Timeline writes, as a PNG, the phases of every instance above the requests of each
// arm, on one time axis, with a close-up of the release that lost most.
func Timeline(w io.Writer, d *present.Document) error { return picture(w, d, "timeline", timeline) }

// Loss writes, as a PNG, the lost requests of each arm by root cause and by window,
// beside the prediction.
func Loss(w io.Writer, d *present.Document) error { return picture(w, d, "loss", loss) }

// QPS writes, as a PNG, how many requests each instance of the released workloads
// received per second, above the losses of its arm.
func QPS(w io.Writer, d *present.Document) error { return picture(w, d, "qps", qps) }

// Warmup writes, as a PNG, how many requests an instance that started under load
// received per second, compared with its declared warm-up, with weight and latency
// below. It draws two warm-ups at most, measured ones first.
func Warmup(w io.Writer, d *present.Document) error { return picture(w, d, "warmup", drawWarmups) }

// Propagation writes, as a PNG, the propagation delay of the registry, and of the run that
// this one is compared with.
func Propagation(w io.Writer, d *present.Document) error {
	return picture(w, d, "propagation", propagation)
}

func picture(w io.Writer, d *present.Document, name string, draw func(*surface, *present.Document)) error {
	s := newSurface()
	draw(s, d)
	if err := s.write(w); err != nil {
		return fmt.Errorf("writing %s.png: %w", name, err)
	}
	return nil
}
