package consumer

import (
	"sync/atomic"
	"time"

	"zeroloss/demo-services/settings"
)

// batchSize is how many picks are computed in advance: enough that the lock is
// rarely taken, and few enough that little work is lost when the list changes.
const batchSize = 64

// batch holds picks that were computed in advance. Each request takes one,
// without a lock. The picks that nobody took are undone before the candidate set
// is used for anything else.
type batch struct {
	candidates *candidateSet
	hosts      []Host
	reason     Reason
	picks      []int32       // indices of hosts
	validUntil time.Duration // from this time on weights or list may differ

	_     [64]byte // keeps what all requests write on another cache line than what they read
	taken atomic.Int64
	_     [56]byte
}

// exhausted is a count of taken picks that ends a batch.
const exhausted = 1 << 62

// take returns the next pick, if there is one that is valid now.
func (b *batch) take(now time.Duration) (Host, bool) {
	if b == nil || now >= b.validUntil {
		return Host{}, false
	}
	i := b.taken.Add(1) - 1
	if i >= int64(len(b.picks)) {
		return Host{}, false
	}
	return b.hosts[b.picks[i]], true
}

// newBatch computes picks for a tag. It returns nil if there is no host, or the
// tag has no set of its own.
func (v *View) newBatch(now time.Duration, wanted string) *batch {
	s := v.balancer.candidatesFor(wanted)
	if len(s.hosts) == 0 || !v.balancer.hasOwnSet(wanted) {
		return nil
	}
	s.refresh(now)
	b := &batch{candidates: s, hosts: s.hosts, reason: s.reason, validUntil: s.validUntil, picks: make([]int32, batchSize)}
	if v.cfg.Consumer.Cache == settings.CacheTTL35 {
		b.validUntil = min(b.validUntil, v.filledAt+v.cfg.Consumer.CachePeriod)
	}
	for i := range b.picks {
		b.picks[i] = int32(v.balancer.pickIndex(s, nil)) //nolint:gosec // an index of s.hosts
	}
	return b
}

// endBatch ends a batch and undoes the picks that nobody took. Those of a random
// balancer need not be undone: the next draw is as good.
func (v *View) endBatch(b *batch) {
	n := min(b.taken.Swap(exhausted), int64(len(b.picks)))
	if !v.balancer.isRandom() {
		b.candidates.undoPicks(b.picks[n:])
	}
}
