package consumer

import (
	"math/rand/v2"
	"slices"

	"zeroloss/loadgen/record"
)

// nextRoundRobin is smooth weighted round robin (nginx's): each gains its weight, the one
// that has most is taken and gives back what all gained. It returns the index
// of the host taken, -1 where none that weighs anything is left.
func (s *candidateSet) nextRoundRobin(tried []record.Instance) int {
	best, most := -1, int64(0)
	turns := s.turns[:len(s.weights)]
	for i, w := range s.weights {
		t := turns[i] + w
		turns[i] = t
		if (best < 0 || t > most) && w > 0 && (len(tried) == 0 || !slices.Contains(tried, s.hosts[i].Instance)) {
			best, most = i, t
		}
	}
	if best < 0 {
		for i, w := range s.weights {
			turns[i] -= w
		}
		return -1
	}
	turns[best] -= s.total
	return best
}

// undoPicks undoes the latest turns, which order tells, as if those picks had
// not been made.
func (s *candidateSet) undoPicks(order []int32) {
	if len(order) == 0 {
		return
	}
	for i, w := range s.weights {
		s.turns[i] -= int64(len(order)) * w
	}
	for _, i := range order {
		s.turns[i] += s.total
	}
}

// nextRandom takes each by its share of the weight of those not tried.
func (s *candidateSet) nextRandom(r *rand.Rand, tried []record.Instance) int {
	total := s.total
	if len(tried) > 0 {
		for i, w := range s.weights {
			if slices.Contains(tried, s.hosts[i].Instance) {
				total -= w
			}
		}
	}
	if total <= 0 {
		return -1
	}
	n := r.Int64N(total)
	for i, w := range s.weights {
		if len(tried) > 0 && slices.Contains(tried, s.hosts[i].Instance) {
			continue
		}
		if n -= w; n < 0 {
			return i
		}
	}
	return -1
}
