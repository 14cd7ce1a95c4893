package registry

import (
	"maps"
	"slices"
	"time"
)

// Silence finds connections that have died without a word: whose node is gone,
// or the network between. As a real server does, it looks around in rounds,
// asks those from whom nothing came for a while whether they live, and ends
// those that do not answer: with the zero Silence's times, 25 to 28 s after the
// last sign of life, or up to 33 s if others die, too, as a round is over when
// all its answers are there or overdue. It is not safe for concurrent use.
type Silence struct {
	Limit  time.Duration // how long a connection may be silent; 0 is 20 s
	Every  time.Duration // from the end of a round to the next; 0 is 3 s
	Answer time.Duration // how long an answer may take; 0 is 5 s

	heard map[Owner]time.Duration // the last sign of life
	asked map[Owner]time.Duration // when the answer is due
	round time.Duration           // the next one
}

func (s *Silence) times() (limit, every, answer time.Duration) {
	or := func(d, def time.Duration) time.Duration {
		if d <= 0 {
			return def
		}
		return d
	}
	return or(s.Limit, 20*time.Second), or(s.Every, 3*time.Second), or(s.Answer, 5*time.Second)
}

// Heard is a sign of life: a connection is watched from its first one on.
func (s *Silence) Heard(now time.Duration, owner Owner) {
	if s.heard == nil {
		s.heard, s.asked = map[Owner]time.Duration{}, map[Owner]time.Duration{}
	}
	if len(s.heard) == 0 {
		s.rest(now)
	}
	s.heard[owner] = now
	s.answered(now, owner)
}

// Gone is the end of a connection.
func (s *Silence) Gone(now time.Duration, owner Owner) {
	delete(s.heard, owner)
	s.answered(now, owner)
}

func (s *Silence) answered(now time.Duration, owner Owner) {
	if _, asked := s.asked[owner]; !asked {
		return
	}
	delete(s.asked, owner)
	if len(s.asked) == 0 {
		s.rest(now)
	}
}

// rest puts the next round off.
func (s *Silence) rest(now time.Duration) {
	_, every, _ := s.times()
	s.round = now + every
}

// Due does what is due at now: whom to ask, and whom to end. Those to end are
// watched no longer. Both are sorted.
func (s *Silence) Due(now time.Duration) (ask, end []Owner) {
	for _, o := range slices.Sorted(maps.Keys(s.asked)) {
		if s.asked[o] <= now {
			s.Gone(now, o)
			end = append(end, o)
		}
	}
	if len(s.heard) == 0 || len(s.asked) > 0 || now < s.round {
		return nil, end
	}
	s.rest(now)
	limit, _, answer := s.times()
	for _, o := range slices.Sorted(maps.Keys(s.heard)) {
		if now-s.heard[o] >= limit {
			s.asked[o] = now + answer
			ask = append(ask, o)
		}
	}
	return ask, end
}

// Next is the earliest instant at which Due has something to do.
func (s *Silence) Next() (time.Duration, bool) {
	at := s.round
	if len(s.asked) > 0 {
		at = slices.Min(slices.Collect(maps.Values(s.asked)))
	}
	return at, len(s.heard) > 0
}
