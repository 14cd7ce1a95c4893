// Package warmup is the weight of an instance as a function of its age: one
// model a file, and the table of them.
//
//	name               weight of base W at age u of window T, x = u/T       u in   start ahead of the clock
//	linear             W·x, truncated, 1..W                                 ms     1
//	power              W·x^c, rounded, 1..W                  (c = 2)        ns     1
//	envoy              W·max(10 %, x^(1/a)), rounded, 1..W   (a = 1)        ms     the floor
//	dubbo              as linear, in float32; W in the first millisecond    ms     1
//	dubbo-go           W·x, truncated, 1..W                                 ms     1
//	sermant            as power, c whole                     (c = 2)        ms     1
//	polaris            W·x^c, rounded up, 0..W, kept for 5 s (c = 1)        s      0
//
// These keep a defect of their original, which has none without it; they are
// for showing what it does to traffic:
//
//	dubbo-go-seconds   as dubbo-go; W in the first whole second             s      W
//	sermant-skew       as sermant; W in the first millisecond               ms     W
//	polaris-mirror     as polaris                                           s      as if as old as it is young
//	polaris-guard      as polaris; all W while half of the group is warming s      0
//	polaris-remainder  as polaris; what is missing goes to one instance     s      0
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
	// Parameter is what Curve is: "exponent" or "aggression"; "" is that the
	// model has none.
	Parameter string
	// Whole: of Curve only the whole number counts.
	IntegerCurve bool
	// Defect is the defect of the original that the model keeps, in words; ""
	// is that it is fit for use.
	Defect string
	// Hold is how long weights are kept once they are computed, for a whole
	// service; 0 is not at all.
	CacheFor time.Duration
	// Seconds: of an age only its whole seconds count.
	WholeSeconds bool

	// weight is called with window > 0 and base > 0.
	weight func(curve float64, age, window time.Duration, base int) int
	group  groupFunc // nil: it weighs each instance by itself
}

// Models lists the models by name.
func Models() []Model { return slices.Clone(models) }

// Find returns the model of that name; "" is linear.
func Find(name string) (Model, error) {
	if name == "" {
		name = linear.Name
	}
	var known []string
	for _, m := range models {
		if m.Name == name {
			return m, nil
		}
		known = append(known, m.Name)
	}
	return Model{}, fmt.Errorf("finding warm-up model %q: want one of %s", name, strings.Join(known, ", "))
}

var models = []Model{
	linear, power, envoy, dubbo, dubboGo, sermant, polaris,
	dubboGoSeconds, sermantSkew, polarisMirror, polarisGuard, polarisRemainder,
}

// Weight is the weight, of base, of an instance that serves since age. Without
// a window, and after it, it is base; below it is never under 1, but for
// Polaris's models, where it can be 0. curve 0 is the model's own.
func (m Model) Weight(curve float64, age, window time.Duration, base int) int {
	if window <= 0 || base <= 0 || age >= window {
		return base
	}
	if !(curve > 0) { // NaN too: it comes from others' metadata
		curve = m.Curve
	}
	return m.weight(curve, age, window, base)
}

// Member is one instance of a service, as a [Group] sees it.
type Member struct {
	Age    time.Duration
	Window time.Duration // 0: it does not warm up
	Curve  float64       // 0: the model's own
	Base   int           // its weight when warm
}

// Group is what a model is besides, where the weight of an instance depends on
// who else there is.
type Group interface {
	// Weights puts the weight of each member into weights, which is as long.
	// The order of members is that of the service's list: it can matter.
	Weights(members []Member, weights []int)
}

// Group returns the model as a Group, if it is one.
func (m Model) Group() (Group, bool) { return m.group, m.group != nil }

type groupFunc func(members []Member, weights []int)

// Weights makes a groupFunc a Group.
func (f groupFunc) Weights(members []Member, weights []int) { f(members, weights) }

// clamp keeps a weight between 1 and base.
func clamp(w, base int) int { return min(max(w, 1), base) }
