package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/internal/input"
	"zeroloss/scenarios/spec"
)

// firstRuleVersion is the version of the first rules that a step activates.
// Version 1 is the plan's own rules.
const firstRuleVersion = 2

// ruleStep is a step that activates a rule during the run. The rule replaces the
// governance rule of the same instances.
type ruleStep struct {
	index  int                        // of the step
	online map[string]settings.Online // by workload
}

// ruleSettings resolves how the workloads that a rule reaches come online.
func ruleSettings(src *source, path string, r spec.Rule) map[string]settings.Online {
	if r.Aligned != nil {
		src.problem(path+".aligned", "aligned cannot be set by a step: it changes the readiness probe of existing pods", "set it under governance")
	}
	out := map[string]settings.Online{}
	for _, w := range governedWorkloads(src, path, r) {
		out[w.Name] = onlineSettings(src, w, rule{r, path})
	}
	return out
}

// numberRules assigns versions to the rules in the order of their steps' times,
// since instances use the highest version, and completes the steps.
func numberRules(src *source, steps []scenarioStep, rules []ruleStep) []RuleSet {
	checkRuleOrder(src, steps, rules)
	ordered := slices.Clone(rules)
	slices.SortStableFunc(ordered, func(a, b ruleStep) int { return cmp.Compare(steps[a.index].At, steps[b.index].At) })
	var out []RuleSet
	for i, r := range ordered {
		st := &steps[r.index]
		st.Action = ApplyRules{firstRuleVersion + i}
		out = append(out, RuleSet{Version: firstRuleVersion + i, Online: r.online})
		if src.scenario.Spec.Time.Cycles > 1 {
			src.warnAt(src.scenario.File, st.Line, fmt.Sprintf("step %s is not undone: the second cycle starts with the rules of the first one's end", st.Name), "remove cycles; run --repeat starts from the beginning each time")
		}
	}
	return out
}

// checkRuleOrder rejects two rules for one workload whose order is unknown,
// because one of them waits for an event.
func checkRuleOrder(src *source, steps []scenarioStep, rules []ruleStep) {
	for i, r := range rules {
		for _, earlier := range rules[:i] {
			st, before := steps[r.index], steps[earlier.index]
			if st.After == nil && before.After == nil {
				continue
			}
			for _, w := range slices.Sorted(maps.Keys(r.online)) {
				if _, both := earlier.online[w]; both {
					src.problemAt(input.Problem{
						File: src.scenario.File, Line: st.Line,
						Text: fmt.Sprintf("the order of step %s and step %s (line %d) is not known, but both set rules for %s", st.Name, before.Name, before.Line, w),
						Hint: "use at instead of after in both",
					})
					break
				}
			}
		}
	}
}

// onlineVariant is how the instances of a workload come online from a time on.
type onlineVariant struct {
	Workload
	settings.Online
	from   time.Duration
	source input.Problem // file and line of the rule or the workload
}

// onlineVariants lists how instances come online at the start of the run, and
// then by each step's rules.
func onlineVariants(src *source, p *Plan) []onlineVariant {
	var out []onlineVariant
	for i, w := range p.Workloads {
		if w.External {
			continue
		}
		at := input.Problem{File: w.File, Line: w.Line}
		if r := src.workloads[i].rule; r.path != "" {
			at = src.scenario.Problem(r.path, "", "")
		}
		out = append(out, onlineVariant{w, w.Settings.Online, 0, at})
	}
	for _, st := range p.Steps {
		for _, w := range p.Workloads {
			if o, ok := p.OnlineUnder(w.Name, rulesVersion(st)); ok {
				out = append(out, onlineVariant{w, o, st.At, input.Problem{File: src.scenario.File, Line: st.Line}})
			}
		}
	}
	return out
}

// rulesVersion is the version that a step activates; 0 if it activates none.
func rulesVersion(s Step) int {
	a, _ := s.Action.(ApplyRules)
	return a.Version
}
