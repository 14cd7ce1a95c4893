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

// schedule hands out in order the requests of a stream that are the shard's,
// which it counts by themselves. It is pure: now is an offset from the plan's
// zero.
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

// skipLate passes over what is too late to be sent: the shard's [from, to).
func (s *schedule) skipLate(now time.Duration) (from, to uint64) {
	from = s.next
	s.next = max(s.next, s.dueBy(now-s.maxLateness-1))
	return from, s.next
}

// dueBy is how many are due at or before t.
func (s *schedule) dueBy(t time.Duration) uint64 { return s.shard.Requests(s.stream.DueBy(t)) }

// wait is the time until the next request is due; ok is false if there is
// none.
func (s *schedule) wait(now time.Duration) (d time.Duration, ok bool) {
	if s.next >= s.count {
		return 0, false
	}
	return s.stream.Due(s.shard.Seq(s.next)) - now, true
}

// pacer says when to send what, and remembers it until it is sent: each
// request is either claimed once or left over at the end.
type pacer struct {
	zero     time.Time // with its monotonic reading
	schedule schedule
	unsent   func(seq uint64)

	mu      sync.Mutex
	pending map[uint64]uint64 // the stream's number of a hit not yet claimed
}

func newPacer(plan schedule, zero time.Time, unsent func(seq uint64)) *pacer {
	return &pacer{zero: zero, schedule: plan, unsent: unsent, pending: make(map[uint64]uint64)}
}

// pace blocks until the next request is due and makes it the given hit. It is
// false when there is no more to be sent or ctx is done. It is for one
// goroutine.
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

// claim is the stream's number of a hit that is now to be sent.
func (p *pacer) claim(hit uint64) (seq uint64, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	seq, ok = p.pending[hit]
	delete(p.pending, hit)
	return seq, ok
}

// finish tells of all that was due by the end and never claimed. Nothing may be
// paced or claimed any more.
//
// Where the end is a stop, what was handed out in the last moment before it may
// not have been taken any more: that is where the load ends, not what it missed.
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
	if top < p.schedule.next { // the load has ended before these
		return
	}
	for due := p.schedule.dueBy(by); p.schedule.next < due; p.schedule.next++ {
		p.unsent(p.schedule.shard.Seq(p.schedule.next))
	}
}

// handoverTime is how long a request may be on its way to a worker.
const handoverTime = 100 * time.Millisecond

// due is the instant of the stream's request seq.
func (p *pacer) due(seq uint64) record.Micros {
	return record.At(p.zero.Add(p.schedule.stream.Due(seq)))
}
