package consumer

import (
	"math"
	"time"

	"zeroloss/demo-services/warmup"
)

// baseWeight is the weight of an instance whose weight in the registry is 1. It
// is 100 as in the products that we imitate, and so the resolution of a warm-up.
const baseWeight = 100

// weightSteps is how often the weight of a host is computed during its warm-up:
// ten times for each step of 1 that a weight of 100 can make.
const weightSteps = 1000

// never is a time that never comes.
const never = time.Duration(math.MaxInt64)

// hostWeights holds the weights of the hosts of a candidate set.
type hostWeights struct {
	warmups      []hostWarmup    // of each host
	group        warmup.Group    // nil: each host is weighted by itself
	members      []warmup.Member // for group
	groupWeights []int           // result of group

	weights    []int64 // of each host, as of the latest refresh
	total      int64
	validUntil time.Duration // when the weights must be refreshed
}

// hostWarmup determines the weight of one host.
type hostWarmup struct {
	model      *warmup.Model // nil: no warm-up
	curve      float64
	start      time.Duration // on the view's clock
	window     time.Duration
	fullWeight int // weight when warm
}

// newHostWeights returns the weights of warm hosts; the first refresh computes
// those of hosts that are not warm. A host with an unknown model is warm: others
// may publish metadata of their own.
func newHostWeights(cfg Config, hosts []Host) hostWeights {
	w := hostWeights{warmups: make([]hostWarmup, len(hosts)), weights: make([]int64, len(hosts)), validUntil: never}
	for i, h := range hosts {
		one := hostWarmup{fullWeight: 1}
		if !cfg.Consumer.Ungoverned {
			one = hostWarmupOf(cfg.Epoch, h)
		}
		if one.model != nil {
			w.validUntil = math.MinInt64
			if g, ok := one.model.Group(); ok {
				w.group = g
			}
		}
		w.warmups[i] = one
		w.weights[i] = int64(one.fullWeight)
		w.total += w.weights[i]
	}
	if w.group != nil {
		w.members, w.groupWeights = make([]warmup.Member, len(hosts)), make([]int, len(hosts))
	}
	return w
}

func hostWarmupOf(epoch int64, h Host) hostWarmup {
	one := hostWarmup{
		fullWeight: max(int(h.Weight*baseWeight+0.5), 1), curve: h.Warmup.Curve, window: h.Warmup.Window,
		start: time.Duration(h.Start-epoch) * time.Millisecond,
	}
	if m, err := warmup.Find(h.Warmup.Model); err == nil && h.Warmup.Window > 0 && h.Start > 0 {
		one.model = &m
	}
	return one
}

// refresh computes the weights of warming hosts from their ages, if the current
// weights are no longer valid. If all weights are 0, all hosts get their full
// weights: there is no other host to protect them.
func (w *hostWeights) refresh(now time.Duration) {
	if now < w.validUntil {
		return
	}
	w.validUntil, w.total = never, 0
	for i := range w.warmups {
		one := &w.warmups[i]
		w.weights[i] = int64(one.fullWeight)
		if one.model != nil {
			age := now - one.start
			w.weights[i] = int64(one.model.Weight(one.curve, age, one.window, one.fullWeight))
			w.limitValidity(now, age, one)
		}
	}
	w.refreshGroup(now)
	for _, x := range w.weights {
		w.total += x
	}
	if w.total > 0 {
		return
	}
	for i, one := range w.warmups {
		w.weights[i] = int64(one.fullWeight)
		w.total += w.weights[i]
	}
}

// limitValidity limits how long the weights are valid because one host warms up.
func (w *hostWeights) limitValidity(now, age time.Duration, one *hostWarmup) {
	if age >= one.window {
		return
	}
	keep := one.model.CacheFor
	if keep == 0 {
		// Not beyond the window, so that a warm host gets its full weight at once.
		keep = min(max(one.window/weightSteps, time.Millisecond), one.window-age)
	}
	w.validUntil = min(w.validUntil, now+keep)
}

// refreshGroup computes the weights of all hosts together, if a model asks for
// that.
func (w *hostWeights) refreshGroup(now time.Duration) {
	if w.group == nil {
		return
	}
	for i, one := range w.warmups {
		w.members[i] = warmup.Member{Base: one.fullWeight}
		if one.model != nil {
			w.members[i] = warmup.Member{Age: now - one.start, Window: one.window, Curve: one.curve, Base: one.fullWeight}
		}
	}
	w.group.Weights(w.members, w.groupWeights)
	for i, x := range w.groupWeights {
		w.weights[i] = int64(x)
	}
}
