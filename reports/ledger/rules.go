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
func (f fitness) unacknowledgedRules() []string {
	var out []string
	timeout := f.scaled(ruleTimeout, minRuleTimeout)
	for _, e := range f.ruleSteps() {
		for _, i := range f.history.Instances {
			registered := i.First(record.KindRegistered)
			if _, ok := f.in.Plan.OnlineUnder(i.Workload, int(e.N)); !ok || !i.Instrumented || registered == 0 || acknowledged(i, e.N) {
				continue
			}
			from, until := max(e.At, registered), f.history.LoadEnd
			if at := i.LeavingSince(); at != 0 {
				until = min(until, at)
			}
			failed, why := ruleFailure(i, e.At, until)
			if !failed && until.Sub(from) <= timeout {
				continue
			}
			out = append(out, fmt.Sprintf("instance %s never applied the rules of version %d (step %q): %s", i.ID, e.N, e.Text, why))
		}
	}
	return out
}

// ruleSteps are the first event of each step that changed rules.
func (f fitness) ruleSteps() []record.Event {
	var out []record.Event
	for _, e := range f.in.Events {
		isRule := func(s plan.Step) bool {
			a, ok := s.Action.(plan.ApplyRules)
			return ok && s.Name == e.Text && int64(a.Version) == e.N
		}
		known := func(o record.Event) bool { return o.N == e.N }
		if e.Kind == record.KindStep && e.At < f.history.LoadEnd && slices.ContainsFunc(f.in.Plan.Steps, isRule) && !slices.ContainsFunc(out, known) {
			out = append(out, e)
		}
	}
	return out
}

// acknowledged reports whether i acknowledged rules of a version, or of a later
// one.
func acknowledged(i *history.Instance, version int64) bool {
	return slices.ContainsFunc(i.Events, func(e record.Event) bool { return e.Kind == record.KindSettingsApplied && e.N >= version })
}

// ruleFailure tells whether rules failed to reach i between two instants, and
// why they are not in effect.
func ruleFailure(i *history.Instance, from, until record.Micros) (failed bool, why string) {
	for _, e := range i.Events {
		if e.Kind == record.KindRuleFailed && e.At >= from && e.At < until {
			return true, e.Text
		}
	}
	return false, "it did not acknowledge them"
}
