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
	deregisterTimeout      = 2 * time.Second // one attempt
	deregisterRetryDelay   = 200 * time.Millisecond
	deregisterTotalTimeout = 5 * time.Second // all attempts

	notifyTimeout     = time.Second
	notifyRetryDelay  = 200 * time.Millisecond
	maxNotifyAttempts = 3
)

// graceful tells whether the instance leaves with care, so that /offline means
// something.
func (m *Machine) graceful() bool {
	return m.cfg.Offline.Mode == settings.Lossless || m.cfg.Offline.Mode == settings.Reject
}

func (m *Machine) onOffline(now time.Duration, e Event) {
	if m.graceful() {
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
	m.beginOffline(now, by)
	m.note(record.KindOffline, by)
	m.noteLoad(record.KindClosing, "")
	m.setReadiness(false)
	m.marked = true
	m.act(Action{Kind: SetMarker, On: true})
	m.deregister(now, now+deregisterTotalTimeout)
	if m.cfg.Offline.Notify {
		for _, p := range peers {
			m.notices.Sent++
			m.notify(now, p, 0)
		}
	}
}

// beginOffline ends all that wanted to come online. An attempt to register that is
// under way is awaited: it must not land after we have deregistered.
func (m *Machine) beginOffline(now time.Duration, by string) {
	m.offline, m.offlineAt, m.by, m.phase = true, now, by, Closing
	m.drop(probeTimer, awaitProbe, registerTimer, publishTimer, warmupTimer)
}

// deregister wants the instance out of the registry, and gives up at by.
func (m *Machine) deregister(now, by time.Duration) {
	m.deregisterWanted = true
	if m.registerTries == 0 { // the registry never heard of us
		m.deregisterOver = true
		return
	}
	m.timer(giveUpTimer, max(now, by))
	m.deregisterNow(now)
}

// deregisterNow makes an attempt unless one is under way or to come.
func (m *Machine) deregisterNow(now time.Duration) {
	if !m.deregisterWanted || m.deregisterOver || m.awaits(awaitRegister, awaitPublish, awaitDeregister, deregisterTimer) {
		return
	}
	m.deregisterTries++
	text := ""
	if m.deregisterTries > 1 {
		text = fmt.Sprintf("attempt %d", m.deregisterTries)
	}
	m.note(record.KindDeregistering, text)
	m.do(now, now+deregisterTimeout, Action{Kind: Deregister}, pending{kind: awaitDeregister})
}

func (m *Machine) onDeregistered(now time.Duration, ok bool, why string) {
	if !ok {
		m.note(record.KindDeregisterFailed, why)
		m.timer(deregisterTimer, now+backOff(deregisterRetryDelay, deregisterTimeout, m.deregisterTries))
		return
	}
	m.drop(giveUpTimer)
	m.deregistered, m.deregisterOver = true, true
	m.note(record.KindDeregistered, "")
	m.rejectNewIfConfigured()
	if m.graceful() {
		m.do(now, now+m.cfg.Offline.VerifyFor, Action{Kind: Verify}, pending{kind: awaitVerify})
	}
}

// giveUpDeregister goes on without the registry's word: its connection's end will do it.
func (m *Machine) giveUpDeregister() {
	m.drop(awaitRegister, awaitPublish, awaitDeregister, deregisterTimer)
	m.deregisterOver = true
	m.note(record.KindDeregisterFailed, "gave up")
	m.rejectNewIfConfigured()
}

func (m *Machine) rejectNewIfConfigured() {
	if m.cfg.Offline.Mode == settings.Reject {
		m.act(Action{Kind: RejectNew})
	}
}

func (m *Machine) onVerified(ok bool) {
	m.verified = ok
	if ok {
		m.note(record.KindVerified, "")
		return
	}
	m.note(record.KindVerified, "not verified")
}

func (m *Machine) notify(now time.Duration, peer string, failed int) {
	m.do(now, now+notifyTimeout, Action{Kind: Notify, Peer: peer}, pending{kind: awaitNotify, peer: peer, try: failed + 1})
}

func (m *Machine) onNotified(now time.Duration, it pending, ok bool) {
	switch {
	case ok:
		m.notices.Acked++
		m.act(Action{Kind: Note, Event: record.KindNotified, Peer: it.peer, Text: "acked"})
	case it.try < maxNotifyAttempts:
		m.agenda = append(m.agenda, pending{kind: notifyTimer, at: now + notifyRetryDelay, peer: it.peer, try: it.try})
	default:
		m.noteMissed(it.peer)
	}
}

func (m *Machine) noteMissed(peer string) {
	m.notices.Missed++
	m.act(Action{Kind: Note, Event: record.KindNotified, Peer: peer, Text: "missed"})
}
