package junit

import (
	"bytes"
	"encoding/xml"
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/reports"
	"zeroloss/reports/internal/reporttest"
	"zeroloss/reports/present"
)

func TestJUnitCounts(t *testing.T) {
	for what, c := range map[string]struct {
		stage                     func(s *reporttest.RunDir)
		failures, errors, skipped int
	}{
		"a failed gate":  {func(*reporttest.RunDir) {}, 1, 0, 0},
		"all well":       {func(s *reporttest.RunDir) { s.Lossy = false }, 0, 0, 0},
		"unmet contrast": {func(s *reporttest.RunDir) { s.Lossy = false; s.Plan.Expect[1].Is = reporttest.Exactly(9) }, 0, 1, 0},
		"unmet info":     {func(s *reporttest.RunDir) { s.Lossy = false; s.Plan.Expect[2].Is = reporttest.Exactly(9) }, 0, 0, 1},
		"unfit instrument": {func(s *reporttest.RunDir) {
			s.Edit = func(r *record.Request) { r.Sent += 60_000; r.FirstByte += 60_000; r.Done += 60_000 }
		}, 0, 3, 0},
		"no expectation": {func(s *reporttest.RunDir) { s.Plan.Expect = nil }, 0, 1, 0},
	} {
		t.Run(what, func(t *testing.T) {
			s := reporttest.NewRunDir(t)
			c.stage(s)
			r, err := reports.Assemble(s.Write(t))
			require.NoError(t, err)
			d, err := present.New(r)
			require.NoError(t, err)
			var b bytes.Buffer
			require.NoError(t, Render(&b, d))
			var got suites
			require.NoError(t, xml.Unmarshal(b.Bytes(), &got))
			s0 := got.Suites[0]
			require.Equal(t, []int{c.failures, c.errors, c.skipped}, []int{s0.Failures, s0.Errors, s0.Skipped})
			require.Len(t, s0.Cases, s0.Tests)
			for _, k := range s0.Cases {
				if k.Failure != nil {
					require.Contains(t, k.Failure.Message, "stale-route", "the windows are in the message")
				}
			}
		})
	}
}
