package ledger

import (
	"slices"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/reports/exact"
	"zeroloss/reports/ledger/history"
)

// earlySlack is how long before its due time a request may be sent.
const earlySlack = 2 * time.Millisecond

const (
	// NearRelease is the time around an instant of a release in which the
	// generator must send everything.
	NearRelease = 2 * time.Second
	// MaxLatenessNearRelease is how late a request may be sent there: half of what
	// a registry takes to propagate a change. A generator that stalls while a release loses
	// requests, and sends them after all consumers have been updated, would see none
	// of the loss, and the 99th percentile over the whole run would not show that.
	MaxLatenessNearRelease = 250 * time.Millisecond
)

// pacing is how well the generator kept to the due times.
type pacing struct {
	slips  []int64         // µs that each request was sent late
	unsent []record.Micros // due times of requests that were not sent
	late   []record.Micros // due times of requests that were sent too late
	early  int             // requests that were sent before they were due
}

func (p *pacing) addUnsent(r *record.Request) { p.unsent = append(p.unsent, r.Due) }

func (p *pacing) addSent(r *record.Request) {
	p.slips = append(p.slips, max(0, int64(r.Sent-r.Due)))
	if r.Sent > r.Due.Add(MaxLatenessNearRelease) {
		p.late = append(p.late, r.Due)
	}
	if r.Sent < r.Due.Add(-earlySlack) {
		p.early++
	}
}

func (p *pacing) result(streams []*streamAccount, releases []*history.Release) Generator {
	var g Generator
	for _, s := range streams {
		g.Due += s.Due
		g.Sent += s.Sent
		g.Unsent += s.Unsent
		g.RateErrorPercent = max(g.RateErrorPercent, s.rateErrorPercent())
	}
	slices.Sort(p.slips)
	q := func(share float64) time.Duration {
		return time.Duration(exact.Quantile(p.slips, share)) * time.Microsecond
	}
	g.SlipP50, g.SlipP99, g.SlipMax = q(0.5), q(0.99), q(1)
	g.UnsentNearRelease, g.LateNearRelease = countNear(p.unsent, releases), countNear(p.late, releases)
	return g
}

// countNear counts the instants that are near a release.
func countNear(instants []record.Micros, releases []*history.Release) (n int) {
	for _, t := range instants {
		if slices.ContainsFunc(releases, func(r *history.Release) bool { return r.Near(t, NearRelease) }) {
			n++
		}
	}
	return n
}
