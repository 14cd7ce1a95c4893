package consumer

import (
	"sync/atomic"
	"time"

	"zeroloss/demo-services/settings"
)

// runLength is how many picks are made in advance: enough that the lock is
// rarely taken, and little work lost when the list changes.
const runLength = 64

// run is a stretch of picks made in advance, for requests to take one each,
// without a lock. It is part of a set's turns: those that nobody took are taken
// back before the set is used otherwise.
type run struct {
	set    *set
	hosts  []Host
	reason Reason
	order  []int32       // indices of hosts
	until  time.Duration // a pick at this time or later is not in it: weights or list may be others

	_     [64]byte // what all write, apart from what all read
	taken atomic.Int64
	_     [56]byte
}

// closed is more picks than anyone takes.
const closed = 1 << 62

// take is one request's pick, if the run has one for it.
func (r *run) take(now time.Duration) (Host, bool) {
	if r == nil || now >= r.until {
		return Host{}, false
	}
	i := r.taken.Add(1) - 1
	if i >= int64(len(r.order)) {
		return Host{}, false
	}
	return r.hosts[r.order[i]], true
}

// run makes the picks for a tag in advance. It is nil where there is nobody to
// pick, or no set is kept for the tag.
func (v *View) run(now time.Duration, wanted string) *run {
	s := v.picks.of(wanted)
	if len(s.hosts) == 0 || !v.picks.kept(wanted) {
		return nil
	}
	s.weigh(now)
	r := &run{set: s, hosts: s.hosts, reason: s.reason, until: s.until, order: make([]int32, runLength)}
	if v.cfg.Consumer.Cache == settings.CacheTTL35 {
		r.until = min(r.until, v.filledAt+v.cfg.Consumer.CachePeriod)
	}
	for i := range r.order {
		r.order[i] = int32(v.picks.one(s, nil))
	}
	return r
}

// end closes a run, and takes back what nobody took. What a random balancer
// drew is left: the next draw is as good.
func (v *View) end(r *run) {
	n := min(r.taken.Swap(closed), int64(len(r.order)))
	if !v.picks.random() {
		r.set.takeBack(r.order[n:])
	}
}
