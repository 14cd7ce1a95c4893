// Package chart draws the pictures of a run for slides and for a README:
// timeline.png, loss.png, qps.png, warmup.png and push.png, 1600 by 900 pixels each. It
// alone knows gonum/plot, of which it uses the drawing surface and the fonts: the figures
// share an axis of time across panels of different kinds, which is easier
// drawn than configured.
//
// It decides nothing and counts nothing that the ledger has not counted.
package chart

import (
	"errors"
	"fmt"
	"io"

	"zeroloss/reports"
)

// Width and Height are the size of each picture, in pixels.
const (
	Width  = 1600
	Height = 900
)

// ErrNoLedger is returned for a report without an account to draw.
var ErrNoLedger = errors.New("the report has no ledger")

// Timeline writes, as a PNG, every instance's life over the requests of each
// arm, on one axis of time; the first release that matters is drawn close up
// beside it.
func Timeline(w io.Writer, r *reports.Report) error { return picture(w, r, "timeline", timeline) }

// Loss writes, as a PNG, what each arm lost, by class and by window, beside
// what was predicted.
func Loss(w io.Writer, r *reports.Report) error { return picture(w, r, "loss", loss) }

// QPS writes, as a PNG, what each instance of the released workloads received
// in each second, over what its arm lost.
func QPS(w io.Writer, r *reports.Report) error { return picture(w, r, "qps", qps) }

// Warmup writes, as a PNG, what an instance that came under load received by
// the second, over what its warm-up promised; weight and latency are below. Of
// several, those that were measured come first, and two are drawn.
func Warmup(w io.Writer, r *reports.Report) error { return picture(w, r, "warmup", warmup) }

// Push writes, as a PNG, how long subscribers took to hear of changes, beside
// those of the report's other run, if it has one.
func Push(w io.Writer, r *reports.Report) error { return picture(w, r, "push", push) }

func picture(w io.Writer, r *reports.Report, name string, draw func(*surface, *reports.Report)) error {
	if r == nil || r.Ledger == nil {
		return fmt.Errorf("drawing %s.png: %w", name, ErrNoLedger)
	}
	s := newSurface()
	draw(s, r)
	if err := s.write(w); err != nil {
		return fmt.Errorf("writing %s.png: %w", name, err)
	}
	return nil
}
