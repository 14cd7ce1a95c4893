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
}

// At is the weight at age x, in windows.
func (s Shape) At(x float64) float64 {
	if s.weight == nil {
		return 1
	}
	return s.weight(x)
}

// base is the full weight that consumers reckon with; no weight is under 1.
const base = 100

// Power is x^c, not under 1/100: consumers' weights are whole numbers of 100.
func Power(c float64) Shape {
	return Shape{func(x float64) float64 {
		return max(math.Pow(min(max(x, 0), 1), c), 1./base)
	}}
}

// Flat is no warm-up: 1 at any age.
func Flat() Shape { return Shape{} }

// phases is how many of the moments at which a consumer may have computed
// weights that it keeps stand for all of them.
const phases = 10

// Of is what consumers compute by a model, its roundings and all. Where they
// keep weights for a while, it is the mean over when they began to. A model
// that weighs by who else there is counts as if it did not.
func Of(m warmup.Model, parameter float64, window time.Duration) Shape {
	at := func(x float64) float64 {
		age := time.Duration(x * float64(window))
		return float64(m.Weight(parameter, age, window, base)) / base
	}
	if m.Hold <= 0 || window <= 0 {
		return Shape{at}
	}
	hold := float64(m.Hold) / float64(window)
	return Shape{func(x float64) float64 {
		var sum float64
		for i := range phases {
			sum += at(x - hold*(float64(i)+0.5)/phases)
		}
		return sum / phases
	}}
}

// Skewed is the shape as a consumer sees it whose clock is behind the
// instance's by so many windows.
func (s Shape) Skewed(behind float64) Shape {
	return Shape{func(x float64) float64 { return s.At(x - behind) }}
}
