package consumer

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"zeroloss/loadgen/record"
)

// Live is a View for concurrent use: requests pick from it while a
// machine.Loop steps it. It is a machine.Machine itself.
//
// Requests take their picks without a lock from a run of picks that was made in
// advance; who finds it used up or too old makes the next one. One after the
// other, they are the picks that the View would make.
type Live struct {
	// Filled, if not nil, takes the step that a pick has made: a ttl35 cache
	// is filled by the call that finds it stale, within Pick. The actions are
	// notes. It is called under the view's lock and must not call back.
	Filled func(now time.Duration, e Event, out []Action)

	mu   sync.Mutex
	view *View
	runs atomic.Pointer[map[string]*slot] // by tag wanted; replaced under mu, never written
}

// slot is where the current run of one tag is; nil is none.
type slot struct{ run atomic.Pointer[run] }

// NewLive wraps a new View.
func NewLive(cfg Config) *Live {
	l := &Live{view: New(cfg)}
	l.runs.Store(&map[string]*slot{})
	return l
}

// Step is [View.Step].
func (l *Live) Step(now time.Duration, e Event) []Action {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settle()
	return l.view.Step(now, e)
}

// Next is [View.Next].
func (l *Live) Next() (time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.view.Next()
}

// Pick is [View.Pick].
func (l *Live) Pick(now time.Duration, wanted string, tried ...record.Instance) (Host, Reason, error) {
	if len(tried) == 0 {
		if h, reason, ok := l.Ready(now, wanted); ok {
			return h, reason, nil
		}
	}
	return l.pick(now, wanted, tried)
}

// Ready is the pick of a request that tried nobody yet, where one was made in
// advance. It takes no lock, and steps nothing.
func (l *Live) Ready(now time.Duration, wanted string) (Host, Reason, bool) {
	s := (*l.runs.Load())[l.view.picks.tag(wanted)]
	if s == nil {
		return Host{}, Reason{}, false
	}
	r := s.run.Load()
	h, ok := r.take(now)
	if !ok {
		return Host{}, Reason{}, false
	}
	return h, r.reason, true
}

// pick is a pick for which there is no run.
func (l *Live) pick(now time.Duration, wanted string, tried []record.Instance) (Host, Reason, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.view.Stale(now) {
		l.settle()
		l.fill(now)
	}
	s := l.slot(wanted)
	r := s.run.Load()
	if len(tried) == 0 {
		if h, ok := r.take(now); ok { // another made it meanwhile
			return h, r.reason, nil
		}
	}
	l.end(s)
	if len(tried) == 0 {
		r = l.view.run(now, wanted)
		s.run.Store(r)
		if h, ok := r.take(now); ok {
			return h, r.reason, nil
		}
		l.end(s)
	}
	return l.view.Pick(now, wanted, tried...)
}

// slot is the tag's slot; there are as many as the view keeps sets.
func (l *Live) slot(wanted string) *slot {
	tag := l.view.picks.tag(wanted)
	slots := *l.runs.Load()
	if s := slots[tag]; s != nil {
		return s
	}
	s := &slot{}
	if len(slots) < maxSets {
		slots = maps.Clone(slots)
		slots[tag] = s
		l.runs.Store(&slots)
	}
	return s
}

// settle ends all runs, so that the view is as if its picks had been made one
// by one.
func (l *Live) settle() {
	for _, s := range *l.runs.Load() {
		l.end(s)
	}
}

func (l *Live) end(s *slot) {
	if r := s.run.Swap(nil); r != nil {
		l.view.end(r)
	}
}

func (l *Live) fill(now time.Duration) {
	e := Event{Kind: Used}
	out := l.view.Step(now, e)
	if l.Filled != nil {
		l.Filled(now, e, out)
	}
}

// Hosts is [View.Hosts].
func (l *Live) Hosts() []Host {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.view.Hosts()
}
