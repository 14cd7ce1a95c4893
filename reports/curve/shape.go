package curve

import (
	"math"
	"time"

	"zeroloss/demo-services/warmup"
)

// Shape is a warm-up as a function: the weight at an age, relative to a warm
// instance's. The zero Shape is no warm-up, like [Flat].
type Shape struct {
	weight func(x float64) float64
	group  *group // nil: an instance's weight does not depend on the others
}

// group is the weights of instances that depend on each other.
type group struct {
	// weigh computes the weight of each instance from the ages of all, in the
	// order of the service's list. weights has the length of ages.
	weigh    func(ages, weights []float64)
	hold     float64 // for how long, in windows, consumers keep weights; 0: not at all
	clockLag float64 // by which consumers' clocks are behind, in windows
}

// Grouped reports whether the weight of an instance depends on which other
// instances there are.
func (s Shape) Grouped() bool { return s.group != nil }

// At is the weight at age x, in windows; +Inf is the age of an instance that
// does not warm up.
func (s Shape) At(x float64) float64 {
	if s.weight == nil || math.IsInf(x, 1) {
		return 1
	}
	return s.weight(x)
}

// fullWeight is the weight of a warm instance in consumers' computations; no
// weight is below 1.
const fullWeight = 100

// PowerShape is x^c, but not under 1/100: consumers' weights are whole numbers
// up to 100.
func PowerShape(c float64) Shape {
	return Shape{weight: func(x float64) float64 {
		return max(math.Pow(min(max(x, 0), 1), c), 1./fullWeight)
	}}
}

// Flat is no warm-up: 1 at any age.
func Flat() Shape { return Shape{} }

// phases is at how many moments weights that a consumer keeps for a while may
// have been computed.
const phases = 10

// ModelShape is what consumers compute by a model, with all its roundings. If
// they keep weights for a while, it is the mean over the moments of
// computation. For a model whose weights depend on the other instances it is
// the weight of an instance alone; see [Shape.WeightAmong].
func ModelShape(m warmup.Model, parameter float64, window time.Duration) Shape {
	at := func(x float64) float64 {
		age := time.Duration(x * float64(window))
		return float64(m.Weight(parameter, age, window, fullWeight)) / fullWeight
	}
	if window <= 0 {
		return Shape{weight: at}
	}
	hold := float64(m.CacheFor) / float64(window)
	out := Shape{weight: at}
	if hold > 0 {
		out.weight = func(x float64) float64 {
			return meanOverPhases(hold, func(before float64) float64 { return at(x - before) })
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
		members[i] = warmup.Member{Base: fullWeight}
		if !math.IsInf(x, 1) {
			members[i] = warmup.Member{Age: time.Duration(x * float64(window)), Window: window, Curve: parameter, Base: fullWeight}
		}
	}
	g.Weights(members, sums)
	for i, sum := range sums {
		weights[i] = float64(sum) / fullWeight
	}
}

// meanOverPhases is the mean of a value over how long ago weights that are kept
// for a while may have been computed.
func meanOverPhases(hold float64, value func(before float64) float64) float64 {
	if hold <= 0 {
		return value(0)
	}
	var sum float64
	for i := range phases {
		sum += value(hold * (float64(i) + 0.5) / phases)
	}
	return sum / phases
}

// WeightAmong is the weight of one instance, given by its index, among those of
// the given ages, in windows and in the order of the service's list, and the
// share that it should get. The age of an instance that does not warm up is
// +Inf.
func (s Shape) WeightAmong(ages []float64, index int) (weight, share float64) {
	weights := make([]float64, len(ages))
	if s.group == nil {
		for i, x := range ages {
			weights[i] = s.At(x)
		}
		return weights[index], WeightShare(weights, index)
	}
	now := make([]float64, len(ages))
	share = meanOverPhases(s.group.hold, func(before float64) float64 {
		for i, x := range ages {
			now[i] = x - before - s.group.clockLag
		}
		s.group.weigh(now, weights)
		weight += weights[index]
		return WeightShare(weights, index)
	})
	if s.group.hold > 0 {
		weight /= phases
	}
	return weight, share
}

// WeightShare is the share of one weight, given by its index, of all. If all
// weights are 0, all instances are called equally often.
func WeightShare(weights []float64, index int) float64 {
	var all float64
	for _, w := range weights {
		all += w
	}
	if all == 0 {
		return 1 / float64(len(weights))
	}
	return weights[index] / all
}

// WithClockSkew is the shape as a consumer sees it whose clock is behind the
// instance's by so many windows.
func (s Shape) WithClockSkew(behind float64) Shape {
	out := Shape{weight: func(x float64) float64 { return s.At(x - behind) }}
	if s.group != nil {
		g := *s.group
		g.clockLag += behind
		out.group = &g
	}
	return out
}
