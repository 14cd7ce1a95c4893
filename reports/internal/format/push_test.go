package format

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/reports"
	"zeroloss/reports/ledger"
	"zeroloss/scenarios/plan"
)

func heardIn(runtime string, took ...int) *reports.Report {
	r := &reports.Report{Meta: reports.Meta{Scenario: "offline", Runtime: runtime, Started: "2026-01-01T00:00:00Z"}, Plan: &plan.Plan{PushDelay: 500 * time.Millisecond}, Ledger: &ledger.Ledger{}}
	for _, ms := range took {
		r.Ledger.Propagations = append(r.Ledger.Propagations, ledger.Propagation{Took: time.Duration(ms) * time.Millisecond})
	}
	return r
}

// Two runs have one axis, and each its own whole.
func TestHeards(t *testing.T) {
	r := heardIn("local", 540, 550, 555, 560)
	r.Beside = heardIn("kube", 300, 790)
	h := Heards(r)
	require.Equal(t, 20*time.Millisecond, h.Width)
	require.Equal(t, 40, h.Bins)
	require.Equal(t, 500*time.Millisecond, h.Delay)
	require.Len(t, h.Runs, 2)
	for _, run := range h.Runs {
		sum := 0.0
		for _, s := range run.Shares {
			sum += s
		}
		require.InDelta(t, 1, sum, 1e-9)
	}
	require.InDelta(t, 0.75, h.Runs[0].Shares[27], 1e-9, "540 up to 560 ms")
	require.Equal(t, "median 550 ms · 90 % within 560 ms · slowest 560 ms · 4 changes heard", h.Runs[0].Figures())
	require.Equal(t, "Subscribers heard in 550 ms from embedded registry (local), in 300 ms from Nacos (kube).", HeardHeadline(h))

	r.Beside.Meta.Runtime = "local"
	require.Contains(t, Heards(r).Runs[1].Name, "embedded registry (local) · offline 2026-01-01T00:00:00")
	require.Empty(t, Heards(heardIn("local")).Runs)
	require.Equal(t, "No subscriber heard of a change under load.", HeardHeadline(Heards(heardIn("local"))))
	require.Equal(t, 26, Heards(heardIn("local", 0)).Bins, "none took long: the axis goes to the push delay")
}
