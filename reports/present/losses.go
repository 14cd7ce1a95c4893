package present

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"zeroloss/internal/format"
	"zeroloss/loadgen/record"
	"zeroloss/reports/ledger"
)

// LossGroup is a run of losses that have the same cause.
type LossGroup struct {
	Title  string        // "base: a→b refused, addressed to b-2/1 (stale-route)"
	Extent string        // "27 requests lost, +2.020 s to +2.540 s"
	Losses []ledger.Loss // by due time
}

// lossGroupGap is the longest time between the due times of two neighbours in a
// group.
const lossGroupGap = 2 * time.Second

// lossGroups groups losses by cause and by time, in the order of their first loss.
func lossGroups(losses []ledger.Loss) []LossGroup {
	type cause struct {
		arm, hop        string
		callee, release record.Instance
		class           record.Class
		window          ledger.Window
	}
	var out []LossGroup
	last := map[cause]int{}
	for _, x := range byDue(losses) {
		k := cause{x.Arm, x.Hop, x.Callee, x.Release, x.Class, x.Window}
		i, ok := last[k]
		if !ok || x.Due-out[i].last().Due > lossGroupGap {
			i = len(out)
			last[k] = i
			out = append(out, LossGroup{Title: lossTitle(x)})
		}
		out[i].Losses = append(out[i].Losses, x)
	}
	for i := range out {
		out[i].Extent = lossExtent(out[i])
	}
	return out
}

func byDue(losses []ledger.Loss) []ledger.Loss {
	sorted := slices.Clone(losses)
	slices.SortStableFunc(sorted, func(a, b ledger.Loss) int {
		return cmp.Or(cmp.Compare(a.Due, b.Due), cmp.Compare(a.Stream, b.Stream))
	})
	return sorted
}

func (g LossGroup) last() ledger.Loss { return g.Losses[len(g.Losses)-1] }

func lossTitle(x ledger.Loss) string {
	s := fmt.Sprintf("%s: %s %s", x.Arm, Arrows(x.Hop), x.Class)
	if x.Callee != (record.Instance{}) {
		s += ", addressed to " + x.Callee.String()
	}
	if x.Release != x.Callee && x.Release != (record.Instance{}) {
		s += ", during the release of " + x.Release.String()
	}
	return s + " (" + string(x.Window) + ")"
}

func lossExtent(g LossGroup) string {
	s := fmt.Sprintf("%s lost, %s", format.Count(len(g.Losses), "request"), format.Offset(g.Losses[0].Due))
	if g.last().Due > g.Losses[0].Due {
		s += " to " + format.Offset(g.last().Due)
	}
	return s
}

// LossClasses lists the root causes that occur among the losses, in the order of
// record.Classes, with their counts.
func LossClasses(l *ledger.Ledger) ([]record.Class, map[record.Class]int) {
	counts := map[record.Class]int{}
	for _, x := range l.Losses {
		counts[x.Class]++
	}
	var present []record.Class
	for _, c := range append(record.Classes(), record.Other) {
		if counts[c] > 0 {
			present = append(present, c)
		}
	}
	return present, counts
}
