package consumer

import (
	"sync"
	"time"

	"zeroloss/loadgen/record"
)

// Live is a View for concurrent use: requests pick from it while a
// machine.Loop steps it. It is a machine.Machine itself.
//
// A ttl35 cache is filled by the call that finds it stale, so Pick may step the
// view too. Trace and Do are called under the view's lock and must not call
// back.
type Live struct {
	// Trace, if not nil, sees every step, in order. (A Loop's own Trace could
	// be overtaken by a pick's.)
	Trace func(now time.Duration, e Event, out []Action)
	// Do executes the actions of a step that Pick makes: they are notes. Not
	// nil.
	Do func(now time.Duration, a Action)

	mu   sync.Mutex
	view *View
}

// NewLive wraps a new View.
func NewLive(cfg Config, do func(now time.Duration, a Action)) *Live {
	return &Live{view: New(cfg), Do: do}
}

// Step is [View.Step].
func (l *Live) Step(now time.Duration, e Event) []Action {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.step(now, e)
}

func (l *Live) step(now time.Duration, e Event) []Action {
	out := l.view.Step(now, e)
	if l.Trace != nil {
		l.Trace(now, e, out)
	}
	return out
}

// Next is [View.Next].
func (l *Live) Next() (time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.view.Next()
}

// Pick is [View.Pick].
func (l *Live) Pick(now time.Duration, wanted string, tried ...record.Instance) (Host, Reason, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.view.Stale(now) {
		for _, a := range l.step(now, Event{Kind: Used}) {
			l.Do(now, a)
		}
	}
	return l.view.Pick(now, wanted, tried...)
}

// Hosts is [View.Hosts].
func (l *Live) Hosts() []Host {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.view.Hosts()
}
