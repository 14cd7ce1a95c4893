package loadgen

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
)

// schedule returns the shard's requests of a stream in order, numbered within the
// shard. It is pure: now is an offset from time zero.
type schedule struct {
	stream      traffic.Stream
	shard       traffic.Shard
	maxLateness time.Duration
	count       uint64
	next        uint64
}

func newSchedule(s traffic.Stream, shard traffic.Shard, late time.Duration) schedule {
	return schedule{stream: s, shard: shard, maxLateness: late, count: shard.Requests(s.Count())}
}

// skipLate skips the requests that are too late to be sent: the shard's [from, to).
func (s *schedule) skipLate(now time.Duration) (from, to uint64) {
	from = s.next
	s.next = max(s.next, s.dueBy(now-s.maxLateness-1))
	return from, s.next
}

// dueBy is the number of requests due at or before t.
func (s *schedule) dueBy(t time.Duration) uint64 { return s.shard.Requests(s.stream.DueBy(t)) }

// wait is the time until the next request is due; ok is false if there is none.
func (s *schedule) wait(now time.Duration) (d time.Duration, ok bool) {
	if s.next >= s.count {
		return 0, false
	}
	return s.stream.Due(s.shard.Seq(s.next)) - now, true
}

// pacer determines when which request is sent, and keeps it until then: each
// request is either claimed once or left at the end.
type pacer struct {
	zero     time.Time // with its monotonic reading
	schedule schedule
	unsent   func(seq uint64)

	mu      sync.Mutex
	pending map[uint64]uint64 // the stream's number of each hit that is not claimed yet
}

func newPacer(plan schedule, zero time.Time, unsent func(seq uint64)) *pacer {
	return &pacer{zero: zero, schedule: plan, unsent: unsent, pending: make(map[uint64]uint64)}
}

// pace blocks until the next request is due and assigns it to hit. It returns
// false if there are no more requests or ctx is done. Only one goroutine may
// call it.
func (p *pacer) pace(ctx context.Context, timer *time.Timer, hit uint64) bool {
	for ctx.Err() == nil {
		now := time.Since(p.zero)
		for n, to := p.schedule.skipLate(now); n < to; n++ {
			p.unsent(p.schedule.shard.Seq(n))
		}
		wait, ok := p.schedule.wait(now)
		if !ok {
			return false
		}
		if wait <= 0 {
			p.mu.Lock()
			p.pending[hit] = p.schedule.shard.Seq(p.schedule.next)
			p.mu.Unlock()
			p.schedule.next++
			return true
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return false
}

// claim returns the stream's number of a hit that is about to be sent.
func (p *pacer) claim(hit uint64) (seq uint64, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	seq, ok = p.pending[hit]
	delete(p.pending, hit)
	return seq, ok
}

// finish reports as unsent what was due by the end and never claimed. pace and
// claim must not be called afterwards.
//
// If the load was stopped, vegeta may not have taken the last requests that were
// assigned just before: there the load ends, and they are not reported.
func (p *pacer) finish(end time.Time, stopped bool) {
	top := p.schedule.next
	by := end.Sub(p.zero)
	for _, seq := range slices.Backward(slices.Sorted(maps.Values(p.pending))) {
		if last := p.schedule.shard.Seq(top - 1); stopped && seq == last && p.schedule.stream.Due(seq) > by-handoverTime {
			top--
			continue
		}
		p.unsent(seq)
	}
	clear(p.pending)
	if top < p.schedule.next { // the load ended before these
		return
	}
	for due := p.schedule.dueBy(by); p.schedule.next < due; p.schedule.next++ {
		p.unsent(p.schedule.shard.Seq(p.schedule.next))
	}
}

// handoverTime is how long vegeta may take to pass a request to a worker.
const handoverTime = 100 * time.Millisecond

// due is when the stream's request seq is due.
func (p *pacer) due(seq uint64) record.Micros {
	return record.At(p.zero.Add(p.schedule.stream.Due(seq)))
}
