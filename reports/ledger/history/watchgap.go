package history

import (
	"cmp"
	"slices"
	"time"

	"zeroloss/loadgen/record"
)

// WatchGap is a time in which the cluster, or a part of it, was not watched.
// Events in it carry instants from after it, or are missing.
type WatchGap struct {
	From, To record.Micros // To is 0 if the gap lasts to the end of the record
	Sources  []string      // what was not watched
}

// catchUpTime is how long after a gap the events from it still come in.
const catchUpTime = time.Second

// watchGaps are those of a run, by time; overlapping gaps are joined.
func watchGaps(events []record.Event) []WatchGap {
	type key struct {
		source string
		since  record.Micros
	}
	index := map[key]int{}
	var all []WatchGap
	for _, e := range events {
		g, ok := e.Payload.(record.WatchGap)
		if !ok {
			continue
		}
		k := key{g.Resource, g.Since}
		if _, ok := index[k]; !ok {
			index[k] = len(all)
			all = append(all, WatchGap{From: g.Since, Sources: []string{g.Resource}})
		}
		if g.Duration > 0 {
			all[index[k]].To = g.Since.Add(g.Duration)
		}
	}
	slices.SortStableFunc(all, func(a, b WatchGap) int { return cmp.Compare(a.From, b.From) })
	var out []WatchGap
	for _, g := range all {
		if n := len(out); n > 0 && (out[n-1].To == 0 || g.From <= out[n-1].To) {
			out[n-1] = out[n-1].join(g)
			continue
		}
		out = append(out, g)
	}
	return out
}

// join is both gaps as one; g is the earlier one.
func (g WatchGap) join(later WatchGap) WatchGap {
	if g.To != 0 && (later.To == 0 || later.To > g.To) {
		g.To = later.To
	}
	if !slices.Contains(g.Sources, later.Sources[0]) {
		g.Sources = append(slices.Clone(g.Sources), later.Sources[0])
	}
	return g
}

// Touches reports whether something that lasted from..to may be recorded
// wrongly because of the gap; to is 0 if its end was not seen.
func (g WatchGap) Touches(from, to record.Micros) bool {
	return (to == 0 || to >= g.From) && (g.To == 0 || from <= g.To.Add(catchUpTime))
}
