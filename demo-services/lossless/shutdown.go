package lossless

import (
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

// The deadlines of the shutdown, counted back from the moment at which the pod
// is killed:
//
//	TERM           wait ends          cut            registry closed   KILL
//	 |--- waiting ------|--- closing ---|------------------|-----------|
//	                  -1 s           -0.3 s             -0.1 s          0
const (
	waitEndsBeforeKill       = time.Second
	cutBeforeKill            = 300 * time.Millisecond
	registryClosedBeforeKill = 100 * time.Millisecond

	// minTermGrace is how long kubelet waits after TERM even if the preStop hook
	// has used up the grace period.
	minTermGrace         = 2 * time.Second
	maxCloseWait         = 30 * time.Second
	registryCloseTimeout = time.Second

	// exitCodeSIGTERM is the exit code of a process that does not handle TERM.
	exitCodeSIGTERM = 128 + 15
)

// shutdown ends an instance after TERM, in the order that its mode asks for:
// deregister, wait until no requests come (drain), close the listener, exit.
type shutdown struct {
	*shared
	offline *offline
	term    bool
	termAt  time.Duration
	closing bool // the listener is closed or being closed
}

// killAt returns when the pod is killed at the latest, as far as the machine
// knows: the grace period begins with the hook's /offline if that came first.
func (s *shutdown) killAt() time.Duration {
	start := s.termAt
	if s.goingOffline {
		start = min(start, s.offlineAt)
	}
	return max(start+s.cfg.Offline.Grace, s.termAt+minTermGrace)
}

func (s *shutdown) onTerm(now time.Duration, peers []string) {
	if s.term {
		return
	}
	s.term, s.termAt = true, now
	s.note(record.TermReceived{InFlight: s.inFlight}, "")
	switch s.cfg.Offline.Mode {
	case settings.Kill:
		s.note(record.ListenerClosed{InFlight: s.inFlight}, settings.Kill)
		s.noteRequestsCut()
		s.exit(exitCodeSIGTERM)
	case settings.CloseFirst:
		s.stopOnline(now, record.TriggerTerm)
		s.setReadiness(false)
		s.closeListener(now, settings.CloseFirst, s.killAt()-waitEndsBeforeKill)
	case settings.Lossless, settings.Reject:
		s.offline.start(now, record.TriggerTerm, peers)
		s.offline.limitDeregister(max(now, s.killAt()-waitEndsBeforeKill))
		s.note(record.DrainWait{InFlight: s.inFlight}, "")
	default: // deregister-first
		s.stopOnline(now, record.TriggerTerm)
		s.setReadiness(false)
		s.offline.deregister(now, min(now+deregisterTotalTimeout, s.killAt()-waitEndsBeforeKill))
	}
}

// reconcile does what the current state asks for, after each event.
func (s *shutdown) reconcile(now time.Duration) {
	if s.exited {
		return
	}
	s.offline.tryDeregister(now)
	if !s.term || !s.offline.deregisterOver || s.schedule.has(awaitClosed, awaitRegistryClosed) {
		return
	}
	switch {
	case s.closing:
		s.closeRegistry(now)
	case s.graceful():
		s.drain(now)
	default: // deregister-first: at once
		s.closeListener(now, settings.DeregisterFirst, now)
		s.schedule.drop(awaitClosed)
		s.cutConnections()
		s.closeRegistry(now)
	}
}

// drain closes the listener once the instance is idle, or must close.
func (s *shutdown) drain(now time.Duration) {
	why, next := s.drainEnd(now)
	if why == "" {
		s.schedule.setTimer(drainTimer, next)
		return
	}
	s.schedule.drop(drainTimer)
	s.closeListener(now, why, s.killAt()-cutBeforeKill)
}

// drainEnd returns why the wait is over, or "" and when to check next. The wait
// counts from /offline: it lasts at least MinWait, then until nothing is in
// flight and no request came for Quiet. It lasts at most Cap, and ends before
// the last second of the grace period.
func (s *shutdown) drainEnd(now time.Duration) (why string, next time.Duration) {
	o := s.cfg.Offline
	least := s.offlineAt + o.MinWait
	if !s.knownToRegistry() { // no consumer can know us
		least = s.offlineAt
	}
	most, bound := s.offlineAt+o.DrainTimeout, "cap"
	if last := s.killAt() - waitEndsBeforeKill; last < most {
		most, bound = last, "grace"
	}
	switch idle := s.inFlight == 0 && now-s.lastRequest >= o.QuietPeriod; {
	case o.NoWait:
		return "no-wait", 0
	case now >= least && idle:
		return "quiet", 0
	case now >= most:
		return bound, 0
	case now < least:
		next = least
	case s.inFlight > 0:
		next = now + max(o.QuietPeriod/10, time.Millisecond)
	default:
		next = s.lastRequest + o.QuietPeriod
	}
	return "", min(next, most)
}

// closeListener accepts no more requests, and lets those in flight end until
// deadline.
func (s *shutdown) closeListener(now time.Duration, why string, deadline time.Duration) {
	s.closing = true
	s.act(Action{Kind: DisableKeepAlive})
	s.note(record.ListenerClosed{InFlight: s.inFlight}, why)
	s.do(now, min(now+maxCloseWait, deadline), Action{Kind: CloseListener}, pending{kind: awaitClosed})
}

// onListenerClosed is called when all requests are answered, or with ok false if
// they were not answered in time.
func (s *shutdown) onListenerClosed(now time.Duration, ok bool) {
	if !ok {
		s.cutConnections()
	}
	if s.cfg.Offline.Mode == settings.CloseFirst {
		s.offline.deregister(now, min(now+deregisterTotalTimeout, s.killAt()-cutBeforeKill))
	}
}

// cutConnections ends what is still in flight.
func (s *shutdown) cutConnections() {
	s.noteRequestsCut()
	s.act(Action{Kind: CutConnections})
}

func (s *shutdown) noteRequestsCut() {
	if s.inFlight > 0 {
		s.note(record.RequestsCut{Requests: s.inFlight}, "")
	}
}

func (s *shutdown) closeRegistry(now time.Duration) {
	deadline := min(now+registryCloseTimeout, s.killAt()-registryClosedBeforeKill)
	s.do(now, deadline, Action{Kind: CloseRegistry}, pending{kind: awaitRegistryClosed})
}

func (s *shutdown) onRegistryClosed() {
	s.offline.endNotices()
	s.note(record.Drained{InFlight: s.inFlight}, "")
	s.phase = Drained
	s.exit(0)
}

func (s *shutdown) exit(code int) {
	s.exited = true
	s.schedule = nil
	s.act(Action{Kind: Exit, Code: code})
}
