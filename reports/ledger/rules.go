package ledger

import (
	"fmt"
	"slices"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/reports/ledger/history"
	"zeroloss/scenarios/plan"
)

// An instance may take ruleTimeout to acknowledge rules: it activates them when
// the registry has them. It has less in a run at a higher speed, but not less
// than minRuleTimeout.
const (
	ruleTimeout    = 5 * time.Second
	minRuleTimeout = time.Second
)

// unacknowledgedRules lists the instances in which rules that a step changed
// never took effect, though the instances were there to take them: such a run
// shows nothing of those rules.
func (f defectFinder) unacknowledgedRules() []string {
	var out []string
	timeout := f.scaled(ruleTimeout, minRuleTimeout)
	for _, e := range f.ruleSteps() {
		for _, i := range f.history.Instances {
			registered := i.First(record.KindRegistered)
			if _, ok := f.in.Plan.OnlineUnder(i.Workload, e.Version); !ok || !i.Instrumented || registered == 0 || acknowledged(i, e.Version) {
				continue
			}
			from, until := max(e.at, registered), f.history.LoadEnd
			if at := i.LeavingSince(); at != 0 {
				until = min(until, at)
			}
			failed, why := ruleFailure(i, e.at, until)
			if !failed && until.Sub(from) <= timeout {
				continue
			}
			out = append(out, fmt.Sprintf("instance %s never applied the rules of version %d (step %q): %s", i.ID, e.Version, e.Name, why))
		}
	}
	return out
}

// ruleSteps are the first event of each step that changed rules.
func (f defectFinder) ruleSteps() []ruleStep {
	var out []ruleStep
	for _, e := range f.in.Events {
		step, ok := e.Payload.(record.Step)
		isRule := func(s plan.Step) bool {
			a, ok := s.Action.(plan.ApplyRules)
			return ok && s.Name == step.Name && a.Version == step.Version
		}
		known := func(o ruleStep) bool { return o.Version == step.Version }
		if ok && e.At < f.history.LoadEnd && slices.ContainsFunc(f.in.Plan.Steps, isRule) && !slices.ContainsFunc(out, known) {
			out = append(out, ruleStep{step, e.At})
		}
	}
	return out
}

// ruleStep is a step that changed rules, and when.
type ruleStep struct {
	record.Step
	at record.Micros
}

// acknowledged reports whether i acknowledged rules of a version, or of a later
// one.
func acknowledged(i *history.Instance, version int) bool {
	return slices.ContainsFunc(i.Events, func(e record.Event) bool {
		applied, ok := e.Payload.(record.SettingsApplied)
		return ok && applied.Version >= version
	})
}

// ruleFailure finds out whether rules failed to reach i between two instants, and
// why they are not in effect.
func ruleFailure(i *history.Instance, from, until record.Micros) (failed bool, why string) {
	for _, e := range i.Events {
		if e.Kind() == record.KindRuleFailed && e.At >= from && e.At < until {
			return true, e.Text
		}
	}
	return false, "it did not acknowledge them"
}
