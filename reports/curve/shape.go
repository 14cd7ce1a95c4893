package curve

import (
	"math"
	"time"

	"zeroloss/demo-services/warmup"
)

// Shape is a warm-up as a function: the weight, relative to a warm instance's,
// at an age. The zero Shape is no warm-up, as [Flat].
type Shape struct {
	weight func(x float64) float64
	group  *group // nil: an instance weighs the same whoever else there is
}

// group is what instances weigh beside each other.
type group struct {
	// weigh puts what each weighs, by its age, into weights, which is as long.
	// Their order is that of the service's list.
	weigh  func(ages, weights []float64)
	hold   float64 // for how long, in windows, consumers keep weights; 0 is not at all
	behind float64 // by which their clocks are, in windows
}

// Grouped tells whether the weight of an instance depends on who else there is.
func (s Shape) Grouped() bool { return s.group != nil }

// At is the weight at age x, in windows; +Inf is that of one that does not warm
// up.
func (s Shape) At(x float64) float64 {
	if s.weight == nil || math.IsInf(x, 1) {
		return 1
	}
	return s.weight(x)
}

// base is the full weight that consumers reckon with; no weight is under 1.
const base = 100

// Power is x^c, not under 1/100: consumers' weights are whole numbers of 100.
func Power(c float64) Shape {
	return Shape{weight: func(x float64) float64 {
		return max(math.Pow(min(max(x, 0), 1), c), 1./base)
	}}
}

// Flat is no warm-up: 1 at any age.
func Flat() Shape { return Shape{} }

// phases is how many of the moments at which a consumer may have computed
// weights that it keeps stand for all of them.
const phases = 10

// ModelShape is what consumers compute by a model, its roundings and all. Where they
// keep weights for a while, it is the mean over when they began to. The weight
// by a model that weighs by who else there is, is that of an instance by itself:
// for the rest, see [Shape.WeightAmong].
func ModelShape(m warmup.Model, parameter float64, window time.Duration) Shape {
	at := func(x float64) float64 {
		age := time.Duration(x * float64(window))
		return float64(m.Weight(parameter, age, window, base)) / base
	}
	if window <= 0 {
		return Shape{weight: at}
	}
	hold := float64(m.CacheFor) / float64(window)
	out := Shape{weight: at}
	if hold > 0 {
		out.weight = func(x float64) float64 {
			return overPhases(hold, func(before float64) float64 { return at(x - before) })
		}
	}
	if g, ok := m.Group(); ok {
		out.group = &group{hold: hold, weigh: func(ages, weights []float64) { weigh(g, parameter, window, ages, weights) }}
	}
	return out
}

func weigh(g warmup.Group, parameter float64, window time.Duration, ages, weights []float64) {
	members, sums := make([]warmup.Member, len(ages)), make([]int, len(ages))
	for i, x := range ages {
		members[i] = warmup.Member{Base: base}
		if !math.IsInf(x, 1) {
			members[i] = warmup.Member{Age: time.Duration(x * float64(window)), Window: window, Curve: parameter, Base: base}
		}
	}
	g.Weights(members, sums)
	for i, sum := range sums {
		weights[i] = float64(sum) / base
	}
}

// overPhases is the mean of a value over how long ago weights may have been
// computed that are kept for a while.
func overPhases(hold float64, value func(before float64) float64) float64 {
	if hold <= 0 {
		return value(0)
	}
	var sum float64
	for i := range phases {
		sum += value(hold * (float64(i) + 0.5) / phases)
	}
	return sum / phases
}

// WeightAmong is the weight of one instance among those of the ages given, in windows
// and in the order of the service's list, and the share that is due to it. The
// age of one that does not warm up is +Inf.
func (s Shape) WeightAmong(ages []float64, who int) (weight, share float64) {
	weights := make([]float64, len(ages))
	if s.group == nil {
		for i, x := range ages {
			weights[i] = s.At(x)
		}
		return weights[who], WeightShare(weights, who)
	}
	now := make([]float64, len(ages))
	share = overPhases(s.group.hold, func(before float64) float64 {
		for i, x := range ages {
			now[i] = x - before - s.group.behind
		}
		s.group.weigh(now, weights)
		weight += weights[who]
		return WeightShare(weights, who)
	})
	if s.group.hold > 0 {
		weight /= phases
	}
	return weight, share
}

// WeightShare is the share of one by its weight among all. Where nobody weighs
// anything all are called alike.
func WeightShare(weights []float64, who int) float64 {
	var all float64
	for _, w := range weights {
		all += w
	}
	if all == 0 {
		return 1 / float64(len(weights))
	}
	return weights[who] / all
}

// WithClockSkew is the shape as a consumer sees it whose clock is behind the
// instance's by so many windows.
func (s Shape) WithClockSkew(behind float64) Shape {
	out := Shape{weight: func(x float64) float64 { return s.At(x - behind) }}
	if s.group != nil {
		g := *s.group
		g.behind += behind
		out.group = &g
	}
	return out
}
