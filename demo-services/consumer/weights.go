package consumer

import (
	"math"
	"time"

	"zeroloss/demo-services/warmup"
)

// baseWeight is what an instance of the registry's weight 1 weighs: the
// originals' 100, which is as fine as warm-up gets.
const baseWeight = 100

// weightSteps is the share of its window for which the weight of a warming host
// is kept: a tenth of the finest step that a weight of 100 can make.
const weightSteps = 1000

// never is a time that does not come.
const never = time.Duration(math.MaxInt64)

// hostWeights is what the hosts of a set weigh.
type hostWeights struct {
	warmups      []hostWarmup // by host
	group        warmup.Group
	members      []warmup.Member // for group
	groupWeights []int           // of group

	weights    []int64 // by host, as of the latest weigh
	total      int64
	validUntil time.Duration // they hold until then
}

// hostWarmup is how one host gets its weight.
type hostWarmup struct {
	model      *warmup.Model // nil: it does not warm up
	curve      float64
	start      time.Duration // on the view's clock
	window     time.Duration
	fullWeight int // weight when warm
}

// newHostWeights weighs the hosts as if they were warm; weigh sees to those that
// are not. A model that we do not know is no warm-up: the metadata is
// another's.
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

// refresh gives the hosts that warm up the weight of their age, if what they
// weigh now is too old. Where nobody weighs anything, all are as if warm: there
// is nobody to protect them.
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

// limitValidity bounds how long the weights hold, by one host's.
func (w *hostWeights) limitValidity(now, age time.Duration, one *hostWarmup) {
	if age >= one.window {
		return
	}
	keep := one.model.CacheFor
	if keep == 0 {
		// Not beyond the end, so that a warm host has its weight at once.
		keep = min(max(one.window/weightSteps, time.Millisecond), one.window-age)
	}
	w.validUntil = min(w.validUntil, now+keep)
}

// refreshGroup weighs all together, where a model wants that.
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
