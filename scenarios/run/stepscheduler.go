package run

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/plan"
)

// stepScheduler knows which steps of the scenario are due: each at its time, or
// once per cycle after an event.
type stepScheduler struct {
	plan    *plan.Plan
	due     []scheduledStep
	waiting []plan.Step // for their event
}

type scheduledStep struct {
	at   time.Duration // offset from the run's beginning
	step plan.Step
}

// startCycle schedules all steps for the cycle that begins at now.
func (s *stepScheduler) startCycle(now time.Duration) {
	s.due, s.waiting = nil, nil
	for _, st := range s.plan.Steps {
		if st.After != nil {
			s.waiting = append(s.waiting, st)
			continue
		}
		s.schedule(now+st.At, st)
	}
}

func (s *stepScheduler) stop() { s.due, s.waiting = nil, nil }

func (s *stepScheduler) schedule(at time.Duration, st plan.Step) {
	s.due = append(s.due, scheduledStep{at: at, step: st})
	slices.SortStableFunc(s.due, func(a, b scheduledStep) int { return cmp.Compare(a.at, b.at) })
}

// onEvent schedules the steps that wait for e, which happened to a workload at at.
func (s *stepScheduler) onEvent(at time.Duration, e record.Event, workload string) {
	s.waiting = slices.DeleteFunc(s.waiting, func(st plan.Step) bool {
		if record.Kind(st.After.Event) != e.Kind() || !s.matchesWorkload(st.After.Source, workload) {
			return false
		}
		s.schedule(at+st.After.Delay, st)
		return true
	})
}

// matchesWorkload reports whether name is that of the workload, or of an arm that
// it belongs to: an arm stands for the workloads of its version.
func (s *stepScheduler) matchesWorkload(name, workload string) bool {
	if name == workload {
		return true
	}
	for _, a := range s.plan.Arms {
		if a.Name != name {
			continue
		}
		for _, w := range s.plan.Workloads {
			if w.Name == workload {
				return w.Tag == a.Tag
			}
		}
	}
	return false
}

func (s *stepScheduler) next() (time.Duration, bool) {
	if len(s.due) == 0 {
		return 0, false
	}
	return s.due[0].at, true
}

// take removes and returns the steps that are due.
func (s *stepScheduler) take(now time.Duration) []plan.Step {
	var out []plan.Step
	for len(s.due) > 0 && s.due[0].at <= now {
		out = append(out, s.due[0].step)
		s.due = s.due[1:]
	}
	return out
}

// controlEvents are the events that a step sends to the control plane.
func controlEvents(p *plan.Plan, st plan.Step) ([]control.Event, error) {
	switch a := st.Action.(type) {
	case plan.ApplyRules:
		var out []control.Event
		for _, w := range p.Workloads {
			if _, ok := p.OnlineUnder(w.Name, a.Version); ok {
				out = append(out, control.RulesStep{Workload: w.Name, Version: a.Version})
			}
		}
		return out, nil
	case plan.Scale:
		return []control.Event{control.ScaleStep{Workload: a.Workload, Replicas: a.Replicas}}, nil
	case plan.RolloutRestart:
		return []control.Event{control.RestartStep{Workload: a.Workload}}, nil
	case plan.PauseRollout:
		return []control.Event{control.PauseStep{Workload: a.Workload}}, nil
	case plan.ResumeRollout:
		return []control.Event{control.ResumeStep{Workload: a.Workload}}, nil
	case plan.DrainNode:
		return []control.Event{control.DrainStep{Workload: a.Workload}}, nil
	case plan.SetImage:
		return []control.Event{control.ImageStep{Workload: a.Workload, Image: a.Image}}, nil
	case plan.KillPods:
		// The pod goes with its container: none comes back at its address.
		return slices.Repeat([]control.Event{control.KillStep{Workload: a.Workload, Evict: true}}, max(1, a.Count)), nil
	case plan.RestoreReplicas:
		return nil, fmt.Errorf("carrying out step %q: the number of replicas to restore is not known", st.Name)
	}
	return nil, fmt.Errorf("carrying out step %q: unknown action %T", st.Name, st.Action)
}
