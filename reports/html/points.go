package html

import (
	"cmp"
	"math"
	"slices"

	"zeroloss/reports"
)

// pointCap is how many ok requests a page draws. More make the browser slow and the
// picture no clearer.
const pointCap = 60_000

// series are the ok requests of one arm, for the scatter plot. Lost ones are drawn
// from the losses.
type series struct {
	Arm     string `json:"arm"`
	Due     []int  `json:"due"`     // tenths of a millisecond, relative to the previous one
	Latency []int  `json:"latency"` // hundredths of a millisecond, from due
	Masked  []int  `json:"masked"`  // indices of masked requests
	Of      int    `json:"of"`      // how many there are; more than drawn if sampled
}

// points makes a series for each arm, with at most limit points in total.
func points(r *reports.Report, limit int) []series {
	arms := map[string]string{}
	for _, s := range r.Ledger.Streams {
		arms[s.Name] = s.Arm
	}
	by := map[string][]reports.Point{}
	total := 0
	for _, p := range r.Points {
		if a, ok := arms[p.Stream]; ok && !p.Lost {
			by[a] = append(by[a], p)
			total++
		}
	}
	out := []series{}
	for _, a := range r.Ledger.Arms {
		list := by[a.Name]
		slices.SortStableFunc(list, func(x, y reports.Point) int { return cmp.Compare(x.DueMs, y.DueMs) })
		share := limit
		if total > 0 {
			share = limit * len(list) / total
		}
		out = append(out, newSeries(a.Name, sample(list, max(share, 2)), len(list)))
	}
	return out
}

func newSeries(arm string, list []reports.Point, of int) series {
	s := series{Arm: arm, Due: []int{}, Latency: []int{}, Masked: []int{}, Of: of}
	last := 0
	for i, p := range list {
		due := int(math.Round(p.DueMs * 10))
		s.Due = append(s.Due, due-last)
		s.Latency = append(s.Latency, int(math.Round(p.LatencyMs*100)))
		last = due
		if p.Masked {
			s.Masked = append(s.Masked, i)
		}
	}
	return s
}

// sample keeps the slowest and the first of each group of neighbours, and all masked
// ones: a picture must not hide these. A list within limit is not changed.
func sample(list []reports.Point, limit int) []reports.Point {
	if len(list) <= limit {
		return list
	}
	group := (2*len(list) + limit - 1) / limit
	var out []reports.Point
	for run := range slices.Chunk(list, group) {
		slowest := 0
		for i, p := range run {
			if p.LatencyMs > run[slowest].LatencyMs {
				slowest = i
			}
		}
		for i, p := range run {
			if i == 0 || i == slowest || p.Masked {
				out = append(out, p)
			}
		}
	}
	return out
}
