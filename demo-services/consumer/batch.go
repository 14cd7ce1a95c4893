package consumer

import (
	"sync/atomic"
	"time"

	"zeroloss/demo-services/settings"
)

// batchSize is how many picks are made in advance: enough that the lock is
// rarely taken, and little work lost when the list changes.
const batchSize = 64

// batch is a stretch of picks made in advance, for requests to take one each,
// without a lock. It is part of a set's turns: those that nobody took are taken
// back before the set is used otherwise.
type batch struct {
	candidates *candidateSet
	hosts      []Host
	reason     Reason
	picks      []int32       // indices of hosts
	validUntil time.Duration // a pick at this time or later is not in it: weights or list may be others

	_     [64]byte // what all write, apart from what all read
	taken atomic.Int64
	_     [56]byte
}

// takenByAll is more picks than anyone takes.
const takenByAll = 1 << 62

// take is one request's pick, if the run has one for it.
func (r *batch) take(now time.Duration) (Host, bool) {
	if r == nil || now >= r.validUntil {
		return Host{}, false
	}
	i := r.taken.Add(1) - 1
	if i >= int64(len(r.picks)) {
		return Host{}, false
	}
	return r.hosts[r.picks[i]], true
}

// newBatch makes the picks for a tag in advance. It is nil where there is nobody to
// pick, or no set is kept for the tag.
func (v *View) newBatch(now time.Duration, wanted string) *batch {
	s := v.balancer.candidatesFor(wanted)
	if len(s.hosts) == 0 || !v.balancer.hasOwnSet(wanted) {
		return nil
	}
	s.refresh(now)
	r := &batch{candidates: s, hosts: s.hosts, reason: s.reason, validUntil: s.validUntil, picks: make([]int32, batchSize)}
	if v.cfg.Consumer.Cache == settings.CacheTTL35 {
		r.validUntil = min(r.validUntil, v.filledAt+v.cfg.Consumer.CachePeriod)
	}
	for i := range r.picks {
		r.picks[i] = int32(v.balancer.pickIndex(s, nil))
	}
	return r
}

// endBatch closes a run, and takes back what nobody took. What a random balancer
// drew is left: the next draw is as good.
func (v *View) endBatch(r *batch) {
	n := min(r.taken.Swap(takenByAll), int64(len(r.picks)))
	if !v.balancer.isRandom() {
		r.candidates.undoPicks(r.picks[n:])
	}
}
