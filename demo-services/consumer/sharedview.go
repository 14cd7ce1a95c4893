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
// Pick is lock-free on its fast path: it takes a pick from a batch that was
// computed in advance. A caller that finds the batch empty or stale computes the
// next one. The sequence of picks equals that of [View.Pick].
type SharedView struct {
	// OnFill, if not nil, gets the step that a pick made: a ttl35 cache is filled
	// by the call that finds it stale, within Pick. All actions are notes. OnFill
	// is called with the view's lock held and must not call the view.
	OnFill func(now time.Duration, e Event, out []Action)

	mu      sync.Mutex
	view    *View
	batches atomic.Pointer[map[string]*batchSlot] // by wanted tag; the map is replaced under mu and never written
}

// batchSlot holds the current batch of one tag; nil: none.
type batchSlot struct{ batch atomic.Pointer[batch] }

// NewSharedView returns a SharedView of a new View.
func NewSharedView(cfg Config) *SharedView {
	v := &SharedView{view: New(cfg)}
	v.batches.Store(&map[string]*batchSlot{})
	return v
}

// Step calls [View.Step].
func (v *SharedView) Step(now time.Duration, e Event) []Action {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.endBatches()
	return v.view.Step(now, e)
}

// Next calls [View.Next].
func (v *SharedView) Next() (time.Duration, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.view.Next()
}

// Pick returns what [View.Pick] would return.
func (v *SharedView) Pick(now time.Duration, wanted string, tried ...record.Instance) (Host, Reason, error) {
	if len(tried) == 0 {
		if h, reason, ok := v.TryPick(now, wanted); ok {
			return h, reason, nil
		}
	}
	return v.pickLocked(now, wanted, tried)
}

// TryPick returns a pick that was computed in advance, if there is one. It is for
// requests that have not tried an instance yet. It takes no lock and steps
// nothing.
func (v *SharedView) TryPick(now time.Duration, wanted string) (Host, Reason, bool) {
	s := (*v.batches.Load())[v.view.balancer.setKey(wanted)]
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

// pickLocked picks if there is no batch to take from.
func (v *SharedView) pickLocked(now time.Duration, wanted string, tried []record.Instance) (Host, Reason, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.view.Stale(now) {
		v.endBatches()
		v.fill(now)
	}
	s := v.slot(wanted)
	r := s.batch.Load()
	if len(tried) == 0 {
		if h, ok := r.take(now); ok { // another caller has computed a batch meanwhile
			return h, r.reason, nil
		}
	}
	v.endBatch(s)
	if len(tried) == 0 {
		r = v.view.newBatch(now, wanted)
		s.batch.Store(r)
		if h, ok := r.take(now); ok {
			return h, r.reason, nil
		}
		v.endBatch(s)
	}
	return v.view.Pick(now, wanted, tried...)
}

// slot returns the slot of a tag. At most maxSets of them are kept.
func (v *SharedView) slot(wanted string) *batchSlot {
	tag := v.view.balancer.setKey(wanted)
	slots := *v.batches.Load()
	if s := slots[tag]; s != nil {
		return s
	}
	s := &batchSlot{}
	if len(slots) < maxSets {
		slots = maps.Clone(slots)
		slots[tag] = s
		v.batches.Store(&slots)
	}
	return s
}

// endBatches ends all batches, so that the view is in the state that picks one by
// one would have left.
func (v *SharedView) endBatches() {
	for _, s := range *v.batches.Load() {
		v.endBatch(s)
	}
}

func (v *SharedView) endBatch(s *batchSlot) {
	if r := s.batch.Swap(nil); r != nil {
		v.view.endBatch(r)
	}
}

func (v *SharedView) fill(now time.Duration) {
	e := Event{Kind: CacheMiss}
	out := v.view.Step(now, e)
	if v.OnFill != nil {
		v.OnFill(now, e, out)
	}
}

// Hosts calls [View.Hosts].
func (v *SharedView) Hosts() []Host {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.view.Hosts()
}
