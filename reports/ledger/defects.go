package ledger

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"zeroloss/internal/format"
	"zeroloss/loadgen/record"
	"zeroloss/reports/ledger/history"
)

// defectFinder finds what is missing, duplicate or impossible in an account, so
// that it cannot be trusted.
type defectFinder struct {
	in      Input
	history *history.History
	intake  *intake
	losses  []Loss
}

// defects lists what is missing, duplicate or impossible; nothing in a sound
// account.
func (f defectFinder) defects(arms []Arm) []string {
	out := slices.Clone(f.in.Torn)
	out = append(out, f.brokenPlan()...)
	out = append(out, f.brokenStreams()...)
	for _, a := range arms {
		out = append(out, a.imbalances()...)
	}
	out = append(out, f.impossibleRequests()...)
	for _, name := range slices.Sorted(maps.Keys(f.in.Incomplete)) {
		out = append(out, fmt.Sprintf("instance %s: %s", name, f.in.Incomplete[name]))
	}
	out = append(out, f.truncatedLog()...)
	out = append(out, f.unmeasuredClocks()...)
	out = append(out, f.harmfulWatchGaps()...)
	out = append(out, f.neverUp()...)
	out = append(out, f.failedHooks()...)
	out = append(out, f.missedSteps()...)
	out = append(out, f.unacknowledgedRules()...)
	return append(out, f.unfinishedReleases()...)
}

func (f defectFinder) brokenPlan() []string {
	var out []string
	if len(f.intake.streams) == 0 {
		out = append(out, "the plan has no streams, so there was nothing to send")
	}
	if f.in.Zero == 0 {
		out = append(out, "time zero was never reached: the topology did not come up, and no load was sent")
	}
	return out
}

func (f defectFinder) brokenStreams() []string {
	var out []string
	for _, s := range f.intake.streams {
		if s.arm == nil {
			out = append(out, fmt.Sprintf("stream %s belongs to arm %q, which is not in the plan", s.Name, s.Arm))
		}
		out = append(out, s.sequence.defects(s.Name, f.wanted(s))...)
		if s.Due != s.Sent+s.Unsent || s.Sent != s.OK+s.Lost {
			out = append(out, fmt.Sprintf("stream %s: due %d, unsent %d, sent %d, ok %d, lost %d do not add up", s.Name, s.Due, s.Unsent, s.Sent, s.OK, s.Lost))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.intake.unknownStreams)) {
		out = append(out, fmt.Sprintf("%s of stream %q, which is not in the plan", format.Count(f.intake.unknownStreams[name], "request"), name))
	}
	return out
}

func (f defectFinder) impossibleRequests() []string {
	var out []string
	if n := f.intake.backwards; n > 0 {
		out = append(out, format.Count(n, "request")+" with an end before its start: a clock was set back")
	}
	if n := f.intake.pacing.early; n > 0 {
		out = append(out, format.Count(n, "request")+" sent before the due time: the generator does not pace")
	}
	if n := f.intake.unclassified; n > 0 {
		out = append(out, format.Count(n, "lost request")+" of unknown class: the harness could not classify a failure")
	}
	return out
}

// imbalances says which breakdown of an arm's losses does not add up to them.
func (a Arm) imbalances() []string {
	var out []string
	check := func(what string, n int) {
		if n != a.Lost {
			out = append(out, fmt.Sprintf("arm %s: losses by %s add up to %d, not to %d", a.Name, what, n, a.Lost))
		}
	}
	check("class", sum(a.ByClass))
	check("client class", sum(a.ByClientClass))
	check("hop", sum(a.ByHop))
	check("window", sum(a.ByWindow))
	check("instance", sum(a.ByInstance))
	return out
}

func sum[K comparable](m map[K]int) (n int) {
	for _, v := range m {
		n += v
	}
	return n
}

// clockTimeout is how long an instance may take to measure its clock: eight
// exchanges, 50 ms apart, and a busy machine.
const clockTimeout = 5 * time.Second

// unmeasuredClocks lists the instances that lived for longer than that and did
// not measure their clock, although others did.
func (f defectFinder) unmeasuredClocks() []string {
	clocks := f.history.Clocks
	if clocks.Measured == 0 {
		return nil // one machine, one clock
	}
	var out []string
	for _, i := range f.history.Instances {
		until := cmp.Or(i.First(record.KindContainerExited, record.KindKillSent), f.history.LoadEnd)
		if !clocks.Has(i.ID) && i.Declared != nil && i.Instrumented && until.Sub(i.FirstSeen) > clockTimeout {
			out = append(out, "the clock of "+i.ID.String()+" was never measured, so its timestamps cannot be compared with those of others; run again")
		}
	}
	return out
}

// An instance may take startTimeout to be registered, beyond the delay that its
// settings ask for, and less in a run at a higher speed; a process cannot start
// faster than in minStartTimeout.
const (
	startTimeout    = 15 * time.Second
	minStartTimeout = 2 * time.Second
)

// neverUp lists instances that were started and never registered, unless the
// run ended, or they were taken out, while they still might have been.
func (f defectFinder) neverUp() []string {
	var out []string
	for _, i := range f.history.Instances {
		started, up := i.First(record.KindContainerStarted, record.KindStarting), i.First(record.KindRegistered)
		if i.External {
			up = i.First(record.KindPodReady)
		}
		if i.Declared == nil || started == 0 || up != 0 {
			continue
		}
		until := f.history.LoadEnd
		if d := i.First(record.KindPodDeleted); d != 0 {
			until = min(until, d)
		}
		online := i.Declared.Settings.Online
		allowed := f.scaled(startTimeout, minStartTimeout) + online.StartUp + online.Delay + online.HealthEvery
		if exited := i.First(record.KindContainerExited); exited != 0 && exited < until {
			out = append(out, fmt.Sprintf("instance %s never came up: it exited %s after its start", i.ID, format.Duration(exited.Sub(started))))
		} else if until.Sub(started) > allowed {
			out = append(out, fmt.Sprintf("instance %s never came up: it was still not registered %s after its start", i.ID, format.Duration(until.Sub(started))))
		}
	}
	return out
}

// failedHooks lists the instances that their preStop hook was to take offline, and
// whose hook failed before it did: what the run then shows is not what the
// manifest asks for.
func (f defectFinder) failedHooks() []string {
	var out []string
	for _, i := range f.history.Instances {
		for _, e := range i.Events {
			if e.Kind() == record.KindHookFailed && i.First(record.KindOffline) == 0 && f.in.Plan.HookCallsOffline(i.Workload) {
				out = append(out, fmt.Sprintf("the preStop hook of %s failed before it called /offline: %s; correct the hook, or leave /offline out of it", i.ID, e.Text))
			}
		}
	}
	return out
}

// scaled is a time-out for a run at a higher speed.
func (f defectFinder) scaled(timeout, least time.Duration) time.Duration {
	if speed := f.in.Plan.Speed; speed > 1 {
		return max(least, time.Duration(float64(timeout)/speed))
	}
	return timeout
}

// missableJob is how long before the end of the load a CronHPA job may be due and
// not count as missed.
const missableJob = time.Second

// missedSteps lists what the plan was to do to the instances and did not happen:
// a release that did not happen loses nothing. An interrupted run is known to
// prove nothing.
func (f defectFinder) missedSteps() []string {
	if f.in.Interrupted || f.in.Zero == 0 || f.aborted() {
		return nil
	}
	var order []plannedStep
	want, got := map[plannedStep]int{}, map[plannedStep]int{}
	expect := func(s plannedStep) {
		if want[s] == 0 {
			order = append(order, s)
		}
		want[s] += max(1, f.in.Plan.Cycles)
	}
	for _, s := range f.in.Plan.Steps {
		expect(plannedStep{record.KindStep, s.Workload(), s.Name})
	}
	for _, j := range f.in.Plan.ScheduledJobs {
		if j.At+missableJob <= f.in.Plan.Duration {
			expect(plannedStep{record.KindCronFired, j.Workload, j.Job})
		}
	}
	for _, e := range f.in.Events {
		switch p := e.Payload.(type) {
		case record.Step:
			got[plannedStep{e.Kind(), e.Workload, p.Name}]++
		case record.CronFired:
			got[plannedStep{e.Kind(), e.Workload, p.Job}]++
		default: // not a rule
		}
	}
	var out []string
	for _, s := range order {
		if got[s] < want[s] {
			out = append(out, fmt.Sprintf("%s ran %d of %d times, so its effect was not measured", s, got[s], want[s]))
		}
	}
	return out
}

// plannedStep is a step or a CronHPA job of the plan.
type plannedStep struct {
	kind           record.Kind
	workload, name string
}

func (s plannedStep) String() string {
	out := fmt.Sprintf("step %q", s.name)
	if s.kind == record.KindCronFired {
		out = fmt.Sprintf("CronHPA job %q", s.name)
	}
	if s.workload != "" {
		out += " of " + s.workload
	}
	return out
}

func (f defectFinder) aborted() bool { return earlyEnd(f.in.Events).Kind() == record.KindAborted }

// unfinishedReleases lists the instances that had not closed when the load
// ended: it is when it closes that an instance loses requests.
func (f defectFinder) unfinishedReleases() []string {
	if f.in.Interrupted || f.aborted() {
		return nil
	}
	var out []string
	for _, r := range f.history.Releases {
		if stopped := r.StoppedServing(); len(r.Arms) == 0 || stopped != 0 && stopped < f.history.LoadEnd {
			continue
		}
		out = append(out, fmt.Sprintf("instance %s was taken out at %s and had not closed when the load ended at %s, so its closing was not measured; give the run more time",
			r.Instance.ID, format.Duration(f.history.Offset(r.Began)), format.Duration(f.history.Offset(f.history.LoadEnd))))
	}
	return out
}
