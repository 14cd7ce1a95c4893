package lossless

import (
	"slices"
	"time"

	"zeroloss/demo-services/machine"
	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

// Machine is the lifecycle of one instance. It is not for concurrent use.
type Machine struct {
	cfg   Config
	phase Phase
	ready bool

	lastOp Op
	agenda []pending // awaited outcomes and timers, each with its deadline
	out    []Action

	inFlight    int
	lastRequest time.Duration

	rules           int             // version, the highest that came
	applied         int             // version that is in force
	publishedWarmup settings.Warmup // what the last attempt to register or publish carried

	listening     bool
	registerTries int
	firstRegister time.Duration

	offline   bool // going; for the lossless modes from /offline on
	offlineAt time.Duration
	by        string
	marked    bool
	notices   Notices
	verified  bool

	deregisterWanted bool
	deregisterTries  int
	deregistered     bool // the registry has acknowledged
	deregisterOver   bool // it has, or we have given up, or there was nothing to take back

	term    bool
	termAt  time.Duration
	closing bool // the listener is closed or being closed
	exited  bool
}

// New returns a Machine in phase Starting, its clock at 0.
func New(cfg Config) *Machine {
	return &Machine{cfg: withDefaults(cfg), phase: Starting, rules: cfg.Rules, applied: cfg.Rules}
}

func withDefaults(c Config) Config {
	c.Online = c.Online.WithDefaults()
	c.Offline = c.Offline.WithDefaults(c.PushDelay)
	return c
}

// Step takes one event and returns what is to be done, in order.
func (m *Machine) Step(now time.Duration, e Event) []Action {
	if m.exited {
		return nil
	}
	m.out = nil
	m.inFlight, m.lastRequest = e.InFlight, e.LastRequest
	for !m.exited {
		it, ok := m.takeDue(now)
		if !ok {
			break
		}
		m.expired(it.at, it)
		m.reconcile(it.at)
	}
	if !m.exited {
		m.handle(now, e)
		m.reconcile(now)
	}
	return m.out
}

// Next is the earliest deadline the machine owns.
func (m *Machine) Next() (time.Duration, bool) {
	if i := m.earliest(); i >= 0 {
		return m.agenda[i].at, true
	}
	return 0, false
}

// State tells where the machine is.
func (m *Machine) State() State {
	return State{
		Phase: m.phase, Mode: m.cfg.Offline.Mode, Ready: m.ready, Marked: m.marked,
		Rules: m.applied, By: m.by, OfflineAt: m.offlineAt, Deregistered: m.deregistered, Verified: m.verified,
		Notices: m.notices,
	}
}

// Replay feeds a journal to a fresh machine: see [machine.Replay].
func Replay(lines []machine.Line) error {
	return machine.Replay(lines, func(c Config) machine.Machine[Event, Action] { return New(c) })
}

func (m *Machine) handle(now time.Duration, e Event) {
	switch e.Kind {
	case Started, Listening:
		m.onListening(now)
	case RulesReceived:
		m.onRules(now, e)
	case Offline:
		m.onOffline(now, e)
	case Term:
		m.onTerm(now, e)
	case Probed, RegisterDone, PublishDone, DeregisterDone, NotifyDone, VerifyDone, Closed, RegistryClosed:
		if it, ok := m.takeOp(e); ok {
			m.outcome(now, it, e.OK, e.Error)
		}
	}
}

// expired is called with an item's own deadline: a timer goes off, or an
// outcome is given up, which is a failure.
func (m *Machine) expired(at time.Duration, it pending) {
	switch it.kind {
	case probeTimer:
		m.probe(at)
	case registerTimer:
		m.register(at)
	case publishTimer:
		m.publish(at)
	case warmupTimer:
		m.endWarmup()
	case deregisterTimer, drainTimer: // settle looks
	case giveUpTimer:
		m.giveUpDeregister()
	case notifyTimer:
		m.notify(at, it.peer, it.try)
	default:
		m.outcome(at, it, false, "no answer in time")
	}
}

func (m *Machine) outcome(now time.Duration, it pending, ok bool, why string) {
	switch it.kind {
	case awaitProbe:
		m.onProbed(now, it, ok)
	case awaitRegister:
		m.onRegistered(now, ok, why)
	case awaitPublish:
		m.onPublished(now, ok, why)
	case awaitDeregister:
		m.onDeregistered(now, ok, why)
	case awaitNotify:
		m.onNotified(now, it, ok)
	case awaitVerify:
		m.onVerified(ok)
	case awaitClosed:
		m.onListenerClosed(now, ok)
	case awaitRegistryClosed:
		m.onRegistryClosed()
	}
}

// The agenda.

type pendingKind string

const (
	awaitProbe          pendingKind = pendingKind(Probed)
	awaitRegister       pendingKind = pendingKind(RegisterDone)
	awaitPublish        pendingKind = pendingKind(PublishDone)
	awaitDeregister     pendingKind = pendingKind(DeregisterDone)
	awaitNotify         pendingKind = pendingKind(NotifyDone)
	awaitVerify         pendingKind = pendingKind(VerifyDone)
	awaitClosed         pendingKind = pendingKind(Closed)
	awaitRegistryClosed pendingKind = pendingKind(RegistryClosed)

	probeTimer      pendingKind = "time to probe"
	registerTimer   pendingKind = "time to register"
	publishTimer    pendingKind = "time to publish again"
	warmupTimer     pendingKind = "time to be warm"
	deregisterTimer pendingKind = "time to deregister again"
	giveUpTimer     pendingKind = "time to give up deregistering"
	notifyTimer     pendingKind = "time to notify again"
	drainTimer      pendingKind = "time to look whether it is quiet"
)

type pending struct {
	op    Op // 0 for a timer
	kind  pendingKind
	at    time.Duration
	since time.Duration
	peer  string
	try   int
}

// do asks for an action whose outcome is awaited until deadline.
func (m *Machine) do(now, deadline time.Duration, a Action, it pending) {
	m.lastOp++
	a.Op, a.Deadline = m.lastOp, max(deadline, now)
	it.op, it.at, it.since = a.Op, a.Deadline, now
	m.agenda = append(m.agenda, it)
	m.out = append(m.out, a)
}

// timer sets the timer of that kind, of which there is one at most.
func (m *Machine) timer(kind pendingKind, at time.Duration) {
	m.drop(kind)
	m.agenda = append(m.agenda, pending{kind: kind, at: at})
}

func (m *Machine) drop(kinds ...pendingKind) {
	m.agenda = slices.DeleteFunc(m.agenda, func(it pending) bool { return slices.Contains(kinds, it.kind) })
}

func (m *Machine) awaits(kinds ...pendingKind) bool {
	return slices.ContainsFunc(m.agenda, func(it pending) bool { return slices.Contains(kinds, it.kind) })
}

// earliest is the index of the item that is due first, the oldest of equals;
// -1 is none.
func (m *Machine) earliest() int {
	first := -1
	for i, it := range m.agenda {
		if first < 0 || it.at < m.agenda[first].at {
			first = i
		}
	}
	return first
}

func (m *Machine) takeDue(now time.Duration) (pending, bool) {
	i := m.earliest()
	if i < 0 || m.agenda[i].at > now {
		return pending{}, false
	}
	return m.take(i), true
}

// takeOp finds what e answers; an Op unknown, or known as something else, is
// none.
func (m *Machine) takeOp(e Event) (pending, bool) {
	i := slices.IndexFunc(m.agenda, func(it pending) bool {
		return e.Op != 0 && it.op == e.Op && it.kind == pendingKind(e.Kind)
	})
	if i < 0 {
		return pending{}, false
	}
	return m.take(i), true
}

func (m *Machine) take(i int) pending {
	it := m.agenda[i]
	m.agenda = slices.Delete(m.agenda, i, i+1)
	return it
}

func (m *Machine) act(a Action) { m.out = append(m.out, a) }

func (m *Machine) note(kind record.Kind, text string) {
	m.act(Action{Kind: Note, Event: kind, Text: text})
}

// noteLoad notes kind with the number of requests in flight.
func (m *Machine) noteLoad(kind record.Kind, text string) {
	m.act(Action{Kind: Note, Event: kind, Text: text, N: int64(m.inFlight)})
}
