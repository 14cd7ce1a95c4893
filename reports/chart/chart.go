// Package chart draws the pictures of a run for slides and for a README:
// timeline.png, loss.png and qps.png, 1600 by 900 pixels each. It alone knows
// gonum/plot, of which it uses the drawing surface and the fonts.
//
// It decides nothing and counts nothing that the ledger has not counted.
package chart

import (
	"io"

	"zeroloss/reports"
)

// Timeline writes, as a PNG, every instance's life over the requests of each
// arm, on one axis of time.
func Timeline(w io.Writer, r *reports.Report) error { return nil }

// Loss writes, as a PNG, what each arm lost, by class and by window, beside
// what was predicted.
func Loss(w io.Writer, r *reports.Report) error { return nil }

// QPS writes, as a PNG, what each instance of the released services received
// in each second, and what each stream lost.
func QPS(w io.Writer, r *reports.Report) error { return nil }
