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

// maxSets bounds the tags for which a set of their own is kept. Tags come from
// requests: what is beyond has a set made for each pick, and shares its turns.
const maxSets = 64

// balancer is the balancer's state: one set for each wanted tag, each with a turn
// of its own, so that streams of different tags do not take each other's.
type balancer struct {
	cfg           Config
	hosts         []Host
	marks         map[lossless.Identity]mark
	sets          map[string]*candidateSet
	overflowTurns map[turnKey]int64 // turns, for tags beyond maxSets
	rand          *rand.Rand
}

// turnKey is whose turn it is.
type turnKey struct {
	lossless.Identity
	addr string
}

func (h Host) turnKey() turnKey { return turnKey{h.Identity, h.Addr} }

func newBalancer(cfg Config) balancer {
	return balancer{cfg: cfg, sets: map[string]*candidateSet{}, overflowTurns: map[turnKey]int64{}, rand: rand.New(rand.NewPCG(cfg.Seed, 0x6c6f7373))}
}

// candidateSet is whom requests that want one tag may go to, with what they weigh and
// whose turn it is: slices that belong together, by index.
type candidateSet struct {
	current bool // built from the list and marks as they are
	reason  Reason
	hosts   []Host // never changed in place: runs share it
	hostWeights
	turns []int64
}

// update takes a new list, or new marks, which it only reads.
func (p *balancer) update(hosts []Host, marks map[lossless.Identity]mark) {
	p.hosts, p.marks = hosts, marks
	for _, s := range p.sets {
		s.current = false
	}
	maps.DeleteFunc(p.overflowTurns, func(of turnKey, _ int64) bool {
		return !slices.ContainsFunc(hosts, func(h Host) bool { return h.turnKey() == of })
	})
}

// Pick chooses whom to call for a request that wants a tag, leaving out those
// that were tried already. It moves the balancer's turn and nothing else: what
// steps do does not depend on the picks between them.
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

// Candidates are those among whom a pick for a tag chooses, by lanes and marks,
// whatever they weigh: who weighs nothing yet can be picked where the others
// were tried, and a moment later weighs something. It moves nothing.
func (v *View) Candidates(wanted string) []Host {
	return slices.Clone(v.balancer.candidatesFor(wanted).hosts)
}

// setKey is the tag whose set a request belongs to.
func (p *balancer) setKey(wanted string) string {
	if p.cfg.Consumer.Ungoverned {
		return ""
	}
	return wanted
}

// candidatesFor is the set for a tag, built anew where the list or a mark has changed.
func (p *balancer) candidatesFor(wanted string) *candidateSet {
	wanted = p.setKey(wanted)
	s := p.sets[wanted]
	if s == nil {
		if len(p.sets) >= maxSets {
			s = p.build(&candidateSet{}, wanted)
			for i, h := range s.hosts {
				s.turns[i] = p.overflowTurns[h.turnKey()]
			}
			return s
		}
		s = &candidateSet{}
		p.sets[wanted] = s
	}
	if !s.current {
		p.build(s, wanted)
	}
	return s
}

// hasOwnSet tells whether a set of its own is kept for a tag.
func (p *balancer) hasOwnSet(wanted string) bool { return p.sets[p.setKey(wanted)] != nil }

// build chooses the candidates, in this order: lanes, then marks, then weights.
// Marks never leave nothing: where all of the version are marked, one of them
// is called all the same, before any other version is. Those that were
// candidates before keep their turn.
func (p *balancer) build(s *candidateSet, wanted string) *candidateSet {
	before, turns := s.hosts, s.turns
	*s = candidateSet{current: true}
	eligible := p.hosts
	if !p.cfg.Consumer.Ungoverned {
		eligible, s.reason.Lane = lane.Eligible(p.hosts, func(h Host) string { return h.Tag }, wanted, p.cfg.Lane.Strict)
		unmarked := p.unmarked(eligible)
		s.reason.Marked = len(unmarked) == 0 && len(eligible) > 0
		if !s.reason.Marked {
			eligible = unmarked
		}
	}
	s.hosts = eligible
	s.turns = make([]int64, len(eligible))
	for i, h := range eligible {
		if j := slices.IndexFunc(before, func(b Host) bool { return b.turnKey() == h.turnKey() }); j >= 0 {
			s.turns[i] = turns[j]
		}
	}
	s.hostWeights = newHostWeights(p.cfg, eligible)
	return s
}

func (p *balancer) unmarked(hosts []Host) []Host {
	var out []Host
	for _, h := range hosts {
		if _, marked := p.marks[h.Identity]; !marked {
			out = append(out, h)
		}
	}
	return out
}

// pickIndex is the index of the host whose turn it is, -1 where all were tried. A
// host that weighs nothing yet is taken where nobody else is left.
func (p *balancer) pickIndex(s *candidateSet, tried []record.Instance) int {
	var i int
	if p.isRandom() {
		i = s.nextRandom(p.rand, tried)
	} else {
		i = s.nextRoundRobin(tried)
	}
	if i < 0 {
		i = slices.IndexFunc(s.hosts, func(h Host) bool { return !slices.Contains(tried, h.Instance) })
	}
	return i
}

func (p *balancer) isRandom() bool { return p.cfg.Consumer.Balancer == settings.Random }
