package plan

import (
	"cmp"
	"fmt"
	"slices"

	"zeroloss/demo-services/settings"
	"zeroloss/internal/input"
	"zeroloss/scenarios/spec"
)

// ruleStep resolves a rule that comes while the run is on: it takes the place of
// the one that governance has for the same instances. Its version is only where
// it stands until [compiler.numberRules].
func (c *compiler) ruleStep(path string, st spec.Step) {
	r := *st.Rule
	if r.Aligned != nil {
		c.problem(path+".rule.aligned", "readiness cannot be aligned while a run is on: pods are asked as they were made", "put it under governance")
	}
	rules := RuleSet{Version: len(c.p.Rules) + firstRules, Online: map[string]settings.Online{}}
	for _, w := range c.governed(path+".rule", r) {
		rules.Online[w.Name] = c.online(w, c.s.Spec.Set[w.Name], rule{r, path + ".rule"})
	}
	step := Step{Name: cmp.Or(st.Name, "rule "+r.Online), Line: c.s.Line(path), Action: ApplyRules{rules.Version}}
	c.place(path, st, &step)
	c.p.Rules = append(c.p.Rules, rules)
	c.p.Steps = append(c.p.Steps, step)
}

// firstRules is the version of the first rules that a step brings: those of the
// plan are 1.
const firstRules = 2

// numberRules gives the rules of steps versions in the order of their time,
// since the highest one wins. Of one that waits for an event nobody can tell
// whether it comes before another or after it.
func (c *compiler) numberRules() {
	var steps []*Step
	for i := range c.p.Steps {
		if _, ok := c.p.Steps[i].Action.(ApplyRules); ok {
			steps = append(steps, &c.p.Steps[i])
		}
	}
	c.unordered(steps)
	slices.SortStableFunc(steps, func(a, b *Step) int { return cmp.Compare(a.At, b.At) })
	var rules []RuleSet
	for i, st := range steps {
		r := c.p.Rules[rulesVersion(*st)-firstRules]
		r.Version, st.Action = firstRules+i, ApplyRules{firstRules + i}
		rules = append(rules, r)
		if c.p.Cycles > 1 {
			c.warnAt(c.s.File, st.Line, fmt.Sprintf("step %s stays done: the second cycle begins under the rules that the first has ended with", st.Name), "leave cycles out; run --repeat does all of it again")
		}
	}
	c.p.Rules = rules
	for _, st := range steps {
		c.keptByKube(*st)
	}
}

// rulesVersion is the version that a step activates; 0 if it activates none.
func rulesVersion(s Step) int {
	a, _ := s.Action.(ApplyRules)
	return a.Version
}

// keptByKube warns of what a step's rule changes on local alone: the pods of a
// Deployment begin with what it was made with, and to make it anew would be a
// rollout; what reaches a pod later, comes too late for its registering.
func (c *compiler) keptByKube(st Step) {
	if c.p.CheckRuntime("kube") != nil {
		return
	}
	for _, w := range c.p.Workloads {
		if o, ok := c.p.OnlineUnder(w.Name, rulesVersion(st)); ok && registersOtherwise(o, w.Settings.Online) {
			c.warnAt(c.s.File, st.Line, fmt.Sprintf("on kube step %s changes the warm-up of %s only: the pods of a Deployment keep the delay and the health path that they were made with", st.Name, w.Name), "say them under governance, or add runtimes: [local]")
		}
	}
}

func registersOtherwise(a, b settings.Online) bool {
	return a.Delay != b.Delay || a.HealthPath != b.HealthPath || a.HealthPath != "" && a.HealthEvery != b.HealthEvery
}

// unordered finds rules for one workload of which it cannot be said which comes
// last.
func (c *compiler) unordered(steps []*Step) {
	for i, st := range steps {
		for _, before := range steps[:i] {
			if st.After == nil && before.After == nil {
				continue
			}
			for _, w := range sortedKeys(c.p.Rules[rulesVersion(*st)-firstRules].Online) {
				if _, both := c.p.OnlineUnder(w, rulesVersion(*before)); both {
					c.problems = append(c.problems, input.Problem{
						File: c.s.File, Line: st.Line,
						Text: fmt.Sprintf("step %s is for %s, and so is step %s in line %d: where one waits for an event, nobody can say which of the two comes last", st.Name, w, before.Name, before.Line),
						Hint: "give both an at",
					})
					break
				}
			}
		}
	}
}
