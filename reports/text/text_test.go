package text

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/reports"
	"zeroloss/reports/internal/reporttest"
	"zeroloss/reports/ledger"
	"zeroloss/reports/ledger/warmup"
	"zeroloss/reports/present"
)

func TestTextBoundsWhatItShows(t *testing.T) {
	s := reporttest.NewRunDir(t)
	s.Edit = func(r *record.Request) { // a burst of its own each second
		if r.Seq%3 == 0 {
			r.Class, r.Status, r.Trail, r.FirstByte = record.Classes()[r.Seq/3%15], 0, nil, 0
		}
	}
	r, err := reports.Assemble(s.Write(t))
	require.NoError(t, err)
	d, err := present.New(r)
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, Render(&b, d))
	require.Contains(t, b.String(), "more groups in the page")
	require.Less(t, strings.Count(b.String(), "\n"), 160)
}

func TestWarmupsAreListed(t *testing.T) {
	d, err := present.New(&reports.Report{Ledger: &ledger.Ledger{Warmups: []warmup.Measurement{reporttest.KeptWarmup()}}})
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, Render(&b, d))
	require.Contains(t, b.String(), "Warm-up: expected vs. measured\n  c-2/1  quadratic over 12 s, from +0.000 s\n    exponent 1.97")
}
