package present

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"zeroloss/internal/format"
	"zeroloss/reports"
	"zeroloss/reports/exact"
	"zeroloss/reports/ledger"
)

// Propagation says how long the registry took to spread changes.
type Propagation struct {
	// Pushes are the times until a subscriber acknowledged a push, by service.
	Pushes []Delays
	// Received are the times until the list of a subscriber showed a change: of
	// the run, and of the one that it is compared with.
	Received Histogram
}

// Delays are a number of times.
type Delays struct {
	Name                          string
	Count                         int
	Fastest, Median, P90, Slowest time.Duration
	noun                          string // what took them
}

// String sums them up.
func (d Delays) String() string {
	return fmt.Sprintf("median %s · p90 %s · slowest %s · %s", format.Duration(d.Median), format.Duration(d.P90), format.Duration(d.Slowest), format.Count(d.Count, d.noun))
}

// newDelays sums up times, at least one.
func newDelays(name, noun string, took []time.Duration) Delays {
	sorted := slices.Sorted(slices.Values(took))
	return Delays{
		Name: name, noun: noun, Count: len(sorted), Fastest: sorted[0], Slowest: sorted[len(sorted)-1],
		Median: exact.Quantile(sorted, 0.5), P90: exact.Quantile(sorted, 0.9),
	}
}

func propagation(r *reports.Report) Propagation {
	return Propagation{Pushes: pushes(r.Ledger), Received: received(r)}
}

func pushes(l *ledger.Ledger) []Delays {
	by := map[string][]time.Duration{}
	for _, p := range l.Pushes {
		by[p.Service] = append(by[p.Service], p.Took)
	}
	var out []Delays
	for _, s := range slices.Sorted(maps.Keys(by)) {
		out = append(out, newDelays(s, "acknowledgement", by[s]))
	}
	return out
}

// Histogram shows the delays of one or two runs on one axis, from 0 in bins of
// Width.
type Histogram struct {
	Width     time.Duration
	Bins      int
	Top       float64 // the largest share
	Runs      []RunDelays
	PushDelay time.Duration // of the registry; 0: not known
}

// RunDelays are those of one run.
type RunDelays struct {
	Delays
	Shares []float64 // of Count, in each bin
}

// histogramBins is about how many bins an axis has.
const histogramBins = 40

// received makes the histogram of r and of the run that it is compared with. A
// run whose subscribers received no change under load is left out.
func received(r *reports.Report) Histogram {
	var h Histogram
	var all [][]time.Duration
	both := []*reports.Report{r, r.CompareWith}
	for _, x := range both {
		if x == nil || x.Ledger == nil || len(x.Ledger.Propagations) == 0 {
			continue
		}
		var took []time.Duration
		for _, p := range x.Ledger.Propagations {
			took = append(took, p.Took)
		}
		all = append(all, took)
		h.Runs = append(h.Runs, RunDelays{Delays: newDelays(registryName(x, both), "change", took)})
		if x.Plan != nil {
			h.PushDelay = max(h.PushDelay, x.Plan.PushDelay)
		}
	}
	h.bin(all)
	return h
}

func (h *Histogram) bin(all [][]time.Duration) {
	longest := h.PushDelay
	for _, r := range h.Runs {
		longest = max(longest, r.Slowest)
	}
	if len(all) == 0 || longest <= 0 {
		return
	}
	h.Width = time.Duration(AxisStep(float64(longest) / histogramBins))
	h.Bins = int(longest/h.Width) + 1
	for i, took := range all {
		shares := make([]float64, h.Bins)
		for _, t := range took {
			shares[int(t/h.Width)] += 1 / float64(len(took))
		}
		h.Runs[i].Shares = shares
		h.Top = max(h.Top, slices.Max(shares))
	}
}

// registryName names the registry of a run, and the run if the other one has the
// same registry or another scenario.
func registryName(r *reports.Report, both []*reports.Report) string {
	name := cmp.Or(map[string]string{"local": "embedded registry (local)", "kube": "Nacos (kube)"}[r.Meta.Runtime], r.Meta.Runtime)
	for _, x := range both {
		if x != nil && x != r && (x.Meta.Scenario != r.Meta.Scenario || x.Meta.Runtime == r.Meta.Runtime) {
			return name + " · " + r.Meta.Scenario + " " + strings.TrimSuffix(r.Meta.Started, "Z")
		}
	}
	return name
}

// Title sums up the histogram.
func (h Histogram) Title() string {
	switch len(h.Runs) {
	case 0:
		return "No subscriber received a change under load."
	case 1:
		return fmt.Sprintf("Subscribers received changes after %s (median).", format.Duration(h.Runs[0].Median))
	}
	a, b := h.Runs[0], h.Runs[1]
	one, other := withoutRun(a.Name), withoutRun(b.Name)
	if one == other {
		one, other = "the first run's registry", "the second run's"
	}
	return fmt.Sprintf("Subscribers received changes after %s from %s, after %s from %s (median).", format.Duration(a.Median), one, format.Duration(b.Median), other)
}

// withoutRun is the name of a registry without the run.
func withoutRun(name string) string {
	name, _, _ = strings.Cut(name, " · ")
	return name
}
