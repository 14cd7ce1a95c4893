// Package machine drives pure state machines: types that decide in
// Step(now, event) and have no clock, goroutine or I/O of their own.
//
// [Loop] runs a machine, [Queue] is the mailbox that feeds the loop, [Journal]
// records steps, and [Replay] feeds recorded steps to a new machine. The package
// knows no particular machine, and nothing about services or records.
package machine

import (
	"context"
	"sync"
	"time"
)

// Machine is a pure state machine. Time is an offset from a zero that its owner
// chooses.
type Machine[E, A any] interface {
	// Step handles one event and returns the actions to execute, in order. now
	// never decreases.
	Step(now time.Duration, e E) []A
	// Next returns the earliest deadline of the machine, at which it must be
	// stepped if nothing happens before.
	Next() (at time.Duration, ok bool)
}

// Clock is the source of a Loop's time.
type Clock interface {
	Now() time.Duration
	// At returns a channel that delivers once, as soon as Now has reached t.
	// stop releases the timer.
	At(t time.Duration) (fired <-chan time.Time, stop func() bool)
}

// SystemClock returns the monotonic clock of the system, with offsets from zero.
func SystemClock(zero time.Time) Clock { return systemClock{zero} }

type systemClock struct{ zero time.Time }

func (s systemClock) Now() time.Duration { return time.Since(s.zero) }

func (s systemClock) At(t time.Duration) (<-chan time.Time, func() bool) {
	timer := time.NewTimer(t - s.Now())
	return timer.C, timer.Stop
}

// Loop runs a machine.
type Loop[E, A any] struct {
	Machine Machine[E, A]
	Clock   Clock
	Inbox   *Queue[E]
	// Do executes one action. It is called from the loop and must not block: it
	// starts long work in the background, which puts its result into Inbox. Do
	// may also put events into Inbox itself.
	Do func(now time.Duration, a A)
	// Tick returns the event for a deadline that has been reached. It may sample
	// values that the machine needs. nil means the zero event.
	Tick func() E
	// Trace, if not nil, is called for every step before its actions are executed.
	Trace func(now time.Duration, e E, out []A)
}

// Drive runs the loop until ctx is done, and returns ctx's cause.
//
// The machine is stepped with the time of the deadline, not with the later time
// at which the timer fired, and before any later event. So its decisions do not
// depend on the speed of the host.
func (l *Loop[E, A]) Drive(ctx context.Context) error {
	for ctx.Err() == nil {
		l.stepDeadlines(ctx, l.Clock.Now())
		if e, ok := l.Inbox.take(); ok {
			now := l.Clock.Now()
			l.stepDeadlines(ctx, now)
			l.step(now, e)
			continue
		}
		if err := l.wait(ctx); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// stepDeadlines steps the machine with each of its deadlines up to now, in order.
func (l *Loop[E, A]) stepDeadlines(ctx context.Context, now time.Duration) {
	for ctx.Err() == nil {
		at, ok := l.Machine.Next()
		if !ok || at > now {
			return
		}
		l.step(at, l.tick())
	}
}

func (l *Loop[E, A]) tick() (e E) {
	if l.Tick != nil {
		e = l.Tick()
	}
	return e
}

func (l *Loop[E, A]) step(now time.Duration, e E) {
	out := l.Machine.Step(now, e)
	if l.Trace != nil {
		l.Trace(now, e, out)
	}
	for _, a := range out {
		l.Do(now, a)
	}
}

// wait blocks until there may be an event or a deadline to handle. It returns
// the cause of ctx if that is done.
func (l *Loop[E, A]) wait(ctx context.Context) error {
	var fired <-chan time.Time
	if at, ok := l.Machine.Next(); ok {
		c, stop := l.Clock.At(at)
		defer stop()
		fired = c
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-l.Inbox.ready():
	case <-fired:
	}
	return nil
}

// Queue is an unbounded mailbox. Put never blocks, so [Loop.Do] may call it. The
// zero Queue is ready to use.
type Queue[E any] struct {
	mu     sync.Mutex
	list   []E
	signal chan struct{}
}

// Put adds e.
func (q *Queue[E]) Put(e E) {
	q.mu.Lock()
	q.list = append(q.list, e)
	signal := q.signalLocked()
	q.mu.Unlock()
	select {
	case signal <- struct{}{}:
	default: // a signal is already pending
	}
}

func (q *Queue[E]) take() (e E, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.list) == 0 {
		return e, false
	}
	e = q.list[0]
	q.list = q.list[1:]
	if len(q.list) == 0 {
		q.list = nil
	}
	return e, true
}

func (q *Queue[E]) ready() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.signalLocked()
}

func (q *Queue[E]) signalLocked() chan struct{} {
	if q.signal == nil {
		q.signal = make(chan struct{}, 1)
	}
	return q.signal
}
