package lossless

import (
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

// onRules takes new rules. A version that is not newer than the last one changes
// nothing.
func (o *online) onRules(now time.Duration, r *settings.Rules) {
	if r == nil || r.Version <= o.rules {
		return
	}
	o.rules = r.Version
	if !o.cfg.Online.Prewarmed { // otherwise its warm-up is over
		o.cfg.Online.Warmup = r.Warmup
	}
	o.applyRules(now)
}

// applyRules puts the rules in force: at once if the registry need not be told,
// otherwise when it has acknowledged them.
func (o *online) applyRules(now time.Duration) {
	switch {
	case o.goingOffline || !o.knownToRegistry():
		o.noteRulesApplied()
	case o.phase == Starting || o.schedule.has(awaitPublish):
		// The attempt that is under way applies them when it ends, or makes
		// another one.
	case o.published != o.cfg.Online.Warmup:
		o.publish(now)
	case o.schedule.has(publishTimer): // the registry refused them: the retry applies them
	default:
		o.noteRulesApplied()
	}
}

func (o *online) noteRulesApplied() {
	if o.applied != o.rules {
		o.applied = o.rules
		o.note(record.SettingsApplied{Version: o.rules}, "")
	}
}

// withWarmup returns an action that carries the warm-up if rules have changed it.
func (o *online) withWarmup(kind ActionKind) Action {
	o.published = o.cfg.Online.Warmup
	if o.rules == o.cfg.Rules {
		return Action{Kind: kind}
	}
	w := o.published
	return Action{Kind: kind, Warmup: &w}
}

// publish sends the warm-up to the registry.
func (o *online) publish(now time.Duration) {
	if o.schedule.has(awaitPublish) { // when that ends, it publishes again if necessary
		return
	}
	o.schedule.drop(publishTimer)
	o.do(now, now+registerTimeout, o.withWarmup(Publish), pending{kind: awaitPublish})
}

func (o *online) onPublished(now time.Duration, ok bool, why string) {
	switch {
	case o.goingOffline: // reconcile deregisters it
	case !ok:
		o.note(record.RegisterFailed{}, why)
		o.schedule.setTimer(publishTimer, now+registerRetryDelay)
	case o.published != o.cfg.Online.Warmup:
		o.publish(now)
	default:
		o.noteRulesApplied()
		o.rescheduleWarmup(now)
	}
}

// rescheduleWarmup moves the end of the warm-up. The start stays, so the end may
// be in the past, or in the future of an instance that was warm already.
func (o *online) rescheduleWarmup(now time.Duration) {
	end := o.firstRegister + o.cfg.Online.Warmup.Window
	switch {
	case end > now && o.phase == Warming:
		o.schedule.setTimer(warmupTimer, end)
	case end > now:
		o.startWarmup(now)
	case o.phase == Warming:
		o.schedule.drop(warmupTimer)
		o.endWarmup()
	}
}
