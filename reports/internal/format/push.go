package format

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"zeroloss/reports"
	"zeroloss/reports/exact"
)

// Heard is how long the subscribers of one run took to hear of changes.
type Heard struct {
	Name          string // which registry, and where: "local", "kube · offline"
	N             int
	P50, P90, Max time.Duration
	Shares        []float64 // of N in each bin
}

// Histogram is one or two runs on one axis, from 0 in bins of Width.
type Histogram struct {
	Width time.Duration
	Bins  int
	Top   float64 // the largest share
	Runs  []Heard
	Delay time.Duration // the registry's push delay; 0: not known
}

// histogramBins is about how many bins an axis has.
const histogramBins = 40

// Heards is the histogram of a report's run, and of the one beside it. One
// whose subscribers heard of nothing is left out; none is no histogram.
func Heards(r *reports.Report) Histogram {
	var h Histogram
	var all [][]time.Duration
	both := []*reports.Report{r, r.Beside}
	for _, x := range both {
		if x == nil || x.Ledger == nil || len(x.Ledger.Propagations) == 0 {
			continue
		}
		var took []time.Duration
		for _, p := range x.Ledger.Propagations {
			took = append(took, p.Took)
		}
		slices.Sort(took)
		all = append(all, took)
		q := func(p float64) time.Duration { return exact.Quantile(took, p) }
		h.Runs = append(h.Runs, Heard{Name: heardName(x, both), N: len(took), P50: q(0.5), P90: q(0.9), Max: q(1)})
		if x.Plan != nil {
			h.Delay = max(h.Delay, x.Plan.PushDelay)
		}
	}
	h.bin(all)
	return h
}

func (h *Histogram) bin(all [][]time.Duration) {
	longest := h.Delay
	for _, r := range h.Runs {
		longest = max(longest, r.Max)
	}
	if len(all) == 0 || longest <= 0 {
		return
	}
	h.Width = time.Duration(round125(float64(longest) / histogramBins))
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

// round125 is the smallest of 1, 2 and 5 times a power of ten that is at least
// want.
func round125(want float64) float64 {
	mag := math.Pow(10, math.Floor(math.Log10(want)))
	for _, m := range []float64{1, 2, 5} {
		if m*mag >= want {
			return m * mag
		}
	}
	return 10 * mag
}

// heardName tells a run from the one beside it, by what differs.
func heardName(r *reports.Report, both []*reports.Report) string {
	name := cmp.Or(map[string]string{"local": "embedded registry (local)", "kube": "Nacos (kube)"}[r.Meta.Runtime], r.Meta.Runtime)
	for _, x := range both {
		if x != nil && x != r && (x.Meta.Scenario != r.Meta.Scenario || x.Meta.Runtime == r.Meta.Runtime) {
			return name + " · " + r.Meta.Scenario + " " + strings.TrimSuffix(r.Meta.Started, "Z")
		}
	}
	return name
}

// Figures are a run's numbers in words.
func (h Heard) Figures() string {
	return fmt.Sprintf("median %s ms · 90 %% within %s ms · slowest %s ms · %s heard", Ms(h.P50), Ms(h.P90), Ms(h.Max), Count(h.N, "change"))
}

// HeardHeadline is the finding.
func HeardHeadline(h Histogram) string {
	switch len(h.Runs) {
	case 0:
		return "No subscriber heard of a change under load."
	case 1:
		return fmt.Sprintf("Subscribers heard of changes in %s ms, in the median.", Ms(h.Runs[0].P50))
	}
	a, b := h.Runs[0], h.Runs[1]
	one, other := short(a.Name), short(b.Name)
	if one == other {
		one, other = "the first run's registry", "the second's"
	}
	return fmt.Sprintf("Subscribers heard in %s ms from %s, in %s ms from %s.", Ms(a.P50), one, Ms(b.P50), other)
}

// short is a name without what only tells two runs of a kind apart.
func short(name string) string {
	name, _, _ = strings.Cut(name, " · ")
	return name
}
