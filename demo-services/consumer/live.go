package consumer

import (
	"sync"
	"time"

	"zeroloss/loadgen/record"
)

// Live is a View for concurrent use: requests pick from it while a
// machine.Loop steps it. It is a machine.Machine itself.
type Live struct {
	// Filled, if not nil, takes the step that a pick has made: a ttl35 cache
	// is filled by the call that finds it stale, within Pick. The actions are
	// notes. It is called under the view's lock and must not call back.
	Filled func(now time.Duration, e Event, out []Action)

	mu   sync.Mutex
	view *View
}

// NewLive wraps a new View.
func NewLive(cfg Config) *Live { return &Live{view: New(cfg)} }

// Step is [View.Step].
func (l *Live) Step(now time.Duration, e Event) []Action {
	l.mu.Lock()
	defer l.mu.Unlock()
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
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.view.Stale(now) {
		l.fill(now)
	}
	return l.view.Pick(now, wanted, tried...)
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
