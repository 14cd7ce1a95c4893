package plan

import (
	"fmt"
	"math"
	"slices"
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/manifests"
)

// leastMargin is how many times the push must fit between deregistering and
// closing. Below it, compressing time tests the compression.
const leastMargin = 3

// margin finds, among the workloads that lose instances and are lossless, the
// shortest time from deregistering to closing. A speed that brings it under
// three pushes is refused; a manifest that has so little by itself is what
// the experiment is about, and gets a warning.
func (c *compiler) margin() {
	push := c.p.PushDelay + c.p.PushTick
	c.p.Margin.Push = push
	var slowest float64 // the ratio at speed 1 of the workload with the least
	for i, w := range c.p.Workloads {
		if w.Settings.Offline.Mode != settings.Lossless || !slices.Contains(c.released, w.Name) {
			continue
		}
		m := c.with(c.m.Workloads[i], c.s.Spec.Set[w.Name])
		protected := protection(w.Settings.Offline, m, c.speed)
		if c.p.Margin.Workload == "" || protected < c.p.Margin.Shortest {
			c.p.Margin.Workload, c.p.Margin.Shortest = w.Name, protected
			slowest = ratio(protection(w.Settings.Offline, m, 1), push)
		}
	}
	if c.p.Margin.Workload == "" {
		return
	}
	c.p.Margin.Ratio = ratio(c.p.Margin.Shortest, push)
	if c.p.Margin.Ratio >= leastMargin {
		return
	}
	text := fmt.Sprintf("%s has %s from deregistering to closing, %.1f times the push of %s; at least %d times are needed",
		c.p.Margin.Workload, rounded(c.p.Margin.Shortest), c.p.Margin.Ratio, push, leastMargin)
	if slowest >= leastMargin {
		fits := math.Floor(c.speed*c.p.Margin.Ratio/leastMargin*10) / 10
		c.problem("spec.time.speed", fmt.Sprintf("speed %v is too high: %s", c.speed, text), fmt.Sprintf("a speed of %v fits", fits))
		return
	}
	c.warn("spec.set."+c.p.Margin.Workload, text, "let the preStop hook call /offline and sleep")
}

func ratio(d, push time.Duration) float64 {
	return math.Round(float64(d)/float64(push)*100) / 100
}

// protection is the least time from deregistering to closing: the hook's
// sleep where the hook calls /offline, cut by the grace period; and the
// adaptive wait's minimum where it is on, which counts from /offline too and
// is not divided by speed.
func protection(o settings.Offline, w manifests.Workload, speed float64) time.Duration {
	var slept time.Duration
	if w.PreStop.CallsOffline() && w.PreStop.HTTPGet == nil {
		slept = time.Duration(float64(min(w.PreStop.Slept(), w.Grace)) / speed)
	}
	if o.NoWait {
		return slept
	}
	return max(slept, o.MinWait)
}
