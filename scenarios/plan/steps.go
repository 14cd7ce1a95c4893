package plan

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"zeroloss/internal/input"
	"zeroloss/manifests"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/spec"
)

// jobs takes over the autoscalers, and lists what they will do.
func (c *compiler) jobs() {
	for _, a := range c.m.Autoscalers {
		for _, x := range a.Exclude {
			if _, err := control.ParseSchedule(x); err != nil {
				c.problems = append(c.problems, input.Problem{File: a.File, Line: a.Line, Text: "excludeDates: " + err.Error()})
			}
		}
		for _, j := range a.Jobs {
			if _, err := control.ParseSchedule(j.Schedule); err != nil {
				c.problems = append(c.problems, badSchedule(a, j, err))
				continue
			}
			c.p.Control.Jobs = append(c.p.Control.Jobs, control.CronJob{
				Autoscaler: a.Name, Name: j.Name, Workload: a.Target, Schedule: j.Schedule,
				TargetSize: j.Target, RunOnce: j.RunOnce, Exclude: a.Exclude,
			})
		}
	}
	if len(c.problems) > 0 {
		return
	}
	firings, err := control.ScheduledJobs(c.p.Control.Jobs, c.p.Control.ClockStart, c.speed, 0, c.p.Duration)
	if err != nil {
		c.problem("spec.time", err.Error(), "")
		return
	}
	size := map[string]int{}
	for _, w := range c.p.Workloads {
		size[w.Name] = w.Replicas
	}
	for _, f := range firings {
		if f.Skipped {
			continue
		}
		c.p.ScheduledJobs = append(c.p.ScheduledJobs, ScheduledJob{At: f.At, Workload: f.Job.Workload, Job: f.Job.Name, Target: f.Job.TargetSize})
		if f.Job.TargetSize < size[f.Job.Workload] {
			c.release(f.Job.Workload)
		}
		size[f.Job.Workload] = f.Job.TargetSize
	}
}

// release notes that something takes instances of a workload out.
func (c *compiler) release(workload string) {
	if !slices.Contains(c.released, workload) {
		c.released = append(c.released, workload)
	}
}

// steps resolves the scenario's own steps.
func (c *compiler) steps() {
	var deeds []deed
	for i, st := range c.s.Spec.Steps {
		path := fmt.Sprintf("spec.steps[%d]", i)
		if st.Rule != nil {
			c.ruleStep(path, st)
			continue
		}
		verb, workload := st.Verb()
		step := Step{Name: cmp.Or(st.Name, verb+" "+workload), Line: c.s.Line(path)}
		c.place(path, st, &step)
		w, ok := c.m.Workload(workload)
		if !ok {
			c.problem(path+"."+verb, fmt.Sprintf("step %s names workload %q, which is in no manifest", verb, workload), input.DidYouMean(workload, c.m.WorkloadNames()))
			continue
		}
		step.Action = c.action(st, w)
		if w.Role == manifests.Target {
			c.release(w.Name)
		}
		c.foreignStep(path, step, w)
		deeds = append(deeds, deed{path, step, w})
		c.p.Steps = append(c.p.Steps, step)
	}
	c.numberRules()
	rollouts{}.follow(c, deeds)
	if len(c.released) == 0 && len(c.problems) == 0 {
		c.warn("spec.steps", "nothing takes an instance out: no step does, and no CronHPA job shrinks anything between the start and the end", "choose another time.start, or add a step such as {at: 10s, restart: spring-cloud-b}")
	}
}

// action is what a scenario's step does to w.
func (c *compiler) action(st spec.Step, w manifests.Workload) Action {
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
		return KillPods{w.Name, number(st.Pods, 1)}
	case st.Drain != "":
		return DrainNode{w.Name}
	case !st.Restore:
		return Scale{w.Name, number(st.To, 0)}
	case w.Role == manifests.Target:
		return RestoreReplicas{w.Name}
	}
	return Scale{w.Name, c.with(w, c.s.Spec.Set[w.Name]).Replicas}
}

// place is when a step comes.
func (c *compiler) place(path string, st spec.Step, step *Step) {
	if st.At != nil {
		step.At = c.scaled(time.Duration(*st.At))
		return
	}
	step.After = &After{Source: st.After.Source, Event: string(st.After.Event), Delay: st.After.Delay}
	c.checkAfter(path+".after", st.After.Source)
}

// checkAfter wants a workload or an arm before the dot.
func (c *compiler) checkAfter(path, of string) {
	names := c.m.WorkloadNames()
	for _, s := range c.s.Spec.Load {
		if !slices.Contains(names, s.Arm) {
			names = append(names, s.Arm)
		}
	}
	if !slices.Contains(names, of) {
		c.problem(path, fmt.Sprintf("after: %q is neither a workload nor an arm", of), input.DidYouMean(of, names))
	}
}
