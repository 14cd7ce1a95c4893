package chart

import (
	"cmp"
	"slices"
	"time"

	"zeroloss/reports/internal/palette"
	"zeroloss/reports/ledger"
	"zeroloss/reports/present"
)

// stretch is a part of the run.
type stretch struct{ from, to time.Duration }

// window is the duration of a release: from the deletion to the exit, or to the
// last attempt addressed to the instance.
func window(rel ledger.Release, end time.Duration) stretch {
	w := stretch{rel.At, end}
	if rel.Exited != nil {
		w.to = *rel.Exited
	}
	if _, last, ok := present.StaleRoute(rel); ok {
		w.to = max(w.to, last)
	}
	return stretch{w.from, max(w.from, w.to)}
}

// union joins what overlaps, so that two releases at once are no darker than one.
func union(list []stretch) []stretch {
	slices.SortFunc(list, func(a, b stretch) int { return cmp.Compare(a.from, b.from) })
	var out []stretch
	for _, w := range list {
		if n := len(out); n > 0 && w.from <= out[n-1].to {
			out[n-1].to = max(out[n-1].to, w.to)
			continue
		}
		out = append(out, w)
	}
	return out
}

// releases shades the releases of an arm.
func (s *surface) releases(l *ledger.Ledger, arm string, v span, b box) {
	var whole, stale []stretch
	for _, rel := range l.Releases {
		if !slices.Contains(rel.Arms, arm) {
			continue
		}
		whole = append(whole, window(rel, present.RunEnd(l)))
		if from, to, ok := present.StaleRoute(rel); ok {
			stale = append(stale, stretch{from, to})
		}
	}
	s.shade(union(whole), v, b, 0.16)
	s.shade(union(stale), v, b, 0.32)
}

func (s *surface) shade(list []stretch, v span, b box, alpha float64) {
	for _, w := range list {
		if x0, x1, ok := v.clip(w.from, w.to, 2); ok {
			s.rect(box{x0, b.y, x1 - x0, b.h}, hex(palette.Ink("window"), alpha))
		}
	}
}
