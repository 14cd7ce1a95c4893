package consumer

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"zeroloss/loadgen/record"
)

// SharedView is a View for concurrent use: requests pick from it while a
// machine.Loop steps it. It is a machine.Machine itself.
//
// Requests take their picks without a lock from a run of picks that was made in
// advance; who finds it used up or too old makes the next one. One after the
// other, they are the picks that the View would make.
type SharedView struct {
	// Filled, if not nil, takes the step that a pick has made: a ttl35 cache
	// is filled by the call that finds it stale, within Pick. The actions are
	// notes. It is called under the view's lock and must not call back.
	OnFill func(now time.Duration, e Event, out []Action)

	mu      sync.Mutex
	view    *View
	batches atomic.Pointer[map[string]*batchSlot] // by tag wanted; replaced under mu, never written
}

// batchSlot is where the current run of one tag is; nil is none.
type batchSlot struct{ batch atomic.Pointer[batch] }

// NewSharedView wraps a new View.
func NewSharedView(cfg Config) *SharedView {
	l := &SharedView{view: New(cfg)}
	l.batches.Store(&map[string]*batchSlot{})
	return l
}

// Step is [View.Step].
func (l *SharedView) Step(now time.Duration, e Event) []Action {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.endBatches()
	return l.view.Step(now, e)
}

// Next is [View.Next].
func (l *SharedView) Next() (time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.view.Next()
}

// Pick is [View.Pick].
func (l *SharedView) Pick(now time.Duration, wanted string, tried ...record.Instance) (Host, Reason, error) {
	if len(tried) == 0 {
		if h, reason, ok := l.TryPick(now, wanted); ok {
			return h, reason, nil
		}
	}
	return l.pick(now, wanted, tried)
}

// TryPick is the pick of a request that tried nobody yet, where one was made in
// advance. It takes no lock, and steps nothing.
func (l *SharedView) TryPick(now time.Duration, wanted string) (Host, Reason, bool) {
	s := (*l.batches.Load())[l.view.balancer.setKey(wanted)]
	if s == nil {
		return Host{}, Reason{}, false
	}
	r := s.batch.Load()
	h, ok := r.take(now)
	if !ok {
		return Host{}, Reason{}, false
	}
	return h, r.reason, true
}

// pick is a pick for which there is no run.
func (l *SharedView) pick(now time.Duration, wanted string, tried []record.Instance) (Host, Reason, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.view.Stale(now) {
		l.endBatches()
		l.fill(now)
	}
	s := l.slot(wanted)
	r := s.batch.Load()
	if len(tried) == 0 {
		if h, ok := r.take(now); ok { // another made it meanwhile
			return h, r.reason, nil
		}
	}
	l.endBatch(s)
	if len(tried) == 0 {
		r = l.view.newBatch(now, wanted)
		s.batch.Store(r)
		if h, ok := r.take(now); ok {
			return h, r.reason, nil
		}
		l.endBatch(s)
	}
	return l.view.Pick(now, wanted, tried...)
}

// slot is the tag's slot; there are as many as the view keeps sets.
func (l *SharedView) slot(wanted string) *batchSlot {
	tag := l.view.balancer.setKey(wanted)
	slots := *l.batches.Load()
	if s := slots[tag]; s != nil {
		return s
	}
	s := &batchSlot{}
	if len(slots) < maxSets {
		slots = maps.Clone(slots)
		slots[tag] = s
		l.batches.Store(&slots)
	}
	return s
}

// endBatches ends all runs, so that the view is as if its picks had been made one
// by one.
func (l *SharedView) endBatches() {
	for _, s := range *l.batches.Load() {
		l.endBatch(s)
	}
}

func (l *SharedView) endBatch(s *batchSlot) {
	if r := s.batch.Swap(nil); r != nil {
		l.view.endBatch(r)
	}
}

func (l *SharedView) fill(now time.Duration) {
	e := Event{Kind: CacheMiss}
	out := l.view.Step(now, e)
	if l.OnFill != nil {
		l.OnFill(now, e, out)
	}
}

// Hosts is [View.Hosts].
func (l *SharedView) Hosts() []Host {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.view.Hosts()
}
