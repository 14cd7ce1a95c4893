package service

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"zeroloss/demo-services/lossless"
	"zeroloss/demo-services/machine"
	"zeroloss/demo-services/settings"
)

// lifecycle drives the lossless.Machine: it feeds it what happens, and executes
// its actions (see actions.go).
type lifecycle struct {
	lifecycleParts
	cfg     lossless.Config
	clock   clock
	events  *eventLog
	inbox   machine.Queue[lossless.Event]
	stopped <-chan struct{}

	ready atomic.Bool                    // the readiness paths say so
	state atomic.Pointer[lossless.State] // after the latest step; nil before the first

	// Of the goroutine of run:
	exit     context.CancelCauseFunc
	exitCode int

	mu      sync.Mutex
	lastRef uint64
	waiting map[uint64]chan lossless.State // calls that await an answer, by Ref
}

// lifecycleParts is what the actions act on.
type lifecycleParts struct {
	business     *businessServer
	registry     *registryConn
	registration *registration
	peers        *peerClient
}

func newLifecycle(d settings.Document, c clock, events *eventLog, parts lifecycleParts, stopped <-chan struct{}) *lifecycle {
	return &lifecycle{
		lifecycleParts: parts, cfg: lossless.ConfigOf(d), clock: c, events: events, stopped: stopped,
		waiting: map[uint64]chan lossless.State{},
	}
}

// errExit ends the loop when the machine asks for it.
var errExit = errors.New("the lifecycle has ended")

// run runs until the machine exits, and then returns nil, or until ctx is done.
func (l *lifecycle) run(ctx context.Context) error {
	ctx, l.exit = context.WithCancelCause(ctx)
	defer l.exit(nil)
	m := lossless.New(l.cfg)
	journal := l.events.machineJournal("lossless")
	journal.WriteConfig(l.cfg)
	trace := machine.Trace[lossless.Event, lossless.Action](journal)
	loop := machine.Loop[lossless.Event, lossless.Action]{
		Machine: m, Clock: machine.SystemClock(l.clock.zero), Inbox: &l.inbox,
		Tick: func() lossless.Event { return l.withSamples(lossless.Event{}) },
		Trace: func(now time.Duration, e lossless.Event, out []lossless.Action) {
			trace(now, e, out)
			state := m.State()
			l.state.Store(&state)
		},
		Do: func(_ time.Duration, a lossless.Action) { l.execute(ctx, a) },
	}
	if err := loop.Drive(ctx); !errors.Is(err, errExit) {
		return err
	}
	return nil
}

func (l *lifecycle) put(e lossless.Event) { l.inbox.Put(l.withSamples(e)) }

// withSamples adds what the machine may know of the traffic. It gets samples
// only, never the begin or end of a request as an event.
func (l *lifecycle) withSamples(e lossless.Event) lossless.Event {
	e.InFlight = int(l.business.counters.inFlight.Load())
	e.LastRequest = time.Duration(l.business.counters.last.Load())
	return e
}

// started reports that the process runs, although it does not listen yet.
func (l *lifecycle) started() { l.put(lossless.Event{Kind: lossless.Started}) }

// listening reports that the business port is open.
func (l *lifecycle) listening() { l.put(lossless.Event{Kind: lossless.Listening}) }

// term reports SIGTERM.
func (l *lifecycle) term() {
	l.put(lossless.Event{Kind: lossless.Term, Peers: l.consumers()})
}

// consumers returns the admin addresses of the consumers that called lately.
func (l *lifecycle) consumers() []string { return l.business.consumers.recent(l.clock.now()) }

// offline takes the instance out of service and returns the state then.
func (l *lifecycle) offline(ctx context.Context) (lossless.State, error) {
	return l.ask(ctx, lossless.Event{Kind: lossless.Offline, Peers: l.consumers()})
}

// applyRules applies new rules and returns the state then.
func (l *lifecycle) applyRules(ctx context.Context, r settings.Rules) (lossless.State, error) {
	return l.ask(ctx, lossless.Event{Kind: lossless.RulesReceived, Rules: &r})
}

// ask puts an event and returns the machine's answer, which comes as soon as the
// machine has taken the event.
func (l *lifecycle) ask(ctx context.Context, e lossless.Event) (lossless.State, error) {
	answer := make(chan lossless.State, 1)
	l.mu.Lock()
	l.lastRef++
	e.Ref = l.lastRef
	l.waiting[e.Ref] = answer
	l.mu.Unlock()
	defer l.forget(e.Ref)
	l.put(e)
	select {
	case s := <-answer:
		return s, nil
	case <-ctx.Done():
		return lossless.State{}, ctx.Err()
	case <-l.stopped:
		return lossless.State{}, errExit
	}
}

func (l *lifecycle) forget(ref uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.waiting, ref)
}

func (l *lifecycle) answer(a lossless.Action) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w := l.waiting[a.Ref]; w != nil && a.State != nil {
		w <- *a.State // has room for the one answer to a Ref
		delete(l.waiting, a.Ref)
	}
}
