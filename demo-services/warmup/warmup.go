// Package warmup is the weight of an instance as a function of its age: one
// model a file, and the table of them.
//
// It may not know clocks, hosts or balancers: age and window come in, a weight
// goes out. Every consumer computes it alone and arrives at the same.
package warmup

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Model is one way to warm up.
type Model struct {
	Name string
	// Curve is the model's own parameter, where a host names none.
	Curve float64
	// weight is called with window > 0 and base > 0.
	weight func(curve float64, age, window time.Duration, base int) int
}

// Models lists the models by name.
func Models() []Model { return slices.Clone(models) }

// Find returns the model of that name; "" is linear.
func Find(name string) (Model, error) {
	if name == "" {
		name = linear.Name
	}
	for _, m := range models {
		if m.Name == name {
			return m, nil
		}
	}
	var known []string
	for _, m := range models {
		known = append(known, m.Name)
	}
	return Model{}, fmt.Errorf("finding warm-up model %q: want one of %s", name, strings.Join(known, ", "))
}

var models = []Model{linear, power}

// Weight is the weight, of base, of an instance that serves since age. Without
// a window, and after it, it is base; below it is never under 1. curve 0 is the
// model's own.
func (m Model) Weight(curve float64, age, window time.Duration, base int) int {
	if window <= 0 || base <= 0 || age >= window {
		return base
	}
	if curve <= 0 {
		curve = m.Curve
	}
	return m.weight(curve, age, window, base)
}
