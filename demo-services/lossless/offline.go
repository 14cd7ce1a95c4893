package lossless

import (
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

const (
	deregisterTimeout      = 2 * time.Second // of one attempt, and the longest retry delay
	deregisterRetryDelay   = 200 * time.Millisecond
	deregisterTotalTimeout = 5 * time.Second // of all attempts

	notifyTimeout     = time.Second
	notifyRetryDelay  = 200 * time.Millisecond
	maxNotifyAttempts = 3
)

// offline takes an instance out of service: it sets the marker, deregisters and
// verifies it, and notifies consumers. It does not close anything: shutdown does.
type offline struct {
	*shared
	marked   bool
	verified bool
	notices  Notices

	deregisterWanted   bool
	deregisterAttempts int
	deregistered       bool // the registry has acknowledged
	deregisterOver     bool // it has acknowledged, we have given up, or it never knew us
}

// graceful reports whether the mode takes the instance offline before it closes,
// so that /offline has an effect.
func (s *shared) graceful() bool {
	return s.cfg.Offline.Mode == settings.Lossless || s.cfg.Offline.Mode == settings.Reject
}

// onOffline handles a call of /offline.
func (o *offline) onOffline(now time.Duration, peers []string) {
	if o.graceful() {
		o.start(now, record.TriggerHook, peers)
	}
}

// start takes the instance offline, once.
func (o *offline) start(now time.Duration, by record.OfflineTrigger, peers []string) {
	if o.goingOffline {
		return
	}
	o.stopOnline(now, by)
	o.note(record.Offline{Trigger: by}, "")
	o.note(record.Closing{InFlight: o.inFlight}, "")
	o.setReadiness(false)
	o.marked = true
	o.act(Action{Kind: SetMarker, On: true})
	o.deregister(now, now+deregisterTotalTimeout)
	if o.cfg.Offline.Notify {
		for _, p := range peers {
			o.notices.Sent++
			o.notify(now, p, 0)
		}
	}
}

// stopOnline ends everything that was to bring the instance into service. An
// attempt to register that is under way is awaited, so that it cannot take
// effect after the deregistration.
func (s *shared) stopOnline(now time.Duration, by record.OfflineTrigger) {
	s.goingOffline, s.offlineAt, s.offlineBy, s.phase = true, now, by, Closing
	s.schedule.drop(probeTimer, awaitProbe, registerTimer, publishTimer, warmupTimer)
}

// deregister removes the instance from the registry, and gives up at deadline.
func (o *offline) deregister(now, deadline time.Duration) {
	o.deregisterWanted = true
	if !o.knownToRegistry() {
		o.deregisterOver = true
		return
	}
	o.schedule.setTimer(giveUpTimer, max(now, deadline))
	o.tryDeregister(now)
}

// tryDeregister makes an attempt to deregister, unless one is under way or
// scheduled.
func (o *offline) tryDeregister(now time.Duration) {
	if !o.deregisterWanted || o.deregisterOver || o.schedule.has(awaitRegister, awaitPublish, awaitDeregister, deregisterTimer) {
		return
	}
	o.deregisterAttempts++
	o.note(record.Deregistering{Attempt: o.deregisterAttempts}, "")
	o.do(now, now+deregisterTimeout, Action{Kind: Deregister}, pending{kind: awaitDeregister})
}

func (o *offline) onDeregistered(now time.Duration, ok bool, why string) {
	if !ok {
		o.note(record.DeregisterFailed{}, why)
		o.schedule.setTimer(deregisterTimer, now+backOff(deregisterRetryDelay, deregisterTimeout, o.deregisterAttempts))
		return
	}
	o.schedule.drop(giveUpTimer)
	o.deregistered, o.deregisterOver = true, true
	o.note(record.Deregistered{}, "")
	o.rejectNewIfConfigured()
	if o.graceful() {
		o.do(now, now+o.cfg.Offline.VerifyTimeout, Action{Kind: Verify}, pending{kind: awaitVerify})
	}
}

// giveUpDeregister goes on without the registry's acknowledgement: the end of
// the connection will deregister the instance.
func (o *offline) giveUpDeregister() {
	o.schedule.drop(awaitRegister, awaitPublish, awaitDeregister, deregisterTimer)
	o.deregisterOver = true
	o.note(record.DeregisterFailed{GaveUp: true}, "gave up")
	o.rejectNewIfConfigured()
}

// limitDeregister moves the time to give up, if it is set, to deadline at the
// latest.
func (o *offline) limitDeregister(deadline time.Duration) {
	for i, p := range o.schedule {
		if p.kind == giveUpTimer {
			o.schedule[i].at = min(p.at, deadline)
		}
	}
}

func (o *offline) rejectNewIfConfigured() {
	if o.cfg.Offline.Mode == settings.Reject {
		o.act(Action{Kind: RejectNew})
	}
}

func (o *offline) onVerified(ok bool) {
	o.verified = ok
	o.note(record.Verified{Gone: ok}, "")
}

// notify notifies a consumer after failed attempts.
func (o *offline) notify(now time.Duration, peer string, failed int) {
	o.do(now, now+notifyTimeout, Action{Kind: Notify, Peer: peer}, pending{kind: awaitNotify, peer: peer, attempt: failed + 1})
}

func (o *offline) onNotified(now time.Duration, p pending, ok bool) {
	switch {
	case ok:
		o.notices.Acked++
		o.note(record.Notified{Consumer: p.peer, Acknowledged: true}, "")
	case p.attempt < maxNotifyAttempts:
		o.schedule.add(pending{kind: notifyTimer, at: now + notifyRetryDelay, peer: p.peer, attempt: p.attempt})
	default:
		o.noteMissed(p.peer)
	}
}

func (o *offline) noteMissed(peer string) {
	o.notices.Missed++
	o.note(record.Notified{Consumer: peer}, "")
}

// endNotices counts the notices that are still under way as missed.
func (o *offline) endNotices() {
	for _, p := range o.schedule {
		if p.kind == awaitNotify || p.kind == notifyTimer {
			o.noteMissed(p.peer)
		}
	}
}
