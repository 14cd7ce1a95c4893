package consumer

import (
	"math/rand/v2"
	"slices"

	"zeroloss/loadgen/record"
)

// nextRoundRobin is nginx's smooth weighted round robin: the turn of each host
// grows by its weight, and the host with the largest turn is picked and loses the
// sum of all weights. It returns the host's index, or -1 if no host with a weight
// is left.
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

// undoPicks restores the turns as if the latest picks had not been made.
func (s *candidateSet) undoPicks(picks []int32) {
	if len(picks) == 0 {
		return
	}
	for i, w := range s.weights {
		s.turns[i] -= int64(len(picks)) * w
	}
	for _, i := range picks {
		s.turns[i] += s.total
	}
}

// nextRandom picks each host with its share of the weight of the hosts that were
// not tried.
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
