package registry

import (
	"maps"
	"slices"
	"time"
)

// ConnHealth finds connections that have died without a word: whose node is gone,
// or the network between. As a real server does, it looks around in rounds,
// asks those from whom nothing came for a while whether they live, and ends
// those that do not answer: with the zero Silence's times, 25 to 28 s after the
// last sign of life, or up to 33 s if others die, too, as a round is over when
// all its answers are there or overdue. It is not safe for concurrent use.
type ConnHealth struct {
	IdleLimit     time.Duration // how long a connection may be silent; 0 is 20 s
	CheckInterval time.Duration // from the end of a round to the next; 0 is 3 s
	ProbeTimeout  time.Duration // how long an answer may take; 0 is 5 s

	lastActive     map[ClientID]time.Duration // the last sign of life
	probeDeadlines map[ClientID]time.Duration // when the answer is due
	nextCheck      time.Duration              // the next one
}

func (s *ConnHealth) withDefaults() (limit, every, answer time.Duration) {
	or := func(d, def time.Duration) time.Duration {
		if d <= 0 {
			return def
		}
		return d
	}
	return or(s.IdleLimit, 20*time.Second), or(s.CheckInterval, 3*time.Second), or(s.ProbeTimeout, 5*time.Second)
}

// Active is a sign of life: a connection is watched from its first one on.
func (s *ConnHealth) Active(now time.Duration, owner ClientID) {
	if s.lastActive == nil {
		s.lastActive, s.probeDeadlines = map[ClientID]time.Duration{}, map[ClientID]time.Duration{}
	}
	if len(s.lastActive) == 0 {
		s.scheduleCheck(now)
	}
	s.lastActive[owner] = now
	s.endProbe(now, owner)
}

// Closed is the end of a connection.
func (s *ConnHealth) Closed(now time.Duration, owner ClientID) {
	delete(s.lastActive, owner)
	s.endProbe(now, owner)
}

func (s *ConnHealth) endProbe(now time.Duration, owner ClientID) {
	if _, asked := s.probeDeadlines[owner]; !asked {
		return
	}
	delete(s.probeDeadlines, owner)
	if len(s.probeDeadlines) == 0 {
		s.scheduleCheck(now)
	}
}

// scheduleCheck puts the next round off.
func (s *ConnHealth) scheduleCheck(now time.Duration) {
	_, every, _ := s.withDefaults()
	s.nextCheck = now + every
}

// Due does what is due at now: whom to ask, and whom to end. Those to end are
// watched no longer. Both are sorted.
func (s *ConnHealth) Due(now time.Duration) (ask, end []ClientID) {
	for _, o := range slices.Sorted(maps.Keys(s.probeDeadlines)) {
		if s.probeDeadlines[o] <= now {
			s.Closed(now, o)
			end = append(end, o)
		}
	}
	if len(s.lastActive) == 0 || len(s.probeDeadlines) > 0 || now < s.nextCheck {
		return nil, end
	}
	s.scheduleCheck(now)
	limit, _, answer := s.withDefaults()
	for _, o := range slices.Sorted(maps.Keys(s.lastActive)) {
		if now-s.lastActive[o] >= limit {
			s.probeDeadlines[o] = now + answer
			ask = append(ask, o)
		}
	}
	return ask, end
}

// Next is the earliest instant at which Due has something to do.
func (s *ConnHealth) Next() (time.Duration, bool) {
	at := s.nextCheck
	if len(s.probeDeadlines) > 0 {
		at = slices.Min(slices.Collect(maps.Values(s.probeDeadlines)))
	}
	return at, len(s.lastActive) > 0
}
