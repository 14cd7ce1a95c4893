package consumer

import (
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"zeroloss/demo-services/lane"
	"zeroloss/demo-services/lossless"
	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

// maxSets bounds how many tags have a candidate set of their own. Tags come from
// requests. For any further tag the set is built for each pick, and those tags
// share their turns.
const maxSets = 64

// balancer is the state of the load balancer: one candidate set for each wanted
// tag. Each set has its own turns, so that requests with different tags do not
// affect each other's distribution.
type balancer struct {
	cfg           Config
	hosts         []Host
	marks         map[lossless.Identity]mark
	sets          map[string]*candidateSet
	overflowTurns map[turnKey]int64 // turns for the tags beyond maxSets
	rand          *rand.Rand
}

// turnKey identifies the host that a turn belongs to.
type turnKey struct {
	lossless.Identity
	addr string
}

func (h Host) turnKey() turnKey { return turnKey{h.Identity, h.Addr} }

func newBalancer(cfg Config) balancer {
	return balancer{cfg: cfg, sets: map[string]*candidateSet{}, overflowTurns: map[turnKey]int64{}, rand: rand.New(rand.NewPCG(cfg.Seed, 0x6c6f7373))}
}

// candidateSet holds the hosts to which requests with one tag may go, with their
// weights and turns. The slices have the same indices.
type candidateSet struct {
	current bool // built from the current list and marks
	reason  Reason
	hosts   []Host // never changed in place: batches share it
	hostWeights
	turns []int64 // current weights of smooth weighted round robin
}

// update takes a new list or new marks. It only reads them.
func (b *balancer) update(hosts []Host, marks map[lossless.Identity]mark) {
	b.hosts, b.marks = hosts, marks
	for _, s := range b.sets {
		s.current = false
	}
	maps.DeleteFunc(b.overflowTurns, func(of turnKey, _ int64) bool {
		return !slices.ContainsFunc(hosts, func(h Host) bool { return h.turnKey() == of })
	})
}

// Pick chooses the host for a request that wants a tag, other than those that
// were tried already. It moves the balancer's turns and nothing else: the result
// of a step does not depend on the picks before it.
func (v *View) Pick(now time.Duration, wanted string, tried ...record.Instance) (Host, Reason, error) {
	s := v.balancer.candidatesFor(wanted)
	s.refresh(now)
	i := v.balancer.pickIndex(s, tried)
	if !v.balancer.hasOwnSet(wanted) {
		for j, h := range s.hosts {
			v.balancer.overflowTurns[h.turnKey()] = s.turns[j]
		}
	}
	if i < 0 {
		return Host{}, s.reason, ErrNoInstance
	}
	return s.hosts[i], s.reason, nil
}

// Candidates returns the hosts among which a pick for a tag chooses, by lane and
// marks, whatever their weights: a host with weight 0 can be picked if the others
// were tried, and has a weight a moment later. It moves no turns.
func (v *View) Candidates(wanted string) []Host {
	return slices.Clone(v.balancer.candidatesFor(wanted).hosts)
}

// setKey returns the tag of the set that a request belongs to.
func (b *balancer) setKey(wanted string) string {
	if b.cfg.Consumer.Ungoverned {
		return ""
	}
	return wanted
}

// candidatesFor returns the set for a tag, rebuilt if the list or a mark has
// changed.
func (b *balancer) candidatesFor(wanted string) *candidateSet {
	wanted = b.setKey(wanted)
	s := b.sets[wanted]
	if s == nil {
		if len(b.sets) >= maxSets {
			s = b.build(&candidateSet{}, wanted)
			for i, h := range s.hosts {
				s.turns[i] = b.overflowTurns[h.turnKey()]
			}
			return s
		}
		s = &candidateSet{}
		b.sets[wanted] = s
	}
	if !s.current {
		b.build(s, wanted)
	}
	return s
}

// hasOwnSet reports whether a tag has a set of its own.
func (b *balancer) hasOwnSet(wanted string) bool { return b.sets[b.setKey(wanted)] != nil }

// build chooses the candidates: first by lane, then by marks, then come weights.
// Marks never exclude all hosts: if all hosts of the version are marked, one of
// them is called, rather than another version. Hosts that were candidates before
// keep their turns.
func (b *balancer) build(s *candidateSet, wanted string) *candidateSet {
	before, turns := s.hosts, s.turns
	*s = candidateSet{current: true}
	eligible := b.hosts
	if !b.cfg.Consumer.Ungoverned {
		eligible, s.reason.Lane = lane.Eligible(b.hosts, func(h Host) string { return h.Tag }, wanted, b.cfg.Lane.Strict)
		unmarked := b.unmarked(eligible)
		s.reason.Marked = len(unmarked) == 0 && len(eligible) > 0
		if !s.reason.Marked {
			eligible = unmarked
		}
	}
	s.hosts = eligible
	s.turns = make([]int64, len(eligible))
	for i, h := range eligible {
		if j := slices.IndexFunc(before, func(o Host) bool { return o.turnKey() == h.turnKey() }); j >= 0 {
			s.turns[i] = turns[j]
		}
	}
	s.hostWeights = newHostWeights(b.cfg, eligible)
	return s
}

func (b *balancer) unmarked(hosts []Host) []Host {
	var out []Host
	for _, h := range hosts {
		if _, marked := b.marks[h.Identity]; !marked {
			out = append(out, h)
		}
	}
	return out
}

// pickIndex returns the index of the next host, or -1 if all were tried. It picks
// a host with weight 0 only if no other is left.
func (b *balancer) pickIndex(s *candidateSet, tried []record.Instance) int {
	var i int
	if b.isRandom() {
		i = s.nextRandom(b.rand, tried)
	} else {
		i = s.nextRoundRobin(tried)
	}
	if i < 0 {
		i = slices.IndexFunc(s.hosts, func(h Host) bool { return !slices.Contains(tried, h.Instance) })
	}
	return i
}

func (b *balancer) isRandom() bool { return b.cfg.Consumer.Balancer == settings.Random }
