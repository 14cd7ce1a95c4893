// Package warmup computes the weight of an instance as a function of its age. Each
// model has a file of its own:
//
//	name               weight of base W at age u of window T, x = u/T       u in   start in the future
//	linear             W·x, truncated, 1..W                                 ms     1
//	power              W·x^c, rounded, 1..W                  (c = 2)        ns     1
//	envoy              W·max(10 %, x^(1/a)), rounded, 1..W   (a = 1)        ms     the minimum
//	dubbo              as linear, in float32; W in the first millisecond    ms     1
//	dubbo-go           W·x, truncated, 1..W                                 ms     1
//	sermant            as power, c whole                     (c = 2)        ms     1
//	polaris            W·x^c, rounded up, 0..W, kept for 5 s (c = 1)        s      0
//
// These models have a defect of the product that they imitate, to show what it
// does to traffic. The models above do not have it:
//
//	dubbo-go-seconds   as dubbo-go; W in the first whole second             s      W
//	sermant-skew       as sermant; W in the first millisecond               ms     W
//	polaris-mirror     as polaris                                           s      as if it were as long ago
//	polaris-guard      as polaris; all W while half of the group is warming s      0
//	polaris-remainder  as polaris; what is missing goes to one instance     s      0
//
// The package may not know clocks, hosts or load balancers. Each consumer computes
// the weights by itself, and all get the same results.
package warmup

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Model is a warm-up model.
type Model struct {
	Name string
	// Curve is the default of the model's parameter.
	Curve float64
	// Parameter is the name of the parameter: "exponent" or "aggression"; "": the
	// model has none.
	Parameter string
	// IntegerCurve: the parameter is truncated to an integer.
	IntegerCurve bool
	// Defect describes for people the defect of the product that the model
	// imitates; "": none.
	Defect string
	// CacheFor is how long the weights of a service are kept after they are
	// computed; 0: not at all.
	CacheFor time.Duration
	// WholeSeconds: the age is truncated to seconds.
	WholeSeconds bool

	// weight is called with window > 0 and base > 0.
	weight func(curve float64, age, window time.Duration, base int) int
	group  groupFunc // nil: the weight of an instance does not depend on others
}

// Models returns all models.
func Models() []Model { return slices.Clone(models) }

// Find returns the model with a name; "" is linear.
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
	return Model{}, fmt.Errorf("finding warm-up model %q: must be one of %s", name, strings.Join(known, ", "))
}

var models = []Model{
	linear, power, envoy, dubbo, dubboGo, sermant, polaris,
	dubboGoSeconds, sermantSkew, polarisMirror, polarisGuard, polarisRemainder,
}

// Weight returns the weight of an instance whose weight when warm is base. Without
// a window, and at an age beyond it, that is base. Otherwise it is between 1 and
// base, or between 0 and base with the models of Polaris. curve is the model's
// parameter; 0 is its default.
func (m Model) Weight(curve float64, age, window time.Duration, base int) int {
	if window <= 0 || base <= 0 || age >= window {
		return base
	}
	if !(curve > 0) { // also NaN: it comes from the metadata of others
		curve = m.Curve
	}
	return m.weight(curve, age, window, base)
}

// Member is one instance of a service in a [Group].
type Member struct {
	Age    time.Duration
	Window time.Duration // 0: no warm-up
	Curve  float64       // 0: the model's default
	Base   int           // weight when warm
}

// Group is implemented by models in which the weight of an instance depends on the
// other instances.
type Group interface {
	// Weights computes the weight of each member into weights, which has the same
	// length. The order of members can matter: it is that of the service's list.
	Weights(members []Member, weights []int)
}

// Group returns the model as a Group if it is one.
func (m Model) Group() (Group, bool) { return m.group, m.group != nil }

type groupFunc func(members []Member, weights []int)

// Weights calls f.
func (f groupFunc) Weights(members []Member, weights []int) { f(members, weights) }

// clamp limits a weight to 1 to base.
func clamp(w, base int) int { return min(max(w, 1), base) }
