package control

import (
	"slices"
	"time"

	"zeroloss/loadgen/record"
)

const (
	// minTerm is kubelet's: the time left for TERM is never shorter. It is
	// not divided by the speed.
	minTerm = 2 * time.Second
	// reapTimeout bounds the wait for a killed container's exit.
	reapTimeout = 5 * time.Second
	// leaveTimeout is what a container has at the end of the run.
	leaveTimeout = 1500 * time.Millisecond
)

// stop is kubelet's stopping of one container, which took the pod's deletion
// or a failed liveness probe to begin.
//
//	begin ── preStop ──┬─ done ──▶ TERM ──▶ KILL at max(grace's end, TERM + 2 s)
//	                   └─ grace ends: abandoned ──▶ TERM ──▶ KILL 2 s later
type stop struct {
	graceEnds time.Duration
	hookOp    Op // 0: no hook is running
	killAt    time.Duration
	reapAt    time.Duration
	termSent  bool
	killSent  bool
}

func (s *stop) begin(p *Plane, d *pod) {
	// kubelet goes on asking for readiness until the container has ended
	// (pkg/kubelet: SyncTerminatingPod stops liveness and startup alone).
	d.probes = slices.DeleteFunc(slices.Clone(d.probes), func(r *prober) bool { return r.kind != readiness })
	h := d.w.spec.PreStop
	if h == nil {
		s.term(p, d)
		return
	}
	d.note(p, record.KindHookStarted, "")
	s.hookOp = d.act(p, Action{Kind: RunHook, Hook: h, Deadline: s.graceEnds})
}

// onHook is the hook's end. That it failed is told, and stops nothing.
func (s *stop) onHook(p *Plane, d *pod, e Event) {
	if s.hookOp == 0 || e.Op != s.hookOp {
		return
	}
	s.hookOp = 0
	if e.Err != "" {
		d.note(p, record.KindHookFailed, e.Err)
	} else {
		d.note(p, record.KindHookDone, "")
	}
	s.term(p, d)
}

func (s *stop) term(p *Plane, d *pod) {
	s.termSent, s.killAt = true, max(s.graceEnds, p.now+minTerm)
	d.note(p, record.KindTermSent, "")
	d.act(p, Action{Kind: Signal, Sig: "TERM", Deadline: s.killAt})
}

// kill ends it now; why is told with it.
func (s *stop) kill(p *Plane, d *pod, why string) {
	if s.killSent {
		return
	}
	s.abandon(p, d, "the container is killed")
	d.probes = nil
	s.termSent, s.killSent, s.reapAt = true, true, p.now+reapTimeout
	d.note(p, record.KindKillSent, why)
	d.act(p, Action{Kind: Signal, Sig: "KILL", Deadline: s.reapAt})
}

// hurry makes the container go at once: it may write its end, no more.
func (s *stop) hurry(p *Plane, d *pod) {
	if s.killSent {
		return
	}
	s.abandon(p, d, "the run is over")
	d.probes = nil
	s.termSent, s.killAt = true, p.now+leaveTimeout
	d.act(p, Action{Kind: Signal, Sig: "INT", Deadline: s.killAt})
}

// abandon stops waiting for a hook that still runs.
func (s *stop) abandon(p *Plane, d *pod, why string) {
	if s.hookOp == 0 {
		return
	}
	s.hookOp = 0
	d.note(p, record.KindHookAbandoned, why)
	d.act(p, Action{Kind: AbandonHook})
}

func (s *stop) expire(p *Plane, d *pod) {
	switch {
	case s.hookOp != 0 && s.graceEnds <= p.now:
		s.abandon(p, d, "grace ended first")
		s.term(p, d)
	case s.killSent && s.reapAt <= p.now:
		d.onExited(p, -1, "no exit was told after KILL")
	case s.termSent && !s.killSent && s.killAt <= p.now:
		s.kill(p, d, s.why(p))
	}
}

func (s *stop) why(p *Plane) string {
	if p.down {
		return "the run is over"
	}
	return "grace ended"
}

func (s *stop) next(d *pod, dl *deadline) {
	switch {
	case s.hookOp != 0:
		dl.at(s.graceEnds)
	case s.killSent:
		dl.at(s.reapAt)
	case s.termSent:
		dl.at(s.killAt)
	}
}
