package ledger

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"zeroloss/loadgen/record"
)

// defects tells why the account cannot be trusted: what is missing, twice, or
// impossible. It is empty for a sound one.
func (b *books) defects(l *Ledger) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	out = append(out, b.in.Torn...)
	if len(b.order) == 0 {
		add("the plan has no stream: nothing was to be sent")
	}
	if b.in.Zero == 0 {
		add("time zero never came: the topology was not up, and no load began")
	}
	for _, s := range b.order {
		if s.arm == nil {
			add("stream %s belongs to arm %q, which the plan does not have", s.Name, s.Arm)
		}
		out = append(out, s.seqs.defects(s.Name, b.planned(s))...)
		if s.Due != s.Sent+s.Unsent || s.Sent != s.OK+s.Lost {
			add("stream %s: due %d, unsent %d, sent %d, ok %d, lost %d do not add up", s.Name, s.Due, s.Unsent, s.Sent, s.OK, s.Lost)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.unknown)) {
		add("%s of stream %q, which the plan does not have", counted(b.unknown[name], "request"), name)
	}
	for _, a := range l.Arms {
		out = append(out, a.imbalances()...)
	}
	if n := b.strange.backwards; n > 0 {
		add("%s ended before the beginning: a clock was set back", counted(n, "request"))
	}
	if n := b.strange.early; n > 0 {
		add("%s sent before the time: the generator does not pace", counted(n, "request"))
	}
	if n := b.strange.other; n > 0 {
		add("%s of no known class: a failure of the harness's own check", counted(n, "lost request"))
	}
	for _, name := range slices.Sorted(maps.Keys(b.in.Incomplete)) {
		add("instance %s: %s", name, b.in.Incomplete[name])
	}
	out = append(out, b.cutShort()...)
	out = append(out, b.unmeasured()...)
	out = append(out, b.unwatched()...)
	out = append(out, b.neverUp()...)
	out = append(out, b.neverDone()...)
	out = append(out, b.disobeyed()...)
	return append(out, b.neverSeen()...)
}

func counted[N int | uint64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// imbalances says which breakdown of an arm's losses does not add up to them.
func (a Arm) imbalances() []string {
	var out []string
	check := func(what string, n int) {
		if n != a.Lost {
			out = append(out, fmt.Sprintf("arm %s: losses by %s are %d, lost are %d", a.Name, what, n, a.Lost))
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

// An instance may take comingUp to be registered, beyond the delay that its
// settings ask for, and less in a run that goes faster than the clock; a
// process cannot start faster than in comingUpLeast.
const (
	comingUp      = 15 * time.Second
	comingUpLeast = 2 * time.Second
)

func (b *books) mayTake(l *life) time.Duration {
	d := comingUp
	if b.p.Speed > 1 {
		d = max(comingUpLeast, time.Duration(float64(comingUp)/b.p.Speed))
	}
	for _, w := range b.p.Workloads {
		if w.Name == l.workload {
			d += w.Settings.Online.StartUp + w.Settings.Online.Delay + w.Settings.Online.HealthEvery
		}
	}
	return d
}

// neverUp lists instances that were started and never registered, unless the
// run ended, or they were taken out, while they still might have.
func (b *books) neverUp() []string {
	var out []string
	for _, l := range b.w.order {
		started := l.since(record.KindContainerStarted, record.KindStarting)
		there := l.when[record.KindRegistered]
		if l.foreign {
			there = l.when[record.KindPodReady]
		}
		if !l.known || started == 0 || there != 0 {
			continue
		}
		until := b.w.end
		if d := l.when[record.KindPodDeleted]; d != 0 {
			until = min(until, d)
		}
		if exited := l.when[record.KindContainerExited]; exited != 0 && exited < until {
			out = append(out, fmt.Sprintf("instance %s never came up: it exited %s after its start", l.instance, ms(exited.Sub(started))))
		} else if until.Sub(started) > b.mayTake(l) {
			out = append(out, fmt.Sprintf("instance %s never came up: it was not registered %s after its start", l.instance, ms(until.Sub(started))))
		}
	}
	return out
}

// lastJob is how long before the end of the load a CronHPA job must be due to
// be missed if it did not fire.
const lastJob = time.Second

// neverDone lists what the plan was to do to the instances and nobody did:
// nothing is lost by a release that did not happen. An interrupted run is
// known to prove nothing.
func (b *books) neverDone() []string {
	if b.in.Interrupted || b.in.Zero == 0 || b.aborted() {
		return nil
	}
	type deed struct {
		kind           record.Kind
		workload, name string
	}
	var order []deed
	want, got := map[deed]int{}, map[deed]int{}
	plans := func(d deed) {
		if want[d] == 0 {
			order = append(order, d)
		}
		want[d] += max(1, b.p.Cycles)
	}
	for _, s := range b.p.Steps {
		plans(deed{record.KindStep, s.Workload(), s.Name})
	}
	for _, f := range b.p.ScheduledJobs {
		if f.At+lastJob <= b.p.Duration {
			plans(deed{record.KindCronFired, f.Workload, f.Job})
		}
	}
	for _, e := range b.in.Events {
		// A job's event has its autoscaler before its name.
		name := e.Text
		if e.Kind == record.KindCronFired {
			name = name[strings.LastIndexByte(name, '/')+1:]
		}
		got[deed{e.Kind, e.Workload, name}]++
	}
	var out []string
	for _, d := range order {
		if n := want[d] - got[d]; n > 0 {
			what := "step"
			if d.kind == record.KindCronFired {
				what = "CronHPA job"
			}
			out = append(out, fmt.Sprintf("%s %q of %s was to come %s and came %s: what it was to show was not measured",
				what, d.name, d.workload, times(want[d]), times(got[d])))
		}
	}
	return out
}

// neverSeen lists the instances that went while nothing was sent any more: it
// is when it closes that an instance loses requests.
func (b *books) neverSeen() []string {
	if b.in.Interrupted || b.aborted() {
		return nil
	}
	var out []string
	for _, r := range b.w.releases {
		if gone := r.gone(); len(r.arms) == 0 || gone != 0 && gone < b.w.end {
			continue
		}
		out = append(out, fmt.Sprintf("instance %s was taken out %s after time zero and had not closed when the load ended, at %s: its closing was not measured; give the run more time",
			r.instance, ms(r.begin.Sub(b.w.zero)), ms(b.w.end.Sub(b.w.zero))))
	}
	return out
}

func times(n int) string {
	switch n {
	case 0:
		return "never"
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}

// longStall is a stall that anybody would notice; a dial gives up after 300 ms.
const longStall = 250 * time.Millisecond

// notes are what a reader should know beside the losses.
func (b *books) notes() []Note {
	var out []Note
	ready := map[record.Instance]bool{} // a probe that fails before that is how one comes up
	probes := map[record.Instance]int{}
	for _, e := range b.in.Events {
		text := ""
		switch e.Kind {
		case record.KindHookAbandoned:
			text = "its preStop hook was abandoned: " + e.Text
		case record.KindHookFailed:
			text = "its preStop hook failed: " + e.Text
		case record.KindKillSent:
			text = "KILL was sent: " + e.Text
		case record.KindPodReady:
			ready[e.Instance] = true
		case record.KindPodDeleted: // nor is one that fails when it goes worth a word
			delete(ready, e.Instance)
		case record.KindProbeFailed:
			if !ready[e.Instance] {
				continue
			}
			if probes[e.Instance]++; probes[e.Instance] == 1 {
				text = "a probe failed: " + e.Text
			}
		case record.KindNotified:
			if e.Text == "missed" {
				text = "its notice to " + e.Peer + " was missed"
			}
		case record.KindVerified:
			if strings.HasPrefix(e.Text, "not") {
				text = "that the registry no longer shows it was " + e.Text
			}
		case record.KindTagConflict:
			text = "the carriers of a request's tag disagreed: " + e.Text
		case record.KindRuleFailed:
			text = "changed rules did not reach it: " + e.Text
		case record.KindStalled:
			if d := e.At.Sub(e.Since); d >= longStall {
				text = "its machine did not let it run for " + ms(d)
			}
		case record.KindConcluded:
			text = "the load was ended before its time: " + e.Text
		case record.KindFault:
			text = "fault: " + e.Text
		case record.KindContainerStarted:
			if e.Instance.Incarnation > 1 {
				text = fmt.Sprintf("its container was started again: start %d", e.Instance.Incarnation)
			}
		}
		if text != "" && e.At < b.w.end {
			out = append(out, Note{At: b.offset(e.At), Instance: e.Instance, Text: text})
		}
	}
	out = append(out, b.glances()...)
	slices.SortStableFunc(out, func(x, y Note) int { return cmp.Compare(x.At, y.At) })
	return out
}
