package consumer

import (
	"math"
	"time"

	"zeroloss/demo-services/warmup"
)

// baseWeight is what an instance of the registry's weight 1 weighs: the
// originals' 100, which is as fine as warm-up gets.
const baseWeight = 100

// weighEvery is the share of its window for which the weight of a warming host
// is kept: a tenth of the finest step that a weight of 100 can make.
const weighEvery = 1000

// always is a time that does not come.
const always = time.Duration(math.MaxInt64)

// weighing is what the hosts of a set weigh.
type weighing struct {
	warm    []warming // by host
	group   warmup.Group
	members []warmup.Member // for group
	sum     []int           // of group

	weights []int64 // by host, as of the latest weigh
	total   int64
	until   time.Duration // they hold until then
}

// warming is how one host gets its weight.
type warming struct {
	model  *warmup.Model // nil: it does not warm up
	curve  float64
	start  time.Duration // on the view's clock
	window time.Duration
	full   int // weight when warm
}

// newWeighing weighs the hosts as if they were warm; weigh sees to those that
// are not. A model that we do not know is no warm-up: the metadata is
// another's.
func newWeighing(cfg Config, hosts []Host) weighing {
	w := weighing{warm: make([]warming, len(hosts)), weights: make([]int64, len(hosts)), until: always}
	for i, h := range hosts {
		one := warming{full: 1}
		if !cfg.Consumer.Ungoverned {
			one = warmingOf(cfg.Epoch, h)
		}
		if one.model != nil {
			w.until = math.MinInt64
			if g, ok := one.model.Group(); ok {
				w.group = g
			}
		}
		w.warm[i] = one
		w.weights[i] = int64(one.full)
		w.total += w.weights[i]
	}
	if w.group != nil {
		w.members, w.sum = make([]warmup.Member, len(hosts)), make([]int, len(hosts))
	}
	return w
}

func warmingOf(epoch int64, h Host) warming {
	one := warming{
		full: max(int(h.Weight*baseWeight+0.5), 1), curve: h.Warmup.Curve, window: h.Warmup.Window,
		start: time.Duration(h.Start-epoch) * time.Millisecond,
	}
	if m, err := warmup.Find(h.Warmup.Model); err == nil && h.Warmup.Window > 0 && h.Start > 0 {
		one.model = &m
	}
	return one
}

// weigh gives the hosts that warm up the weight of their age, if what they
// weigh now is too old. Where nobody weighs anything, all are as if warm: there
// is nobody to protect them.
func (w *weighing) weigh(now time.Duration) {
	if now < w.until {
		return
	}
	w.until, w.total = always, 0
	for i := range w.warm {
		one := &w.warm[i]
		w.weights[i] = int64(one.full)
		if one.model != nil {
			age := now - one.start
			w.weights[i] = int64(one.model.Weight(one.curve, age, one.window, one.full))
			w.hold(now, age, one)
		}
	}
	w.weighGroup(now)
	for _, x := range w.weights {
		w.total += x
	}
	if w.total > 0 {
		return
	}
	for i, one := range w.warm {
		w.weights[i] = int64(one.full)
		w.total += w.weights[i]
	}
}

// hold bounds how long the weights hold, by one host's.
func (w *weighing) hold(now, age time.Duration, one *warming) {
	if age >= one.window {
		return
	}
	keep := one.model.Hold
	if keep == 0 {
		// Not beyond the end, so that a warm host has its weight at once.
		keep = min(max(one.window/weighEvery, time.Millisecond), one.window-age)
	}
	w.until = min(w.until, now+keep)
}

// weighGroup weighs all together, where a model wants that.
func (w *weighing) weighGroup(now time.Duration) {
	if w.group == nil {
		return
	}
	for i, one := range w.warm {
		w.members[i] = warmup.Member{Base: one.full}
		if one.model != nil {
			w.members[i] = warmup.Member{Age: now - one.start, Window: one.window, Curve: one.curve, Base: one.full}
		}
	}
	w.group.Weights(w.members, w.sum)
	for i, x := range w.sum {
		w.weights[i] = int64(x)
	}
}
