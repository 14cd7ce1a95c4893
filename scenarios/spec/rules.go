package spec

import (
	"fmt"
	"math"
	"time"

	"zeroloss/demo-services/warmup"
	"zeroloss/internal/input"
)

// NoWarmup is the model of a rule that wants none.
const NoWarmup = "none"

// BaseVersion is what rules call the version without a tag.
const BaseVersion = "base"

// What a rule's warm-up is where it says but half of it, as MSE's console has
// it.
const (
	defaultModel  = "power"
	defaultWindow = 120 * time.Second
)

// governance checks each rule, and that no two speak of the same instances.
func (c *checker) governance() {
	rules := c.s.Spec.Governance
	for i := range rules {
		path := rulePath(i)
		c.rule(path, &rules[i])
		if rules[i].Online == "" || c.bad[path+".version"] {
			continue
		}
		for j := range i {
			if o := rules[j]; o.Online == rules[i].Online && o.meets(rules[i]) && !c.bad[rulePath(j)+".version"] {
				c.problem(path, fmt.Sprintf("a second rule for %s", rules[i].target()), fmt.Sprintf("the first stands in line %d: make them one", c.s.Line(rulePath(j))))
				break
			}
		}
	}
}

func rulePath(i int) string { return fmt.Sprintf("spec.governance[%d]", i) }

// meets tells whether two rules of a service speak of the same version.
func (r Rule) meets(o Rule) bool {
	return r.Version == "" || o.Version == "" || r.Version == o.Version
}

func (r Rule) target() string {
	if r.Version == "" {
		return r.Online
	}
	return r.Online + ", version " + r.Version
}

// Warms tells whether the rule says anything of a warm-up.
func (r Rule) Warms() bool { return r.Window != 0 || r.Model != "" || r.Curve != nil }

// rule checks one rule, as far as it could be read, and fills in its warm-up's
// defaults.
func (c *checker) rule(path string, r *Rule) {
	if r.Online == "" {
		c.missing(path, "online", "the rule names no service", "as online: spring-cloud-c")
	}
	if r.Delay > 0 && r.HealthPath != "" {
		c.problem(path+".healthPath", "the rule has a delay and a health path", "an instance registers by time or by health: leave one out")
	}
	if text, hint := input.CheckPath(r.HealthPath); r.HealthPath != "" && text != "" {
		c.problem(path+".healthPath", "healthPath "+text, hint)
	}
	if r.HealthEvery > 0 && r.HealthPath == "" && !c.bad[path+".healthPath"] {
		c.problem(path+".healthEvery", "healthEvery belongs to healthPath", "")
	}
	if !r.Warms() && r.Delay == 0 && r.HealthPath == "" && r.Aligned == nil && !c.bad[path] {
		c.problem(path, "the rule for "+r.target()+" says nothing", "say a delay, a healthPath, a window, a model or aligned")
	}
	if r.Warms() && !c.bad[path+".model"] {
		c.warmup(path, r)
	}
}

func (c *checker) warmup(path string, r *Rule) {
	if r.Model == NoWarmup {
		if r.Window != 0 || r.Curve != nil {
			c.problem(path+".model", "model none is no warm-up: it has neither window nor curve", "leave them out, or the model")
		}
		return
	}
	if r.Model == "" {
		r.Model = defaultModel
	}
	orDefault(&r.Window, defaultWindow)
	m, err := warmup.Find(r.Model)
	if err != nil {
		names := []string{NoWarmup}
		for _, m := range warmup.Models() {
			names = append(names, m.Name)
		}
		c.problem(path+".model", fmt.Sprintf("unknown model %q", r.Model), input.DidYouMean(r.Model, names))
		return
	}
	c.curve(path, r, m)
}

// Bounds of a model's parameter: an exponent's are those of the originals'
// consoles.
const (
	leastCurve      = 1
	mostCurve       = 5
	leastAggression = 0.1
	mostAggression  = 10
)

func (c *checker) curve(path string, r *Rule, m warmup.Model) {
	if r.Curve == nil || c.bad[path+".curve"] {
		return
	}
	least, most := float64(leastCurve), float64(mostCurve)
	switch m.Parameter {
	case "":
		c.problem(path+".curve", fmt.Sprintf("model %s has no curve", m.Name), "leave it out, or take model power")
		return
	case "aggression":
		least, most = leastAggression, mostAggression
	}
	v, kind := *r.Curve, fmt.Sprintf("%v to %v", least, most)
	nearest := min(max(v, least), most)
	if m.IntegerCurve {
		nearest, kind = math.Round(nearest), "a whole number, "+kind
	}
	if math.IsNaN(v) {
		nearest = least
	}
	if v != nearest {
		c.problem(path+".curve", fmt.Sprintf("curve is %v, and the %s of %s is %s", v, m.Parameter, m.Name, kind), fmt.Sprintf("the nearest is %v", nearest))
	}
}
