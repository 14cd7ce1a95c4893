package lossless

import (
	"slices"
	"time"
)

// schedule holds what a Machine waits for: outcomes of actions, and timers, each
// with its deadline.
type schedule []pending

// pending is one outcome or timer.
type pending struct {
	kind    pendingKind
	op      Op            // of the action whose outcome is awaited; 0 for a timer
	at      time.Duration // deadline
	since   time.Duration // when the action was asked for
	peer    string        // of a notice
	attempt int           // of a notice
}

type pendingKind string

const (
	awaitProbe          pendingKind = pendingKind(Probed)
	awaitRegister       pendingKind = pendingKind(RegisterDone)
	awaitPublish        pendingKind = pendingKind(PublishDone)
	awaitDeregister     pendingKind = pendingKind(DeregisterDone)
	awaitNotify         pendingKind = pendingKind(NotifyDone)
	awaitVerify         pendingKind = pendingKind(VerifyDone)
	awaitClosed         pendingKind = pendingKind(Closed)
	awaitRegistryClosed pendingKind = pendingKind(RegistryClosed)

	probeTimer      pendingKind = "probe timer"
	registerTimer   pendingKind = "register timer"
	publishTimer    pendingKind = "publish retry timer"
	warmupTimer     pendingKind = "end of warm-up timer"
	deregisterTimer pendingKind = "deregister retry timer"
	giveUpTimer     pendingKind = "give up deregistering timer"
	notifyTimer     pendingKind = "notify retry timer"
	drainTimer      pendingKind = "drain check timer"
)

func (s *schedule) add(p pending) { *s = append(*s, p) }

// setTimer sets the timer of a kind, in place of the one that was set.
func (s *schedule) setTimer(kind pendingKind, at time.Duration) {
	s.drop(kind)
	s.add(pending{kind: kind, at: at})
}

func (s *schedule) drop(kinds ...pendingKind) {
	*s = slices.DeleteFunc(*s, func(p pending) bool { return slices.Contains(kinds, p.kind) })
}

func (s schedule) has(kinds ...pendingKind) bool {
	return slices.ContainsFunc(s, func(p pending) bool { return slices.Contains(kinds, p.kind) })
}

// next returns the earliest deadline.
func (s schedule) next() (time.Duration, bool) {
	if i := s.earliest(); i >= 0 {
		return s[i].at, true
	}
	return 0, false
}

// earliest returns the index of what is due first, the oldest of equals; -1 if
// there is nothing.
func (s schedule) earliest() int {
	first := -1
	for i, p := range s {
		if first < 0 || p.at < s[first].at {
			first = i
		}
	}
	return first
}

// takeDue removes and returns what is due first, if it is due at now.
func (s *schedule) takeDue(now time.Duration) (pending, bool) {
	i := s.earliest()
	if i < 0 || (*s)[i].at > now {
		return pending{}, false
	}
	return s.take(i), true
}

// takeOp removes and returns the outcome that e reports, if it is awaited.
func (s *schedule) takeOp(e Event) (pending, bool) {
	i := slices.IndexFunc(*s, func(p pending) bool {
		return e.Op != 0 && p.op == e.Op && p.kind == pendingKind(e.Kind)
	})
	if i < 0 {
		return pending{}, false
	}
	return s.take(i), true
}

func (s *schedule) take(i int) pending {
	p := (*s)[i]
	*s = slices.Delete(*s, i, i+1)
	return p
}
