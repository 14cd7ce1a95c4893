package lossless

import (
	"fmt"
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

// What took an instance offline.
const (
	ByHook = "hook" // /offline was called
	ByTerm = "term" // TERM came first
)

const (
	deregisterTry   = 2 * time.Second // one attempt
	deregisterAgain = 200 * time.Millisecond
	deregisterAll   = 5 * time.Second // all attempts

	notifyTry   = time.Second
	notifyAgain = 200 * time.Millisecond
	notifyTries = 3
)

// lossless tells whether the instance leaves with care, so that /offline means
// something.
func (m *Machine) lossless() bool {
	return m.cfg.Offline.Mode == settings.Lossless || m.cfg.Offline.Mode == settings.Reject
}

func (m *Machine) onOffline(now time.Duration, e Event) {
	if m.lossless() {
		m.goOffline(now, ByHook, e.Peers)
	}
	s := m.State()
	m.act(Action{Kind: Answer, Ref: e.Ref, State: &s})
}

// goOffline starts to leave: the marker, the registry, the consumers. It
// closes nothing: that is TERM's.
func (m *Machine) goOffline(now time.Duration, by string, peers []string) {
	if m.offline {
		return
	}
	m.leave(now, by)
	m.note(record.KindOffline, by)
	m.noteLoad(record.KindClosing, "")
	m.setReadiness(false)
	m.marked = true
	m.act(Action{Kind: SetMarker, On: true})
	m.deregister(now, now+deregisterAll)
	if m.cfg.Offline.Notify {
		for _, p := range peers {
			m.notices.Sent++
			m.notify(now, p, 0)
		}
	}
}

// leave ends all that wanted to come online. An attempt to register that is
// under way is awaited: it must not land after we have deregistered.
func (m *Machine) leave(now time.Duration, by string) {
	m.offline, m.offlineAt, m.by, m.phase = true, now, by, Closing
	m.drop(timeProbe, awaitProbe, timeRegister, timePublish, timeWarm)
}

// deregister wants the instance out of the registry, and gives up at by.
func (m *Machine) deregister(now, by time.Duration) {
	m.deregisterWanted = true
	if m.registerTries == 0 { // the registry never heard of us
		m.deregisterOver = true
		return
	}
	m.timer(timeGiveUp, max(now, by))
	m.deregisterNow(now)
}

// deregisterNow makes an attempt unless one is under way or to come.
func (m *Machine) deregisterNow(now time.Duration) {
	if !m.deregisterWanted || m.deregisterOver || m.awaits(awaitRegister, awaitPublish, awaitDeregister, timeDeregister) {
		return
	}
	m.deregisterTries++
	text := ""
	if m.deregisterTries > 1 {
		text = fmt.Sprintf("attempt %d", m.deregisterTries)
	}
	m.note(record.KindDeregistering, text)
	m.do(now, now+deregisterTry, Action{Kind: Deregister}, item{kind: awaitDeregister})
}

func (m *Machine) deregisterDone(now time.Duration, ok bool, why string) {
	if !ok {
		m.note(record.KindDeregisterFailed, why)
		m.timer(timeDeregister, now+backOff(deregisterAgain, deregisterTry, m.deregisterTries))
		return
	}
	m.drop(timeGiveUp)
	m.deregistered, m.deregisterOver = true, true
	m.note(record.KindDeregistered, "")
	m.rejectIfSo()
	if m.lossless() {
		m.do(now, now+m.cfg.Offline.VerifyFor, Action{Kind: Verify}, item{kind: awaitVerify})
	}
}

// giveUp goes on without the registry's word: its connection's end will do it.
func (m *Machine) giveUp() {
	m.drop(awaitRegister, awaitPublish, awaitDeregister, timeDeregister)
	m.deregisterOver = true
	m.note(record.KindDeregisterFailed, "gave up")
	m.rejectIfSo()
}

func (m *Machine) rejectIfSo() {
	if m.cfg.Offline.Mode == settings.Reject {
		m.act(Action{Kind: RejectNew})
	}
}

func (m *Machine) verifyDone(ok bool) {
	m.verified = ok
	if ok {
		m.note(record.KindVerified, "")
		return
	}
	m.note(record.KindVerified, "not verified")
}

func (m *Machine) notify(now time.Duration, peer string, failed int) {
	m.do(now, now+notifyTry, Action{Kind: Notify, Peer: peer}, item{kind: awaitNotify, peer: peer, try: failed + 1})
}

func (m *Machine) notified(now time.Duration, it item, ok bool) {
	switch {
	case ok:
		m.notices.Acked++
		m.act(Action{Kind: Note, Event: record.KindNotified, Peer: it.peer, Text: "acked"})
	case it.try < notifyTries:
		m.agenda = append(m.agenda, item{kind: timeNotify, at: now + notifyAgain, peer: it.peer, try: it.try})
	default:
		m.missed(it.peer)
	}
}

func (m *Machine) missed(peer string) {
	m.notices.Missed++
	m.act(Action{Kind: Note, Event: record.KindNotified, Peer: peer, Text: "missed"})
}
