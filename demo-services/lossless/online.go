package lossless

import (
	"time"

	"zeroloss/loadgen/record"
)

const (
	registerTimeout       = 3 * time.Second        // one attempt
	registerRetryDelay    = 200 * time.Millisecond // doubling
	maxRegisterRetryDelay = 5 * time.Second        // between attempts
)

// onListening begins to come online; of an early one, before it listens.
func (m *Machine) onListening(now time.Duration) {
	if m.listening || m.offline || m.term {
		return
	}
	m.listening = true
	switch {
	case m.cfg.Online.HealthPath != "":
		// As Polaris does: the first probe after one interval.
		m.timer(probeTimer, now+m.cfg.Online.HealthEvery)
	case m.cfg.Online.Delay > 0:
		m.timer(registerTimer, now+m.cfg.Online.Delay)
	default:
		m.register(now)
	}
}

func (m *Machine) probe(now time.Duration) {
	m.do(now, now+m.cfg.Online.HealthEvery, Action{Kind: ProbeHealth}, pending{kind: awaitProbe})
}

func (m *Machine) onProbed(now time.Duration, it pending, ok bool) {
	if ok {
		m.register(now)
		return
	}
	m.timer(probeTimer, max(now, it.since+m.cfg.Online.HealthEvery)) // without end, as Polaris
}

func (m *Machine) register(now time.Duration) {
	if m.registerTries == 0 {
		m.firstRegister = now
	}
	m.registerTries++
	m.do(now, now+registerTimeout, m.withWarmup(Register), pending{kind: awaitRegister})
}

func (m *Machine) onRegistered(now time.Duration, ok bool, why string) {
	switch {
	case m.offline: // settle takes it back
	case !ok:
		m.note(record.KindRegisterFailed, why)
		m.timer(registerTimer, now+backOff(registerRetryDelay, maxRegisterRetryDelay, m.registerTries))
	default:
		m.phase = Registered
		m.note(record.KindRegistered, "")
		m.note(record.KindReady, "")
		m.setReadiness(true)
		m.startWarmup(now)
		if m.publishedWarmup != m.cfg.Online.Warmup { // rules came meanwhile
			m.publish(now)
		} else {
			m.noteRulesApplied()
		}
	}
}

// startWarmup starts what consumers compute from the metadata's start time, which
// is that of the first attempt to register.
func (m *Machine) startWarmup(now time.Duration) {
	window := m.cfg.Online.Warmup.Window
	if window <= 0 {
		m.phase = Serving
		return
	}
	m.phase = Warming
	m.note(record.KindWarmupStart, "")
	m.timer(warmupTimer, max(now, m.firstRegister+window))
}

func (m *Machine) endWarmup() {
	m.phase = Serving
	m.note(record.KindWarmupEnd, "")
}

func (m *Machine) setReadiness(on bool) {
	m.ready = on
	m.act(Action{Kind: SetReadiness, On: on})
}

// backOff is the pause after the n-th failure, from 1.
func backOff(first, most time.Duration, n int) time.Duration {
	d := first
	for ; n > 1 && d < most; n-- {
		d *= 2
	}
	return min(d, most)
}
