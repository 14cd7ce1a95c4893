package ledger

import (
	"slices"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
	"zeroloss/reports/exact"
	"zeroloss/reports/ledger/history"
	"zeroloss/scenarios/plan"
)

// maxSeconds bounds the memory that a wrong clock can cost: a week.
const maxSeconds = 7 * 24 * 3600

// streamAccount counts the requests of one stream.
type streamAccount struct {
	Stream
	spec                traffic.Stream
	arm                 *armAccount // nil: the plan does not have its arm
	entry               string      // role of the service that it calls
	sequence            sequence
	firstSent, lastSent record.Micros
	seconds             []Second // since time zero
}

// second is the cell of the second of a due time; before time zero counts as
// the first.
func (s *streamAccount) second(zero, due record.Micros) *Second {
	i := min(max(0, int(due.Sub(zero)/time.Second)), maxSeconds)
	for len(s.seconds) <= i {
		s.seconds = append(s.seconds, Second{})
	}
	return &s.seconds[i]
}

// rateErrorPercent is how far the rate was from the declared one: from the
// first to the last request there should be sent − 1 intervals.
func (s *streamAccount) rateErrorPercent() float64 {
	if s.Sent < 2 || s.spec.Rate <= 0 || s.lastSent <= s.firstSent {
		return 0
	}
	rate := float64(s.Sent-1) / s.lastSent.Sub(s.firstSent).Seconds()
	return 100 * max(rate/s.spec.Rate-1, 1-rate/s.spec.Rate)
}

// armAccount counts the requests of one arm.
type armAccount struct {
	Arm
	index                       int             // in the plan
	serviceTimes, responseTimes []int64         // µs, of ok requests
	successes                   []record.Micros // when ok requests were done
	firstSent, lastDone         record.Micros
	trails                      int        // requests whose answer has a trail
	uninstrumented              bool       // a stream of it calls services that report nothing
	early                       int        // requests sent to an instance that was not registered yet
	startups                    []interval // in which an instance that it reaches came online
	startupTimes                []int64    // µs, response times of ok requests due in startups
}

func newArmAccount(index int, a plan.Arm, startups []interval) *armAccount {
	return &armAccount{index: index, startups: startups, Arm: Arm{
		Name: a.Name, Tag: a.Tag,
		MaskedByHop: map[string]int{}, ByClass: map[record.Class]int{}, ByClientClass: map[record.Class]int{},
		ByHop: map[string]int{}, ByWindow: map[Window]int{}, ByInstance: map[string]int{}, Received: map[string]int{},
	}}
}

// addStream adds the counts of one of its streams.
func (a *armAccount) addStream(s Stream) {
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

func (a *armAccount) addOK(r *record.Request) {
	a.serviceTimes = append(a.serviceTimes, int64(r.Done-r.Sent))
	a.responseTimes = append(a.responseTimes, int64(r.Done-r.Due))
	a.successes = append(a.successes, r.Done)
	if slices.ContainsFunc(a.startups, func(i interval) bool { return i.contains(r.Due) }) {
		a.startupTimes = append(a.startupTimes, int64(r.Done-r.Due))
	}
}

func (a *armAccount) addLoss(l Loss) {
	callee := "unknown"
	if l.Callee != (record.Instance{}) {
		callee = l.Callee.String()
	}
	a.ByClass[l.Class]++
	a.ByClientClass[l.ClientClass]++
	a.ByHop[l.Hop]++
	a.ByWindow[l.Window]++
	a.ByInstance[callee]++
	if l.Window == Unexplained {
		a.Unexplained++
	}
}

// trailsKnown reports whether the trails of its requests can be relied on.
func (a *armAccount) trailsKnown() bool { return !a.uninstrumented && a.trails > 0 }

// longestOutage is the longest time without a success, from the sending of the
// first request to the end of the last.
func (a *armAccount) longestOutage() time.Duration {
	if a.Sent == 0 {
		return 0
	}
	slices.Sort(a.successes)
	var longest record.Micros
	before := a.firstSent
	for _, t := range append(a.successes, a.lastDone) {
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

// instanceAccount counts the requests that reached one instance.
type instanceAccount struct {
	*history.Instance
	received, lost int
	perSecond      []int // received, by second since time zero
	byArm          []int // received; nil: none of an arm
	lastAttempt    record.Micros
	// releases are those of its service and version: an attempt at this
	// instance counts towards the rate that they lost.
	releases []*releaseAccount
}

func (i *instanceAccount) addReceived(second int) {
	i.received++
	if second < 0 || second > maxSeconds {
		return
	}
	for len(i.perSecond) <= second {
		i.perSecond = append(i.perSecond, 0)
	}
	i.perSecond[second]++
}

func (i *instanceAccount) addReceivedOf(arm, arms int) {
	if i.byArm == nil {
		i.byArm = make([]int, arms)
	}
	i.byArm[arm]++
}

// addAttempt counts an attempt that a caller (zero: the client) made at i on
// behalf of an arm (−1: none).
func (i *instanceAccount) addAttempt(caller record.Instance, arm int, at record.Micros) {
	if i == nil || at == 0 {
		return
	}
	i.lastAttempt = max(i.lastAttempt, at)
	for _, r := range i.releases {
		r.addAttempt(caller, arm, at)
	}
}

// rateWindow is how long before a release the rates of its consumers are
// measured: long enough for ±1 request to matter little.
const rateWindow = 2 * time.Second

// releaseAccount counts what concerns one release.
type releaseAccount struct {
	*history.Release
	rateSince record.Micros      // where the rate window begins; it ends when the release begins
	attempts  map[attemptKey]int // at its service and version in the rate window
	lost      map[string]int     // by arm
}

// attemptKey is the caller of attempts, and the arm that they are made for.
type attemptKey struct {
	caller record.Instance // zero: the client
	arm    int
}

func newReleaseAccount(r *history.Release, zero record.Micros) *releaseAccount {
	return &releaseAccount{
		Release: r, rateSince: max(zero, r.Began.Add(-rateWindow)), attempts: map[attemptKey]int{}, lost: map[string]int{},
	}
}

func (r *releaseAccount) addAttempt(caller record.Instance, arm int, at record.Micros) {
	if arm >= 0 && at >= r.rateSince && at < r.Began {
		r.attempts[attemptKey{caller, arm}]++
	}
}
