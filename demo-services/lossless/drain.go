package lossless

import (
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

// How the end is bounded, backwards from the moment the pod is killed:
//
//	TERM            wait ends         cut            registry closed   KILL
//	 |--- waiting ------|--- closing ---|------------------|-----------|
//	                  -1 s           -0.3 s             -0.1 s          0
const (
	beforeKillWait  = time.Second
	beforeKillCut   = 300 * time.Millisecond
	beforeKillClose = 100 * time.Millisecond

	minTermGrace         = 2 * time.Second // kubelet leaves a TERM so long, whatever the hook has used up
	maxCloseWait         = 30 * time.Second
	registryCloseTimeout = time.Second

	// exitCodeSIGTERM is what a process ends with that does not handle TERM.
	exitCodeSIGTERM = 128 + 15
)

// killAt is when the pod is killed at the latest, as far as we can know: grace
// runs from the hook's /offline, if that came first.
func (m *Machine) killAt() time.Duration {
	start := m.termAt
	if m.offline {
		start = min(start, m.offlineAt)
	}
	return max(start+m.cfg.Offline.Grace, m.termAt+minTermGrace)
}

func (m *Machine) onTerm(now time.Duration, e Event) {
	if m.term {
		return
	}
	m.term, m.termAt = true, now
	m.noteLoad(record.KindTermReceived, "")
	switch m.cfg.Offline.Mode {
	case settings.Kill:
		m.noteLoad(record.KindListenerClosed, settings.Kill)
		m.noteCut()
		m.exit(exitCodeSIGTERM)
	case settings.CloseFirst:
		m.beginOffline(now, ByTerm)
		m.setReadiness(false)
		m.closeListener(now, settings.CloseFirst, m.killAt()-beforeKillWait)
	case settings.Lossless, settings.Reject:
		m.goOffline(now, ByTerm, e.Peers)
		m.boundDeregisterByKill(now)
		m.noteLoad(record.KindDrainWait, "")
	default: // deregister-first
		m.beginOffline(now, ByTerm)
		m.setReadiness(false)
		m.deregister(now, min(now+deregisterTotalTimeout, m.killAt()-beforeKillWait))
	}
}

// boundDeregisterByKill bounds a deregistration that /offline began by the kill.
func (m *Machine) boundDeregisterByKill(now time.Duration) {
	for i, it := range m.agenda {
		if it.kind == giveUpTimer {
			m.agenda[i].at = min(it.at, max(now, m.killAt()-beforeKillWait))
		}
	}
}

// reconcile does what the state as it is now asks for.
func (m *Machine) reconcile(now time.Duration) {
	if m.exited {
		return
	}
	m.deregisterNow(now)
	if !m.term || !m.deregisterOver || m.awaits(awaitClosed, awaitRegistryClosed) {
		return
	}
	switch {
	case m.closing:
		m.closeClient(now)
	case m.graceful():
		m.drain(now)
	default: // deregister-first: at once
		m.closeListener(now, settings.DeregisterFirst, now)
		m.drop(awaitClosed)
		m.cutConnections()
		m.closeClient(now)
	}
}

// drain closes once it has become quiet, or must.
func (m *Machine) drain(now time.Duration) {
	why, again := m.drainEnd(now)
	if why == "" {
		m.timer(drainTimer, again)
		return
	}
	m.drop(drainTimer)
	m.closeListener(now, why, m.killAt()-beforeKillCut)
}

// drainEnd tells why the wait is over; "" is not yet, and again is when to look
// next. The wait counts from /offline: it lasts MinWait at least, until nothing
// is in flight and nothing came for Quiet, Cap at most, and never into the last
// second of grace.
func (m *Machine) drainEnd(now time.Duration) (why string, again time.Duration) {
	o := m.cfg.Offline
	least := m.offlineAt + o.MinWait
	if m.registerTries == 0 { // nobody can have heard of us
		least = m.offlineAt
	}
	most, bound := m.offlineAt+o.Cap, "cap"
	if last := m.killAt() - beforeKillWait; last < most {
		most, bound = last, "grace"
	}
	switch silent := m.inFlight == 0 && now-m.lastRequest >= o.Quiet; {
	case o.NoWait:
		return "no-wait", 0
	case now >= least && silent:
		return "quiet", 0
	case now >= most:
		return bound, 0
	case now < least:
		again = least
	case m.inFlight > 0:
		again = now + max(o.Quiet/10, time.Millisecond)
	default:
		again = m.lastRequest + o.Quiet
	}
	return "", min(again, most)
}

// closeListener accepts no more, and lets those in flight end until by.
func (m *Machine) closeListener(now time.Duration, why string, by time.Duration) {
	m.closing = true
	m.act(Action{Kind: DisableKeepAlive})
	m.noteLoad(record.KindListenerClosed, why)
	m.do(now, min(now+maxCloseWait, by), Action{Kind: CloseListener}, pending{kind: awaitClosed})
}

// onListenerClosed is called when all is answered, or with ok false when it was not in
// time.
func (m *Machine) onListenerClosed(now time.Duration, ok bool) {
	if !ok {
		m.cutConnections()
	}
	if m.cfg.Offline.Mode == settings.CloseFirst {
		m.deregister(now, min(now+deregisterTotalTimeout, m.killAt()-beforeKillCut))
	}
}

// cutConnections ends what is still in flight.
func (m *Machine) cutConnections() {
	m.noteCut()
	m.act(Action{Kind: CutConnections})
}

func (m *Machine) noteCut() {
	if m.inFlight > 0 {
		m.noteLoad(record.KindRequestsCut, "")
	}
}

func (m *Machine) closeClient(now time.Duration) {
	by := min(now+registryCloseTimeout, m.killAt()-beforeKillClose)
	m.do(now, by, Action{Kind: CloseRegistry}, pending{kind: awaitRegistryClosed})
}

func (m *Machine) onRegistryClosed() {
	for _, it := range m.agenda {
		if it.kind == awaitNotify || it.kind == notifyTimer {
			m.noteMissed(it.peer)
		}
	}
	m.noteLoad(record.KindDrained, "")
	m.phase = Drained
	m.exit(0)
}

func (m *Machine) exit(code int) {
	m.exited = true
	m.agenda = nil
	m.act(Action{Kind: Exit, Code: code})
}
