package lossless

import (
	"time"

	"zeroloss/demo-services/machine"
	"zeroloss/loadgen/record"
)

// Machine is the lifecycle of one instance. It is not safe for concurrent use.
//
// Its parts decide about one stretch of the lifecycle each: online (register,
// warm up, follow rules), offline (marker, deregister, verify, notify) and
// shutdown (TERM, drain, close, exit). They share state, and the schedule of
// what they wait for.
type Machine struct {
	*shared
	online   *online
	offline  *offline
	shutdown *shutdown
}

// New returns a Machine in phase Starting whose clock is at 0.
func New(cfg Config) *Machine {
	cfg.Online = cfg.Online.WithDefaults()
	cfg.Offline = cfg.Offline.WithDefaults(cfg.PushDelay)
	s := &shared{cfg: cfg, phase: Starting}
	off := &offline{shared: s}
	return &Machine{
		shared: s, offline: off, shutdown: &shutdown{shared: s, offline: off},
		online: &online{shared: s, rules: cfg.Rules, applied: cfg.Rules},
	}
}

// Replay feeds a journal to a fresh machine: see [machine.Replay].
func Replay(lines []machine.Line) error {
	return machine.Replay(lines, func(c Config) machine.Machine[Event, Action] { return New(c) })
}

// Step takes one event and returns what is to be done, in order. Before the
// event it handles the deadlines that have come, each at its own time.
func (m *Machine) Step(now time.Duration, e Event) []Action {
	if m.exited {
		return nil
	}
	m.out = nil
	m.inFlight, m.lastRequest = e.InFlight, e.LastRequest
	for !m.exited {
		p, ok := m.schedule.takeDue(now)
		if !ok {
			break
		}
		m.onDeadline(p.at, p)
		m.shutdown.reconcile(p.at)
	}
	if !m.exited {
		m.handle(now, e)
		m.shutdown.reconcile(now)
	}
	return m.out
}

// Next returns the earliest deadline of the machine.
func (m *Machine) Next() (time.Duration, bool) { return m.schedule.next() }

// State returns the machine's state.
func (m *Machine) State() State {
	return State{
		Phase: m.phase, Mode: m.cfg.Offline.Mode, Ready: m.ready, Marked: m.offline.marked,
		Rules: m.online.applied, By: m.offlineBy, OfflineAt: m.offlineAt,
		Deregistered: m.offline.deregistered, Verified: m.offline.verified, Notices: m.offline.notices,
	}
}

func (m *Machine) handle(now time.Duration, e Event) {
	switch e.Kind {
	case Started, Listening:
		m.online.onListening(now)
	case RulesReceived:
		m.online.onRules(now, e.Rules)
		m.answer(e)
	case Offline:
		m.offline.onOffline(now, e.Peers)
		m.answer(e)
	case Term:
		m.shutdown.onTerm(now, e.Peers)
	case Probed, RegisterDone, PublishDone, DeregisterDone, NotifyDone, VerifyDone, Closed, RegistryClosed:
		if p, ok := m.schedule.takeOp(e); ok {
			m.onOutcome(now, p, e.OK, e.Error)
		}
	case Deadline: // Step handles deadlines, with every event
	}
}

// answer answers an event with the state.
func (m *Machine) answer(e Event) {
	s := m.State()
	m.act(Action{Kind: Answer, Ref: e.Ref, State: &s})
}

// onDeadline is called at the deadline of p: a timer fires, or an outcome is no
// longer awaited, which counts as a failure.
func (m *Machine) onDeadline(at time.Duration, p pending) {
	switch p.kind {
	case probeTimer:
		m.online.probe(at)
	case registerTimer:
		m.online.register(at)
	case publishTimer:
		m.online.publish(at)
	case warmupTimer:
		m.online.endWarmup()
	case deregisterTimer, drainTimer: // reconcile acts
	case giveUpTimer:
		m.offline.giveUpDeregister()
	case notifyTimer:
		m.offline.notify(at, p.peer, p.attempt)
	default:
		m.onOutcome(at, p, false, "no answer in time")
	}
}

// onOutcome is called with the outcome of an action.
func (m *Machine) onOutcome(now time.Duration, p pending, ok bool, why string) {
	switch p.kind {
	case awaitProbe:
		m.online.onProbed(now, p, ok)
	case awaitRegister:
		m.online.onRegistered(now, ok, why)
	case awaitPublish:
		m.online.onPublished(now, ok, why)
	case awaitDeregister:
		m.offline.onDeregistered(now, ok, why)
	case awaitNotify:
		m.offline.onNotified(now, p, ok)
	case awaitVerify:
		m.offline.onVerified(ok)
	case awaitClosed:
		m.shutdown.onListenerClosed(now, ok)
	case awaitRegistryClosed:
		m.shutdown.onRegistryClosed()
	case probeTimer, registerTimer, publishTimer, warmupTimer, deregisterTimer, giveUpTimer, notifyTimer, drainTimer:
		// A timer has no outcome.
	}
}

// shared is the state that the parts of a Machine share.
type shared struct {
	cfg   Config
	phase Phase
	ready bool

	schedule schedule
	out      []Action // of this step
	lastOp   Op

	// Samples of this step:
	inFlight    int
	lastRequest time.Duration

	registerAttempts int

	goingOffline bool // from /offline or TERM on
	offlineAt    time.Duration
	offlineBy    record.OfflineTrigger
	exited       bool
}

func (s *shared) act(a Action) { s.out = append(s.out, a) }

// do asks for an action whose outcome is awaited until deadline.
func (s *shared) do(now, deadline time.Duration, a Action, p pending) {
	s.lastOp++
	a.Op, a.Deadline = s.lastOp, max(deadline, now)
	p.op, p.at, p.since = a.Op, a.Deadline, now
	s.schedule.add(p)
	s.act(a)
}

func (s *shared) note(p record.Payload, text string) {
	s.act(Action{Kind: Note, Event: &record.Event{Payload: p, Text: text}})
}

func (s *shared) setReadiness(on bool) {
	s.ready = on
	s.act(Action{Kind: SetReadiness, On: on})
}

// knownToRegistry reports whether the registry may know this instance.
func (s *shared) knownToRegistry() bool { return s.registerAttempts > 0 }
