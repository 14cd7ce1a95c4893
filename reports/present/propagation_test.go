package present

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/reports"
	"zeroloss/reports/ledger"
	"zeroloss/scenarios/plan"
)

func receivedIn(runtime string, took ...int) *reports.Report {
	r := &reports.Report{Meta: reports.Meta{Scenario: "offline", Runtime: runtime, Started: "2026-01-01T00:00:00Z"}, Plan: &plan.Plan{PushDelay: 500 * time.Millisecond}, Ledger: &ledger.Ledger{}}
	for _, ms := range took {
		r.Ledger.Propagations = append(r.Ledger.Propagations, ledger.Propagation{Took: time.Duration(ms) * time.Millisecond})
	}
	return r
}

// Two runs share one axis, and the shares of each add up to 1.
func TestReceivedHistogram(t *testing.T) {
	r := receivedIn("local", 540, 550, 555, 560)
	r.CompareWith = receivedIn("kube", 300, 790)
	h := received(r)
	require.Equal(t, 20*time.Millisecond, h.Width)
	require.Equal(t, 40, h.Bins)
	require.Equal(t, 500*time.Millisecond, h.PushDelay)
	require.Len(t, h.Runs, 2)
	for _, run := range h.Runs {
		sum := 0.0
		for _, s := range run.Shares {
			sum += s
		}
		require.InDelta(t, 1, sum, 1e-9)
	}
	require.InDelta(t, 0.75, h.Runs[0].Shares[27], 1e-9, "540 up to 560 ms")
	require.Equal(t, "median 550 ms · p90 560 ms · slowest 560 ms · 4 changes", h.Runs[0].String())
	require.Equal(t, "Subscribers received changes after 550 ms from embedded registry (local), after 300 ms from Nacos (kube) (median).", h.Title())

	r.CompareWith.Meta.Runtime = "local"
	require.Contains(t, received(r).Runs[1].Name, "embedded registry (local) · offline 2026-01-01T00:00:00")
	require.Empty(t, received(receivedIn("local")).Runs)
	require.Equal(t, "No subscriber received a change under load.", received(receivedIn("local")).Title())
	require.Equal(t, 26, received(receivedIn("local", 0)).Bins, "none took long: the axis extends to the push delay")
}
