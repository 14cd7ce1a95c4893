package plan

import (
	"fmt"
	"slices"
	"time"
)

// Capacity is the arithmetic of one workload under the plan's load.
type Capacity struct {
	Workload            string        `json:"workload"`
	Rate                float64       `json:"rate"`   // requests a second of all its instances together
	Instances           int           `json:"most"`   // instances at the start
	MinInstances        int           `json:"fewest"` // when it is scaled in; 0 is 0
	RatePerInstance     float64       `json:"each"`   // requests a second of one, at the start
	PeakRatePerInstance float64       `json:"peak"`   // and when there are fewest
	Work                time.Duration `json:"work"`   // of one request
	Limit               float64       `json:"limit"`  // requests a second that one can take; 0 is unbounded
	PredictedLoss       [2]float64    `json:"lost"`   // predicted loss of a release without lossless
}

// capacity warns where the plan itself would overload what it measures.
func (c *compiler) capacity() {
	for _, k := range c.p.Capacities() {
		if k.Limit > 0 && k.PeakRatePerInstance > k.Limit {
			c.warn("spec.load", fmt.Sprintf("%s cannot take its load: %.0f/s on each of %d, and one can do %.0f/s (its work takes %s)", k.Workload, k.PeakRatePerInstance, k.MinInstances, k.Limit, k.Work), "lower the rate, or set more workers")
		}
		if k.MinInstances == 0 {
			c.warn("spec.load", k.Workload+" is scaled to nothing at some time: its requests have nobody to go to", "")
		}
	}
}

// Capacities does the arithmetic for every workload that load reaches: λ of
// one instance is the arms' rate over the instances; it can take workers over
// work a second; a release that is not lossless loses about λ times the push
// (delay, to delay plus tick).
func (p *Plan) Capacities() []Capacity {
	var out []Capacity
	for _, w := range p.Workloads {
		k := Capacity{Workload: w.Name, Rate: p.rate(w.Name), Instances: w.Replicas, MinInstances: p.fewest(w), Work: w.Settings.Work.Duration}
		if k.Rate == 0 || w.External { // what it can do, nobody tells
			continue
		}
		if k.Instances > 0 {
			k.RatePerInstance = k.Rate / float64(k.Instances)
		}
		k.PeakRatePerInstance = k.RatePerInstance
		if k.MinInstances > 0 {
			k.PeakRatePerInstance = k.Rate / float64(k.MinInstances)
		}
		if k.Work > 0 {
			k.Limit = float64(w.Settings.Work.Workers) / k.Work.Seconds()
		}
		k.PredictedLoss = [2]float64{k.RatePerInstance * p.PushDelay.Seconds(), k.RatePerInstance * (p.PushDelay + p.PushTick).Seconds()}
		out = append(out, k)
	}
	return out
}

// rate is what reaches a workload: of each arm that reaches it, its share
// among the workloads of the same version.
func (p *Plan) rate(workload string) float64 {
	total := 0.0
	for _, a := range p.Arms {
		if !slices.Contains(a.Workloads, workload) {
			continue
		}
		mine, all := 0, 0
		for _, w := range p.Workloads {
			if w.Name == workload {
				mine = w.Replicas
			}
		}
		for _, w := range p.Workloads {
			if slices.Contains(a.Workloads, w.Name) && w.Role == p.role(workload) {
				all += w.Replicas
			}
		}
		for _, s := range p.Streams {
			if s.Arm == a.Name && all > 0 {
				total += s.Rate * float64(mine) / float64(all)
			}
		}
	}
	return total
}

func (p *Plan) role(workload string) string {
	for _, w := range p.Workloads {
		if w.Name == workload {
			return w.Role
		}
	}
	return ""
}

func (p *Plan) fewest(w Workload) int {
	n := w.Replicas
	for _, f := range p.ScheduledJobs {
		if f.Workload == w.Name {
			n = min(n, f.Target)
		}
	}
	for _, s := range p.Steps {
		if a, ok := s.Action.(Scale); ok && a.Workload == w.Name {
			n = min(n, a.Replicas)
		}
	}
	return n
}
