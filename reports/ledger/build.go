package ledger

import (
	"cmp"
	"slices"
	"strings"

	"zeroloss/loadgen/record"
	"zeroloss/reports/exact"
	"zeroloss/reports/ledger/history"
	"zeroloss/reports/ledger/warmup"
	"zeroloss/scenarios/plan"
)

// confidence of the bounds and intervals in a ledger.
const confidence = 0.95

// Build accounts for a run. It never fails: what is missing or does not add up
// is listed in Defects, and the counts are those of what is there.
func Build(in Input) *Ledger {
	if in.Plan == nil {
		in.Plan = &plan.Plan{}
	}
	b := &builder{in: in, history: history.New(in.Plan, in.Zero, in.Events)}
	b.warmups = warmup.NewMeter(b.history)
	b.intake = newIntake(b.history, b.warmups)
	for i := range in.Requests {
		b.intake.add(&in.Requests[i])
	}
	return b.ledger()
}

// builder makes a ledger from the parts of the account.
type builder struct {
	in      Input
	history *history.History
	intake  *intake
	warmups *warmup.Meter
}

func (b *builder) ledger() *Ledger {
	h, n := b.history, b.intake
	l := &Ledger{
		Zero: b.in.Zero, Interrupted: b.in.Interrupted, Losses: n.losses, Seconds: map[string][]Second{},
	}
	if end := earlyEnd(b.in.Events); end.Kind() == record.KindAborted {
		l.Aborted, l.AbortText = true, end.Text
	}
	if n.lastDone != 0 {
		l.Duration = max(0, h.Offset(n.lastDone))
	}
	slices.SortStableFunc(l.Losses, func(x, y Loss) int {
		return cmp.Or(cmp.Compare(x.Due, y.Due), strings.Compare(x.Stream, y.Stream), cmp.Compare(x.Seq, y.Seq))
	})
	for _, s := range n.streams {
		l.Streams = append(l.Streams, s.Stream)
		l.Seconds[s.Name] = s.seconds
		if s.arm != nil {
			s.arm.addStream(s.Stream)
		}
	}
	p := newPredictor(h, n)
	for _, r := range n.releases {
		l.Releases = append(l.Releases, b.release(r, p))
	}
	for _, a := range n.arms {
		l.Arms = append(l.Arms, b.arm(a, l.Releases, p))
	}
	l.Instances = b.instances()
	l.Pushes = b.pushes()
	l.Propagations = propagations(h)
	l.Clock = Clock{
		Measured: h.Clocks.Measured, Corrected: h.Clocks.Corrected, Uncertainty: h.Clocks.Worst, WorstClock: h.Clocks.WorstName,
		UncertainLosses: n.uncertain, PushDelay: b.in.Plan.PushDelay,
	}
	l.Warmups = b.warmups.Result()
	l.Generator = n.pacing.result(n.streams, h.Releases)
	f := defectFinder{in: b.in, history: h, intake: n, losses: l.Losses}
	l.Notes = f.notes()
	for _, e := range b.in.Events {
		if e.Kind() == record.KindHostStats {
			l.HostStats = append(l.HostStats, e)
		}
	}
	l.Defects = f.defects(l.Arms)
	return l
}

// arm finishes the figures of one arm.
func (b *builder) arm(a *armAccount, releases []Release, p *predictor) Arm {
	for _, i := range b.intake.instances {
		if i.byArm != nil && i.byArm[a.index] > 0 {
			a.Received[i.ID.String()] = i.byArm[a.index]
		}
	}
	if !a.trailsKnown() {
		a.Masked = nil // the attempts of its callers cannot be seen
	}
	var terms []string
	lossy := 0
	for i, r := range b.intake.releases {
		if !slices.Contains(r.Arms, a.index) {
			continue
		}
		a.Releases++
		if releases[i].LostByArm[a.Name] > 0 {
			lossy++
		}
		x := p.predict(r, a.index)
		low, high := x.bounds()
		a.PredictedLow += low
		a.PredictedHigh += high
		terms = append(terms, x.text(r.Release))
		a.StaleRoute = max(a.StaleRoute, releases[i].StaleRoute)
	}
	a.PredictionBasis = strings.Join(terms, "; ")
	a.LossUpper95 = exact.RateUpper(a.Lost, a.Sent, confidence)
	a.ReleaseLossUpper95 = exact.BinomialUpper(lossy, a.Releases, confidence)
	a.LongestOutage = a.longestOutage()
	a.ServiceTime, a.ResponseTime = latency(a.serviceTimes), latency(a.responseTimes)
	b.addStartup(a)
	return a.Arm
}

func (b *builder) release(r *releaseAccount, p *predictor) Release {
	h, i := b.history, r.Instance
	attempt := b.intake.account(i).lastAttempt
	out := Release{
		Instance: i.ID, Workload: i.Workload, Service: i.Service, Tag: i.Tag,
		At: h.Offset(r.Began), Planned: r.Planned, Reason: string(r.Reason),
		Offline: h.OptionalOffset(r.Offline), Deregistered: h.OptionalOffset(r.Deregistered), LastHeard: h.OptionalOffset(r.LastHeardAt()),
		ListenerClosed: h.OptionalOffset(r.Closed), Exited: h.OptionalOffset(r.Exited), LastAttempt: h.OptionalOffset(attempt),
		LostByArm: r.lost, Unpredicted: i.External,
	}
	if r.Deregistered != 0 && attempt > r.Deregistered {
		out.StaleRoute = attempt.Sub(r.Deregistered)
	}
	for _, n := range r.lost {
		out.Lost += n
	}
	for _, arm := range r.Arms {
		out.Arms = append(out.Arms, b.intake.arms[arm].Name)
		low, high := p.predict(r, arm).bounds()
		out.PredictedLow += low
		out.PredictedHigh += high
		out.Rate += p.rate(r, arm)
	}
	return out
}

// instances are those of the plan's workloads, by workload in the plan's order,
// then by time.
func (b *builder) instances() []Instance {
	rank := map[string]int{}
	for i, w := range b.in.Plan.Workloads {
		rank[w.Name] = i
	}
	until := max(b.in.End, b.intake.lastDone)
	if until == 0 && len(b.in.Events) > 0 {
		until = b.in.Events[len(b.in.Events)-1].At
	}
	accounts := slices.DeleteFunc(slices.Clone(b.intake.instances), func(i *instanceAccount) bool { return i.Declared == nil })
	slices.SortStableFunc(accounts, func(x, y *instanceAccount) int {
		return cmp.Or(cmp.Compare(rank[x.Workload], rank[y.Workload]), cmp.Compare(x.FirstSeen, y.FirstSeen),
			strings.Compare(x.ID.String(), y.ID.String()))
	})
	out := make([]Instance, 0, len(accounts))
	for _, i := range accounts {
		one := Instance{
			Instance: i.ID, Workload: i.Workload, Service: i.Service, Tag: i.Tag, Milestones: milestones(b.history, i.Instance),
			Received: i.received, Lost: i.lost, PerSecond: i.perSecond, Incomplete: b.in.Incomplete[i.ID.String()],
		}
		for _, p := range i.Phases(until) {
			one.Phases = append(one.Phases, Phase{Name: p.Name, From: b.history.Offset(p.From), To: b.history.Offset(p.To)})
		}
		out = append(out, one)
	}
	return out
}

// pushes are those of the registry that tell of changes under load.
func (b *builder) pushes() []Push {
	var out []Push
	for _, p := range b.history.Pushes {
		if p.FirstChange == 0 || !b.history.UnderLoad(p.FirstChange) || p.At < p.FirstChange {
			continue
		}
		out = append(out, Push{
			Service: p.Service, Subscriber: p.Subscriber,
			Changed: b.history.Offset(p.FirstChange), Acked: b.history.Offset(p.At), Took: p.At.Sub(p.FirstChange),
		})
	}
	return out
}
