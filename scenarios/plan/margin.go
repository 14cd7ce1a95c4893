package plan

import (
	"fmt"
	"math"
	"time"

	"zeroloss/demo-services/settings"
)

// minMarginRatio is how many times the push must fit between deregistering and
// closing. With less, a compressed time scale tests the compression.
const minMarginRatio = 3

// computeMargin finds the shortest time from deregistering to closing among the
// workloads that are released and lossless. If only the speed makes it shorter
// than three pushes, that is a problem. A manifest with so little time of its
// own may be what the experiment is about: that is a warning.
func computeMargin(src *source, p *Plan, released releases) Margin {
	m := Margin{Push: p.PushDelay + p.PushTick}
	var unscaledRatio float64 // of the same workload, at speed 1
	for i, w := range p.Workloads {
		if w.Settings.Offline.Mode != settings.Lossless || !released[w.Name] {
			continue
		}
		slept := hookProtects(src.workloads[i], w.Settings)
		protected := protectedTime(w.Settings.Offline, slept, p.Speed)
		if m.Workload == "" || protected < m.Shortest {
			m.Workload, m.Shortest = w.Name, protected
			unscaledRatio = ratio(protectedTime(w.Settings.Offline, slept, 1), m.Push)
		}
	}
	if m.Workload == "" {
		return m
	}
	m.Ratio = ratio(m.Shortest, m.Push)
	if m.Ratio >= minMarginRatio {
		return m
	}
	text := fmt.Sprintf("%s has %s from deregistering to closing, %.1f times the push of %s; at least %d times are needed",
		m.Workload, rounded(m.Shortest), m.Ratio, m.Push, minMarginRatio)
	if unscaledRatio >= minMarginRatio {
		fits := math.Floor(p.Speed*m.Ratio/minMarginRatio*10) / 10
		src.problem("spec.time.speed", fmt.Sprintf("speed %v is too high: %s", p.Speed, text), fmt.Sprintf("use a speed of at most %v", fits))
	} else {
		src.warn("spec.set."+m.Workload, text, "call /offline and sleep in the preStop hook")
	}
	return m
}

func ratio(d, push time.Duration) float64 {
	return math.Round(float64(d)/float64(push)*100) / 100
}

// protectedTime is the minimum time from deregistering to closing: slept, the
// sleep of the hook after /offline, or the minimum of the adaptive wait if it is
// on. The latter starts with /offline, too, and is not divided by speed.
func protectedTime(o settings.Offline, slept time.Duration, speed float64) time.Duration {
	slept = time.Duration(float64(slept) / speed)
	if o.NoWait {
		return slept
	}
	return max(slept, o.MinWait)
}
