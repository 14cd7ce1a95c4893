package control

import (
	"slices"
	"time"

	"zeroloss/loadgen/record"
)

const (
	// minTermGrace is the kubelet's minimum time between TERM and KILL. It is
	// not divided by the speed.
	minTermGrace = 2 * time.Second
	// exitTimeout is the time that a killed container has to exit.
	exitTimeout = 5 * time.Second
	// shutdownTimeout is the time that a container has to exit at the end of
	// the run.
	shutdownTimeout = 1500 * time.Millisecond
)

// termination is how the kubelet stops a container, after the deletion of its
// pod or a failed liveness probe.
//
//	start ── preStop ──┬─ done ──▶ TERM ──▶ KILL at max(end of grace, TERM + 2 s)
//	                   └─ end of grace: abandoned ──▶ TERM ──▶ KILL 2 s later
type termination struct {
	graceEnds    time.Duration
	hookOp       Op // 0: no hook runs
	killAt       time.Duration
	exitDeadline time.Duration
	termSent     bool
	killSent     bool
}

func (s *termination) start(p *SimulatedControlPlane, d *pod) {
	// The kubelet continues readiness probes until the container has exited
	// (pkg/kubelet: SyncTerminatingPod stops liveness and startup probes
	// only).
	d.probes = slices.DeleteFunc(slices.Clone(d.probes), func(r *prober) bool { return r.kind != readiness })
	h := d.deployment.spec.PreStop
	if h == nil {
		s.term(p, d)
		return
	}
	d.recordEvent(p, record.HookStarted{}, "")
	a := RunHook{PodAction: d.action(p, s.graceEnds), Hook: h}
	s.hookOp = a.Op
	p.add(a)
}

// onHookFinished handles the end of the hook. A hook that fails is recorded;
// the termination goes on.
func (d *pod) onHookFinished(p *SimulatedControlPlane, e HookFinished) {
	s := d.termination
	if s == nil || s.hookOp == 0 || e.Op != s.hookOp {
		return
	}
	s.hookOp = 0
	if e.Err != "" {
		d.recordEvent(p, record.HookFailed{}, e.Err)
	} else {
		d.recordEvent(p, record.HookDone{}, "")
	}
	s.term(p, d)
}

func (s *termination) term(p *SimulatedControlPlane, d *pod) {
	s.termSent, s.killAt = true, max(s.graceEnds, p.now+minTermGrace)
	d.recordEvent(p, record.TermSent{}, "")
	p.add(SendSignal{PodAction: d.action(p, s.killAt), Signal: SignalTerm})
}

// kill kills the container now; why is recorded.
func (s *termination) kill(p *SimulatedControlPlane, d *pod, why string) {
	if s.killSent {
		return
	}
	s.abandon(p, d, "the container is killed")
	d.probes = nil
	s.termSent, s.killSent, s.exitDeadline = true, true, p.now+exitTimeout
	d.recordEvent(p, record.KillSent{}, why)
	p.add(SendSignal{PodAction: d.action(p, s.exitDeadline), Signal: SignalKill})
}

// interrupt has the container record its end and exit at once.
func (s *termination) interrupt(p *SimulatedControlPlane, d *pod) {
	if s.killSent {
		return
	}
	s.abandon(p, d, "the run is over")
	d.probes = nil
	s.termSent, s.killAt = true, p.now+shutdownTimeout
	p.add(SendSignal{PodAction: d.action(p, s.killAt), Signal: SignalInterrupt})
}

// abandon ends the wait for a hook that still runs.
func (s *termination) abandon(p *SimulatedControlPlane, d *pod, why string) {
	if s.hookOp == 0 {
		return
	}
	s.hookOp = 0
	d.recordEvent(p, record.HookAbandoned{}, why)
	p.add(AbandonHook{d.action(p, 0)})
}

func (s *termination) handleDeadlines(p *SimulatedControlPlane, d *pod) {
	switch {
	case s.hookOp != 0 && s.graceEnds <= p.now:
		s.abandon(p, d, "grace ended first")
		s.term(p, d)
	case s.killSent && s.exitDeadline <= p.now:
		d.exit(p, -1, "no exit was reported after KILL")
	case s.termSent && !s.killSent && s.killAt <= p.now:
		s.kill(p, d, s.killReason(p))
	}
}

func (s *termination) killReason(p *SimulatedControlPlane) string {
	if p.shutDown {
		return "the run is over"
	}
	return "grace ended"
}

func (s *termination) next(dl *deadline) {
	switch {
	case s.hookOp != 0:
		dl.add(s.graceEnds)
	case s.killSent:
		dl.add(s.exitDeadline)
	case s.termSent:
		dl.add(s.killAt)
	}
}
