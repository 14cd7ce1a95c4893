package spec

import (
	"fmt"
	"math"
	"time"

	"zeroloss/demo-services/warmup"
	"zeroloss/internal/input"
)

// NoWarmup is the model that turns warm-up off.
const NoWarmup = "none"

// BaseVersion is the name of the version without a tag.
const BaseVersion = "base"

// Defaults of a rule with an incomplete warm-up, as in MSE's console.
const (
	defaultModel  = "power"
	defaultWindow = 120 * time.Second
)

// governance checks each rule, and that no two rules apply to the same instances.
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
				c.problem(path, fmt.Sprintf("duplicate rule for %s", rules[i].target()), fmt.Sprintf("merge it with the rule in line %d", c.s.Line(rulePath(j))))
				break
			}
		}
	}
}

func rulePath(i int) string { return fmt.Sprintf("spec.governance[%d]", i) }

// meets reports whether two rules of a service apply to the same version.
func (r Rule) meets(o Rule) bool {
	return r.Version == "" || o.Version == "" || r.Version == o.Version
}

func (r Rule) target() string {
	if r.Version == "" {
		return r.Online
	}
	return r.Online + ", version " + r.Version
}

// Warms reports whether the rule configures warm-up.
func (r Rule) Warms() bool { return r.Window != 0 || r.Model != "" || r.Curve != nil }

// rule checks one rule, as far as it could be decoded, and fills in the defaults
// of its warm-up.
func (c *checker) rule(path string, r *Rule) {
	if r.Online == "" {
		c.missing(path, "online", "the rule has no service", "add online: spring-cloud-c")
	}
	if r.RegisterDelay > 0 && r.HealthPath != "" {
		c.problem(path+".healthPath", "a rule cannot have both registerDelay and healthPath", "remove one of them")
	}
	if text, hint := input.CheckPath(r.HealthPath); r.HealthPath != "" && text != "" {
		c.problem(path+".healthPath", "healthPath "+text, hint)
	}
	if r.HealthEvery > 0 && r.HealthPath == "" && !c.bad[path+".healthPath"] {
		c.problem(path+".healthEvery", "healthEvery requires healthPath", "")
	}
	if !r.Warms() && r.RegisterDelay == 0 && r.HealthPath == "" && r.Aligned == nil && !c.bad[path] {
		c.problem(path, "the rule for "+r.target()+" is empty", "set registerDelay, healthPath, window, model or aligned")
	}
	if r.Warms() && !c.bad[path+".model"] {
		c.warmup(path, r)
	}
}

func (c *checker) warmup(path string, r *Rule) {
	if r.Model == NoWarmup {
		if r.Window != 0 || r.Curve != nil {
			c.problem(path+".model", "model none cannot have a window or curve", "remove them, or the model")
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

// Bounds of a model's parameter. The bounds of exponents are those of the
// vendors' consoles.
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
		c.problem(path+".curve", fmt.Sprintf("model %s has no curve", m.Name), "remove curve, or use model power")
		return
	case "aggression":
		least, most = leastAggression, mostAggression
	}
	v, kind := *r.Curve, fmt.Sprintf("between %v and %v", least, most)
	nearest := min(max(v, least), most)
	if m.IntegerCurve {
		nearest, kind = math.Round(nearest), "a whole number "+kind
	}
	if math.IsNaN(v) {
		nearest = least
	}
	if v != nearest {
		c.problem(path+".curve", fmt.Sprintf("curve must be %s for model %s, got %v", kind, m.Name, v), fmt.Sprintf("the nearest valid value is %v", nearest))
	}
}
