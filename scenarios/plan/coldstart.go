package plan

import (
	"math"
	"time"

	"zeroloss/demo-services/settings"
)

// ColdStart is a simulation of one new instance of a workload: the traffic that
// it receives while it warms up, and what it can handle while it is cold.
// Requests arrive at regular intervals.
type ColdStart struct {
	Workload    string
	Instances   int  // including the new one
	AllNew      bool // all instances are new; otherwise the others are warm
	FirstInList bool // the new one is first in the instance list, for models that depend on the order
	Warmup      settings.Warmup
	Work        settings.Work
	Points      []ColdStartPoint
	TimedOut    float64 // requests that take longer than their caller waits
}

// ColdStartPoint is a moment of a ColdStart.
type ColdStartPoint struct {
	Fraction float64 // of the window
	Age      time.Duration
	Rate     float64 // requests per second that the instance receives
	Limit    float64 // requests per second that it can handle; 0: unlimited
	Served   float64 // requests since it came online
}

// coldStartFractions are the moments of the window that are shown.
func coldStartFractions() []float64 { return []float64{0, 0.1, 0.25, 0.5, 0.75, 1} }

// defaultSimulated is how long an instance without warm-up is simulated.
const defaultSimulated = 10 * time.Second

// ColdStarts simulates every workload that warms up or is slow when it is new:
// a new instance beside warm ones, and the instances at the start of the run if
// they are cold.
func (p *Plan) ColdStarts() []ColdStart {
	var out []ColdStart
	for _, w := range p.Workloads {
		work, warm := w.Settings.Work, w.Settings.Online.Warmup
		slow := work.ColdStartCost > 0 && work.ColdStartRequests > 0
		rate := p.rate(w.Name)
		if !slow && warm.Window == 0 || rate == 0 {
			continue
		}
		one := ColdStart{Workload: w.Name, Instances: w.Replicas, Warmup: warm, Work: work}
		for _, c := range one.cases(w.ColdStart) {
			c.simulate(rate, p.shortestCallTimeout(w.Service))
			out = append(out, c)
		}
	}
	return out
}

// cases lists the situations in which an instance of the workload is new.
func (c ColdStart) cases(initialPodsCold bool) []ColdStart {
	var out []ColdStart
	if initialPodsCold {
		all := c
		all.AllNew = true
		out = append(out, all)
	}
	if c.Instances < 2 {
		return out
	}
	out = append(out, c)
	first := c
	first.FirstInList = true
	if half := c.Warmup.Window / 2; first.shareByAge()(half) != c.shareByAge()(half) {
		out = append(out, first)
	}
	return out
}

// shortestCallTimeout is the shortest timeout of the callers of a service.
func (p *Plan) shortestCallTimeout(service string) time.Duration {
	shortest := time.Duration(math.MaxInt64)
	for _, w := range p.Workloads {
		if w.Settings.Next == service {
			shortest = min(shortest, w.Settings.Call.Timeout)
		}
	}
	return shortest
}
