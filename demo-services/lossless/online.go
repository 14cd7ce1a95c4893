package lossless

import (
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

const (
	registerTimeout       = 3 * time.Second // of one attempt
	registerRetryDelay    = 200 * time.Millisecond
	maxRegisterRetryDelay = 5 * time.Second // the delay doubles up to it
)

// online brings an instance into service: it registers it after a delay or once
// it is healthy, reports it ready, and follows its warm-up and changed rules
// (see rules.go).
type online struct {
	*shared
	listening     bool
	firstRegister time.Duration

	rules     int             // highest version received
	applied   int             // version in force
	published settings.Warmup // sent with the last attempt to register or publish
}

// onListening begins to bring the instance into service. With settings.Online's
// Early it is called before the instance listens.
func (o *online) onListening(now time.Duration) {
	if o.listening || o.goingOffline {
		return
	}
	o.listening = true
	switch {
	case o.cfg.Online.HealthPath != "":
		// Like Polaris, probe first after one interval.
		o.schedule.setTimer(probeTimer, now+o.cfg.Online.HealthEvery)
	case o.cfg.Online.Delay > 0:
		o.schedule.setTimer(registerTimer, now+o.cfg.Online.Delay)
	default:
		o.register(now)
	}
}

func (o *online) probe(now time.Duration) {
	o.do(now, now+o.cfg.Online.HealthEvery, Action{Kind: ProbeHealth}, pending{kind: awaitProbe})
}

func (o *online) onProbed(now time.Duration, p pending, ok bool) {
	if ok {
		o.register(now)
		return
	}
	o.schedule.setTimer(probeTimer, max(now, p.since+o.cfg.Online.HealthEvery)) // forever, like Polaris
}

func (o *online) register(now time.Duration) {
	if !o.knownToRegistry() {
		o.firstRegister = now
	}
	o.registerAttempts++
	o.do(now, now+registerTimeout, o.withWarmup(Register), pending{kind: awaitRegister})
}

func (o *online) onRegistered(now time.Duration, ok bool, why string) {
	switch {
	case o.goingOffline: // reconcile deregisters it
	case !ok:
		o.note(record.RegisterFailed{}, why)
		o.schedule.setTimer(registerTimer, now+backOff(registerRetryDelay, maxRegisterRetryDelay, o.registerAttempts))
	default:
		o.phase = Registered
		o.note(record.Registered{}, "")
		o.note(record.Ready{}, "")
		o.setReadiness(true)
		o.startWarmup(now)
		if o.published != o.cfg.Online.Warmup { // rules came meanwhile
			o.publish(now)
		} else {
			o.noteRulesApplied()
		}
	}
}

// startWarmup begins the phase in which consumers give the instance a reduced
// weight. They compute it from the start time in the metadata, which is the time
// of the first attempt to register.
func (o *online) startWarmup(now time.Duration) {
	window := o.cfg.Online.Warmup.Window
	if window <= 0 {
		o.phase = Serving
		return
	}
	o.phase = Warming
	o.note(record.WarmupStart{}, "")
	o.schedule.setTimer(warmupTimer, max(now, o.firstRegister+window))
}

func (o *online) endWarmup() {
	o.phase = Serving
	o.note(record.WarmupEnd{}, "")
}

// backOff returns the pause after the n-th failure, from 1: first, doubled with
// each failure, most at the longest.
func backOff(first, most time.Duration, n int) time.Duration {
	d := first
	for ; n > 1 && d < most; n-- {
		d *= 2
	}
	return min(d, most)
}
