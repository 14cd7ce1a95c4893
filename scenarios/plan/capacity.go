package plan

import (
	"fmt"
	"slices"
	"time"
)

// Capacity compares the load of a workload with what it can handle.
type Capacity struct {
	Workload            string
	Rate                float64       // requests per second of all instances
	Instances           int           // at the start
	MinInstances        int           // after scaling in
	RatePerInstance     float64       // at the start
	PeakRatePerInstance float64       // with MinInstances
	Work                time.Duration // per request
	Limit               float64       // requests per second that one instance can handle; 0: unlimited
	PredictedLoss       [2]float64    // lower and upper bound for a release that is not lossless
}

// warnCapacity warns if the plan itself would overload a workload.
func warnCapacity(src *source, p *Plan) {
	for _, k := range p.Capacities() {
		if k.Limit > 0 && k.PeakRatePerInstance > k.Limit {
			src.warn("spec.load", fmt.Sprintf("%s would be overloaded (replicas: %d): an instance receives %.0f/s and can handle %.0f/s (a request takes %s)", k.Workload, k.MinInstances, k.PeakRatePerInstance, k.Limit, k.Work), "lower the rate, or set more workers")
		}
		if k.MinInstances == 0 {
			src.warn("spec.load", k.Workload+" is scaled to 0 replicas at some time: no instance can handle its requests then", "")
		}
	}
}

// Capacities returns the capacity of every demo service that load reaches. The
// rate of an instance is the rate of the arms divided by the number of
// instances. An instance can handle workers/work requests per second. A release
// that is not lossless loses about the rate of an instance times the duration of
// a push (from the push delay to the delay plus one tick).
func (p *Plan) Capacities() []Capacity {
	var out []Capacity
	for _, w := range p.Workloads {
		k := Capacity{Workload: w.Name, Rate: p.rate(w.Name), Instances: w.Replicas, MinInstances: p.minReplicas(w), Work: w.Settings.Work.Duration}
		if k.Rate == 0 || w.External { // its limits are unknown
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

// rate is the rate at which requests reach a workload: its share of each arm,
// by its share of the instances of the same role.
func (p *Plan) rate(workload string) float64 {
	total := 0.0
	for _, a := range p.Arms {
		if !slices.Contains(a.Workloads, workload) {
			continue
		}
		own, all := 0, 0
		for _, w := range p.Workloads {
			if w.Name == workload {
				own = w.Replicas
			}
		}
		for _, w := range p.Workloads {
			if slices.Contains(a.Workloads, w.Name) && w.Role == p.roleOf(workload) {
				all += w.Replicas
			}
		}
		for _, s := range p.Streams {
			if s.Arm == a.Name && all > 0 {
				total += s.Rate * float64(own) / float64(all)
			}
		}
	}
	return total
}

func (p *Plan) roleOf(workload string) string {
	for _, w := range p.Workloads {
		if w.Name == workload {
			return w.Role
		}
	}
	return ""
}

// minReplicas is the smallest number of replicas that jobs and steps set.
func (p *Plan) minReplicas(w Workload) int {
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
