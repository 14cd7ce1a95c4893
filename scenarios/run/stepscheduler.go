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

// stepScheduler is the scenario's steps: each comes at its time, or once in a cycle
// after an event.
type stepScheduler struct {
	plan    *plan.Plan
	due     []scheduledStep
	waiting []plan.Step // for their event
}

type scheduledStep struct {
	at   time.Duration // offset from the run's beginning
	step plan.Step
}

// startCycle arms all steps for the cycle that begins at now.
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

// onEvent arms the steps that wait for e, of workload, which happened at at.
func (s *stepScheduler) onEvent(at time.Duration, e record.Event, workload string) {
	s.waiting = slices.DeleteFunc(s.waiting, func(st plan.Step) bool {
		if record.Kind(st.After.Event) != e.Kind || !s.matchesWorkload(st.After.Workload, workload) {
			return false
		}
		s.schedule(at+st.After.Delay, st)
		return true
	})
}

// matchesWorkload says whether name, a workload's or an arm's, stands for workload. An
// arm stands for the workloads of its own version.
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

// controlEvents is what a step tells the control plane.
func controlEvents(p *plan.Plan, st plan.Step) ([]control.Event, error) {
	switch st.Kind {
	case "rule":
		var out []control.Event
		for _, w := range p.Workloads {
			if _, ok := p.OnlineUnder(w.Name, st.N); ok {
				out = append(out, control.Event{Kind: control.SetRule, Workload: w.Name, N: st.N})
			}
		}
		return out, nil
	case "scale":
		return []control.Event{{Kind: control.SetScale, Workload: st.Workload, N: st.N}}, nil
	case "restart", "pause", "resume", "drain": // as the control plane calls them
		return []control.Event{{Kind: control.EventKind(st.Kind), Workload: st.Workload}}, nil
	case "image":
		return []control.Event{{Kind: control.SetImage, Workload: st.Workload, Image: st.Image}}, nil
	case "kill":
		// Killed and gone: no container comes back at its address.
		return slices.Repeat([]control.Event{{Kind: control.KillPod, Workload: st.Workload, N: 1}}, max(1, st.N)), nil
	}
	return nil, fmt.Errorf("carrying out step %q: its kind %q is unknown to this version", st.Name, st.Kind)
}
