package control

import (
	"fmt"
	"slices"
	"time"

	"zeroloss/loadgen/record"
)

type probeKind string

const (
	startup   probeKind = "startup"
	readiness probeKind = "readiness"
	liveness  probeKind = "liveness"
)

// prober sends one probe again and again: each Period after the first,
// however long the results take.
type prober struct {
	kind      probeKind
	spec      *Probe
	at        time.Duration // of the next probe
	op        Op            // 0: no result is awaited
	timeoutAt time.Duration // when the current probe counts as failed
	successes int           // in a row
	failures  int           // in a row
}

// newProber sends the first probe InitialDelay after the container's start,
// but not before any of notBefore.
func newProber(kind probeKind, spec *Probe, started time.Duration, notBefore ...time.Duration) *prober {
	at := started + spec.InitialDelay
	for _, t := range notBefore {
		at = max(at, t)
	}
	return &prober{kind: kind, spec: spec, at: at}
}

func (r *prober) deadline() time.Duration {
	if r.op != 0 {
		return r.timeoutAt
	}
	return r.at
}

// timeout is that of the probe; Kubernetes' default is 1 s.
func (r *prober) timeout() time.Duration {
	if r.spec.Timeout > 0 {
		return r.spec.Timeout
	}
	return time.Second
}

func (r *prober) send(p *SimulatedControlPlane, d *pod) {
	r.timeoutAt = p.now + r.timeout()
	for r.at <= p.now { // probes do not pile up behind a slow one
		r.at += r.spec.Period
	}
	a := RunProbe{PodAction: d.action(p, r.timeoutAt), Probe: r.spec}
	r.op = a.Op
	p.add(a)
}

// addResult reports whether a threshold was reached with a result.
func (r *prober) addResult(ok bool) bool {
	r.op = 0
	if ok {
		r.successes, r.failures = r.successes+1, 0
		return r.successes == max(1, r.spec.SuccessThreshold)
	}
	r.successes, r.failures = 0, r.failures+1
	return r.failures == r.threshold()
}

// threshold is the failureThreshold of the probe; Kubernetes' default is 3.
func (r *prober) threshold() int {
	if r.spec.FailureThreshold > 0 {
		return r.spec.FailureThreshold
	}
	return 3
}

func (d *pod) onProbeFinished(p *SimulatedControlPlane, e ProbeFinished) {
	for _, r := range d.probes {
		if r.op != 0 && r.op == e.Op {
			d.onProbeResult(p, r, e.Success, e.Err)
			return
		}
	}
}

func (d *pod) onProbeResult(p *SimulatedControlPlane, r *prober, ok bool, text string) {
	reached := r.addResult(ok)
	if !ok {
		d.recordEvent(p, record.ProbeFailed{Failures: r.failures}, fmt.Sprintf("%s: %s", r.kind, text))
	}
	if !reached {
		return
	}
	switch {
	case r.kind == readiness:
		d.setReady(p, ok)
	case r.kind == startup && ok:
		d.onStartedUp(p)
	case !ok: // startup or liveness
		d.restart(p)
	}
}

func (d *pod) handleProbeDeadlines(p *SimulatedControlPlane) {
	for _, r := range d.probes { // d.probes may be replaced below; results of removed ones do not count
		switch {
		case !slices.Contains(d.probes, r):
		case r.op != 0 && r.timeoutAt <= p.now:
			d.onProbeResult(p, r, false, fmt.Sprintf("no answer within %v", r.timeout()))
		case r.op == 0 && r.at <= p.now:
			r.send(p, d)
		}
		if d.phase != running {
			return
		}
	}
}
