package plan

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"zeroloss/internal/input"
	"zeroloss/manifests"
	"zeroloss/scenarios/spec"
)

// scenarioStep is a step and where it comes from.
type scenarioStep struct {
	Step
	path     string   // in the scenario
	workload workload // zero for ApplyRules
}

func plainSteps(steps []scenarioStep) []Step {
	var out []Step
	for _, s := range steps {
		out = append(out, s.Step)
	}
	return out
}

// compileSteps resolves the steps of the scenario, and the rules that they
// activate.
func compileSteps(src *source) ([]scenarioStep, []RuleSet) {
	var steps []scenarioStep
	var rules []ruleStep
	for i, st := range src.scenario.Spec.Steps {
		path := fmt.Sprintf("spec.steps[%d]", i)
		verb, name := st.Verb()
		if st.Rule != nil {
			verb, name = "rule", st.Rule.Online
		}
		step := scenarioStep{path: path, Step: Step{Name: cmp.Or(st.Name, verb+" "+name), Line: src.scenario.Line(path)}}
		step.At, step.After = startOf(src, path, st)
		if st.Rule != nil {
			rules = append(rules, ruleStep{index: len(steps), online: ruleSettings(src, path+".rule", *st.Rule)})
			steps = append(steps, step)
			continue
		}
		w, ok := src.workload(name)
		if !ok {
			src.problem(path+"."+verb, fmt.Sprintf("step %s: no manifest has a workload %q", verb, name), input.DidYouMean(name, src.manifests.WorkloadNames()))
			continue
		}
		step.workload, step.Action = w, compileAction(st, w)
		checkExternalStep(src, step)
		steps = append(steps, step)
	}
	return steps, numberRules(src, steps, rules)
}

// compileAction returns what a scenario's step does to w.
func compileAction(st spec.Step, w workload) Action {
	switch {
	case st.Restart != "":
		return RolloutRestart{w.Name}
	case st.Image != "":
		return SetImage{w.Name, st.Ref}
	case st.Pause != "":
		return PauseRollout{w.Name}
	case st.Resume != "":
		return ResumeRollout{w.Name}
	case st.Kill != "":
		return KillPods{w.Name, intOr(st.Pods, 1)}
	case st.Drain != "":
		return DrainNode{w.Name}
	case !st.Restore:
		return Scale{w.Name, intOr(st.To, 0)}
	case w.Role == manifests.Target:
		return RestoreReplicas{w.Name}
	}
	return Scale{w.Name, w.Replicas}
}

// startOf returns when a step starts: at a time or after an event of a workload
// or an arm.
func startOf(src *source, path string, st spec.Step) (time.Duration, *After) {
	if st.At != nil {
		return src.scaled(time.Duration(*st.At)), nil
	}
	names := src.manifests.WorkloadNames()
	for _, s := range src.scenario.Spec.Load {
		if !slices.Contains(names, s.Arm) {
			names = append(names, s.Arm)
		}
	}
	if !slices.Contains(names, st.After.Source) {
		src.problem(path+".after", fmt.Sprintf("after: %q is neither a workload nor an arm", st.After.Source), input.DidYouMean(st.After.Source, names))
	}
	return 0, &After{Source: st.After.Source, Event: string(st.After.Event), Delay: st.After.Delay}
}
