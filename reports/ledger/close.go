package ledger

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/reports/exact"
)

// close draws the line under the account.
func (b *books) close() *Ledger {
	l := &Ledger{
		Zero: b.in.Zero, Interrupted: b.in.Interrupted, Losses: b.losses, Seconds: b.seconds,
	}
	if kind, why := b.ended(); kind == record.KindAborted {
		l.Aborted = why
	}
	if b.last != 0 {
		l.Duration = max(0, b.offset(b.last))
	}
	slices.SortStableFunc(l.Losses, func(x, y Loss) int {
		return cmp.Or(cmp.Compare(x.Due, y.Due), strings.Compare(x.Stream, y.Stream), cmp.Compare(x.Seq, y.Seq))
	})
	for _, s := range b.order {
		l.Streams = append(l.Streams, s.Stream)
		if s.arm != nil {
			s.arm.add(s.Stream)
		}
	}
	b.sumReceived()
	for _, r := range b.w.releases {
		l.Releases = append(l.Releases, b.release(r))
	}
	for _, a := range b.arms {
		l.Arms = append(l.Arms, b.arm(a, l.Releases))
	}
	l.Instances = b.instances()
	l.Pushes = b.pushes()
	l.Propagations, l.Clock = b.propagations(), b.clocks.sum
	l.Warmups = b.warmups()
	l.Generator = b.generator()
	l.Notes = b.notes()
	for _, e := range b.in.Events {
		if e.Kind == record.KindHostStats {
			l.HostStats = append(l.HostStats, e)
		}
	}
	l.Defects = b.defects(l)
	return l
}

func (a *armBook) add(s Stream) {
	a.Due += s.Due
	a.Unsent += s.Unsent
	a.Sent += s.Sent
	a.OK += s.OK
	a.Lost += s.Lost
	n := s.Masked
	if a.Masked != nil {
		n += *a.Masked
	}
	a.Masked = &n
}

func (b *books) sumReceived() {
	for _, l := range b.w.order {
		for i, n := range l.arms {
			if n > 0 {
				b.arms[i].Received[l.instance.String()] = n
			}
		}
	}
}

const confidence = 0.95

// arm finishes one arm's figures.
func (b *books) arm(a *armBook, releases []Release) Arm {
	if a.blind || a.trails == 0 {
		a.Masked = nil // callers whose attempts cannot be seen
	}
	var why []string
	lossy := 0
	for i, r := range b.w.releases {
		if !slices.Contains(r.arms, a.index) {
			continue
		}
		a.Releases++
		if releases[i].LostByArm[a.Name] > 0 {
			lossy++
		}
		p := b.predict(r, a.index)
		low, high := p.bounds()
		a.PredictedLow += low
		a.PredictedHigh += high
		why = append(why, p.why(r))
		a.StaleRoute = max(a.StaleRoute, releases[i].StaleRoute)
	}
	a.PredictionBasis = strings.Join(why, "; ")
	a.LossUpper95 = exact.RateUpper(a.Lost, a.Sent, confidence)
	a.ReleaseLossUpper95 = exact.BinomialUpper(lossy, a.Releases, confidence)
	a.LongestOutage = a.longestGap()
	a.ServiceTime, a.ResponseTime = latency(a.service), latency(a.response)
	b.online(a)
	return a.Arm
}

// longestGap is the longest time without a success, from the first request's
// sending to the last one's end.
func (a *armBook) longestGap() time.Duration {
	if a.Sent == 0 {
		return 0
	}
	slices.Sort(a.oks)
	var longest record.Micros
	before := a.first
	for _, t := range append(a.oks, a.last) {
		longest = max(longest, t-before)
		before = t
	}
	return time.Duration(longest) * time.Microsecond
}

func latency(us []int64) Latency {
	slices.Sort(us)
	q := func(p float64) time.Duration { return time.Duration(exact.Quantile(us, p)) * time.Microsecond }
	return Latency{P50: q(0.5), P90: q(0.9), P99: q(0.99), P999: q(0.999), Max: q(1)}
}

func (b *books) release(r *release) Release {
	out := Release{
		Instance: r.instance, Workload: r.workload, Service: r.service, Tag: r.tag,
		At: b.offset(r.begin), Planned: r.planned, Reason: r.why,
		Offline: b.ptr(r.offline), Deregistered: b.ptr(r.dereg), LastHeard: b.ptr(r.lastHeard()),
		ListenerClosed: b.ptr(r.closed), Exited: b.ptr(r.exited), LastAttempt: b.ptr(r.lastAttempt),
		LostByArm: r.lost, Unpredicted: r.foreign,
	}
	if r.dereg != 0 && r.lastAttempt > r.dereg {
		out.StaleRoute = r.lastAttempt.Sub(r.dereg)
	}
	for _, n := range r.lost {
		out.Lost += n
	}
	for _, arm := range r.arms {
		out.Arms = append(out.Arms, b.arms[arm].Name)
		p := b.predict(r, arm)
		low, high := p.bounds()
		out.PredictedLow += low
		out.PredictedHigh += high
		out.Rate += b.rate(r, arm)
	}
	return out
}

// instances are the life lines: by workload as the plan has them, then by
// time.
func (b *books) instances() []Instance {
	place := map[string]int{}
	for i, w := range b.p.Workloads {
		place[w.Name] = i
	}
	until := max(b.in.End, b.last)
	if until == 0 && len(b.in.Events) > 0 {
		until = b.in.Events[len(b.in.Events)-1].At
	}
	lives := slices.DeleteFunc(slices.Clone(b.w.order), func(l *life) bool { return !l.known })
	slices.SortStableFunc(lives, func(x, y *life) int {
		return cmp.Or(cmp.Compare(place[x.workload], place[y.workload]), cmp.Compare(x.first, y.first),
			strings.Compare(x.instance.String(), y.instance.String()))
	})
	out := make([]Instance, 0, len(lives))
	for _, l := range lives {
		phases, marks := b.lifeline(l, until)
		out = append(out, Instance{
			Instance: l.instance, Workload: l.workload, Service: l.service, Tag: l.tag,
			Phases: phases, Milestones: marks, Received: l.received, Lost: l.lost, PerSecond: l.perSecond,
			Incomplete: b.in.Incomplete[l.instance.String()],
		})
	}
	return out
}

// pushes are the registry's, of changes within the load.
func (b *books) pushes() []Push {
	var out []Push
	for _, p := range b.w.pushes {
		if p.Since < b.w.zero || p.Since == 0 || p.Since >= b.w.end || p.At < p.Since {
			continue
		}
		out = append(out, Push{
			Service: p.Service, Subscriber: p.Peer,
			Changed: b.offset(p.Since), Acked: b.offset(p.At), Took: p.At.Sub(p.Since),
		})
	}
	return out
}

// nearRelease is the stretch around a release event within which the
// generator may leave out nothing.
const nearRelease = 2 * time.Second

// tooLate is how late a request may be sent there: half of what a registry
// takes to tell. A generator that stalls while a release loses requests, and
// sends them when all have heard of it, would see none of the loss, and its
// 99th percentile over the whole run would not show that.
const tooLate = 250 * time.Millisecond

func (b *books) generator() Generator {
	var g Generator
	for _, s := range b.order {
		g.Due += s.Due
		g.Sent += s.Sent
		g.Unsent += s.Unsent
		g.RateErrorPercent = max(g.RateErrorPercent, s.rateError())
	}
	slices.Sort(b.slips)
	q := func(p float64) time.Duration { return time.Duration(exact.Quantile(b.slips, p)) * time.Microsecond }
	g.SlipP50, g.SlipP99, g.SlipMax = q(0.5), q(0.99), q(1)
	g.UnsentNearRelease, g.LateNearRelease = b.w.nearReleases(b.w.unsentAt), b.w.nearReleases(b.w.lateAt)
	return g
}

// nearReleases counts the instants that are near a release.
func (w *world) nearReleases(all []record.Micros) (n int) {
	for _, t := range all {
		if slices.ContainsFunc(w.releases, func(r *release) bool { return r.near(t) }) {
			n++
		}
	}
	return n
}

// near reports whether t is within nearRelease of one of r's events.
func (r *release) near(t record.Micros) bool {
	for _, at := range []record.Micros{r.begin, r.offline, r.dereg, r.closed, r.exited, r.lastHeard()} {
		if near(t, at, nearRelease) {
			return true
		}
	}
	return false
}

// rateError is how far a stream's rate was off, percent of what was declared:
// from its first to its last request there should be sent − 1 gaps.
func (s *streamBook) rateError() float64 {
	if s.Sent < 2 || s.spec.Rate <= 0 || s.last <= s.first {
		return 0
	}
	rate := float64(s.Sent-1) / s.last.Sub(s.first).Seconds()
	return 100 * max(rate/s.spec.Rate-1, 1-rate/s.spec.Rate)
}
