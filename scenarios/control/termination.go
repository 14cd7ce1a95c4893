package control

import (
	"slices"
	"time"

	"zeroloss/loadgen/record"
)

const (
	// minTermGrace is kubelet's: the time left for TERM is never shorter. It is
	// not divided by the speed.
	minTermGrace = 2 * time.Second
	// exitTimeout bounds the wait for a killed container's exit.
	exitTimeout = 5 * time.Second
	// shutdownTimeout is what a container has at the end of the run.
	shutdownTimeout = 1500 * time.Millisecond
)

// termination is kubelet's stopping of one container, which took the pod's deletion
// or a failed liveness probe to begin.
//
//	begin ── preStop ──┬─ done ──▶ TERM ──▶ KILL at max(grace's end, TERM + 2 s)
//	                   └─ grace ends: abandoned ──▶ TERM ──▶ KILL 2 s later
type termination struct {
	graceEnds    time.Duration
	hookOp       Op // 0: no hook is running
	killAt       time.Duration
	exitDeadline time.Duration
	termSent     bool
	killSent     bool
}

func (s *termination) start(p *SimulatedControlPlane, d *pod) {
	// kubelet goes on asking for readiness until the container has ended
	// (pkg/kubelet: SyncTerminatingPod stops liveness and startup alone).
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

// kill ends it now; why is told with it.
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

// interrupt makes the container go at once: it may write its end, no more.
func (s *termination) interrupt(p *SimulatedControlPlane, d *pod) {
	if s.killSent {
		return
	}
	s.abandon(p, d, "the run is over")
	d.probes = nil
	s.termSent, s.killAt = true, p.now+shutdownTimeout
	p.add(SendSignal{PodAction: d.action(p, s.killAt), Signal: SignalInterrupt})
}

// abandon stops waiting for a hook that still runs.
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
		d.exit(p, -1, "no exit was told after KILL")
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

func (s *termination) next(d *pod, dl *deadline) {
	switch {
	case s.hookOp != 0:
		dl.add(s.graceEnds)
	case s.killSent:
		dl.add(s.exitDeadline)
	case s.termSent:
		dl.add(s.killAt)
	}
}
