package lossless

import (
	"time"

	"zeroloss/loadgen/record"
)

// onRules takes newer rules in, and answers with the version in force: older
// ones, and those that are known, change nothing.
func (m *Machine) onRules(now time.Duration, e Event) {
	if e.Rules != nil && e.Rules.Version > m.rules {
		m.rules = e.Rules.Version
		if !m.cfg.Online.Prewarmed { // its warm-up is past
			m.cfg.Online.Warmup = e.Rules.Warmup
		}
		m.applyRules(now)
	}
	s := m.State()
	m.act(Action{Kind: Answer, Ref: e.Ref, State: &s})
}

// applyRules puts the rules into force: at once where the registry has nothing to be
// told, else when it has agreed.
func (m *Machine) applyRules(now time.Duration) {
	switch {
	case m.offline || m.registerTries == 0:
		m.noteRulesApplied()
	case m.phase == Starting || m.awaits(awaitPublish):
		// The attempt that is under way, or the one after it, ends with it.
	case m.publishedWarmup != m.cfg.Online.Warmup:
		m.publish(now)
	case m.awaits(publishTimer): // told already, and refused: it will be told again
	default:
		m.noteRulesApplied()
	}
}

func (m *Machine) noteRulesApplied() {
	if m.applied != m.rules {
		m.applied = m.rules
		m.act(Action{Kind: Note, Event: record.KindSettingsApplied, N: int64(m.rules)})
	}
}

// withWarmup is an action that carries the warm-up, if rules have changed it.
func (m *Machine) withWarmup(kind ActionKind) Action {
	m.publishedWarmup = m.cfg.Online.Warmup
	if m.rules == m.cfg.Rules {
		return Action{Kind: kind}
	}
	told := m.publishedWarmup
	return Action{Kind: kind, Warmup: &told}
}

func (m *Machine) publish(now time.Duration) {
	if m.awaits(awaitPublish) { // which looks, when it is done, whether it was the last
		return
	}
	m.drop(publishTimer)
	m.do(now, now+registerTimeout, m.withWarmup(Publish), pending{kind: awaitPublish})
}

func (m *Machine) onPublished(now time.Duration, ok bool, why string) {
	switch {
	case m.offline: // settle takes it back
	case !ok:
		m.note(record.KindRegisterFailed, why)
		m.timer(publishTimer, now+registerRetryDelay)
	case m.publishedWarmup != m.cfg.Online.Warmup:
		m.publish(now)
	default:
		m.noteRulesApplied()
		m.rescheduleWarmup(now)
	}
}

// rescheduleWarmup moves the end of the warm-up, whose start stays: it may lie in the
// past, or ahead of what was warm already.
func (m *Machine) rescheduleWarmup(now time.Duration) {
	end := m.firstRegister + m.cfg.Online.Warmup.Window
	switch {
	case end > now && m.phase == Warming:
		m.timer(warmupTimer, end)
	case end > now:
		m.startWarmup(now)
	case m.phase == Warming:
		m.drop(warmupTimer)
		m.endWarmup()
	}
}
