package consumer

import (
	"math/rand/v2"
	"slices"
	"time"

	"zeroloss/demo-services/lane"
	"zeroloss/demo-services/lossless"
	"zeroloss/demo-services/settings"
	"zeroloss/demo-services/warmup"
	"zeroloss/loadgen/record"
)

// baseWeight is what an instance of the registry's weight 1 weighs: the
// originals' 100, which is as fine as warm-up gets.
const baseWeight = 100

// maxSets bounds the tags for which a set of their own is kept; the rest
// shares one. Tags come from requests.
const maxSets = 64

// picks is the balancer's state: one set for each wanted tag, each with a turn
// of its own, so that streams of different tags do not take each other's.
type picks struct {
	cfg   Config
	hosts []Host
	marks map[lossless.Identity]mark
	sets  map[string]*set
	rand  *rand.Rand
}

func newPicks(cfg Config) picks {
	return picks{cfg: cfg, sets: map[string]*set{}, rand: rand.New(rand.NewPCG(cfg.Seed, 0x6c6f7373))}
}

// set is whom requests that want one tag may go to.
type set struct {
	current bool // built from the list and marks as they are
	reason  Reason
	hosts   []candidate
	total   int64
	warming bool // some weight still changes
}

// candidate is a host with its place in the smooth round robin.
type candidate struct {
	Host
	model  *warmup.Model // nil: it does not warm up
	full   int           // weight when warm
	weight int64
	turn   int64
}

// changed takes a new list, or new marks, which it only reads.
func (p *picks) changed(hosts []Host, marks map[lossless.Identity]mark) {
	p.hosts, p.marks = hosts, marks
	for _, s := range p.sets {
		s.current = false
	}
}

// Pick chooses whom to call for a request that wants a tag, leaving out those
// that were tried already. It moves the balancer's turn and nothing else: what
// steps do does not depend on the picks between them.
func (v *View) Pick(now time.Duration, wanted string, tried ...record.Instance) (Host, Reason, error) {
	s := v.picks.of(wanted)
	if s.warming {
		s.weigh(now, v.cfg.Epoch)
	}
	var c *candidate
	if v.cfg.Consumer.Balancer == settings.Random {
		c = s.random(v.picks.rand, tried)
	} else {
		c = s.next(tried)
	}
	if c == nil {
		return Host{}, s.reason, ErrNoInstance
	}
	return c.Host, s.reason, nil
}

// of is the set for a tag, built anew where the list or a mark has changed.
func (p *picks) of(wanted string) *set {
	if p.cfg.Consumer.Ungoverned {
		wanted = ""
	}
	s := p.sets[wanted]
	if s == nil {
		if len(p.sets) >= maxSets {
			return p.build(&set{}, wanted)
		}
		s = &set{}
		p.sets[wanted] = s
	}
	if !s.current {
		p.build(s, wanted)
	}
	return s
}

// build chooses the candidates: lanes first, then marks, which never leave
// nothing: where all of the version are marked, one of them is called all the
// same, before any other version is. Those that were candidates before keep
// their turn.
func (p *picks) build(s *set, wanted string) *set {
	before := s.hosts
	*s = set{current: true}
	eligible := p.hosts
	if !p.cfg.Consumer.Ungoverned {
		eligible, s.reason.Lane = lane.Eligible(p.hosts, func(h Host) string { return h.Tag }, wanted, p.cfg.Lane.Strict)
		unmarked := p.unmarked(eligible)
		s.reason.Marked = len(unmarked) == 0 && len(eligible) > 0
		if !s.reason.Marked {
			eligible = unmarked
		}
	}
	for _, h := range eligible {
		c := p.candidate(h)
		if i := slices.IndexFunc(before, func(b candidate) bool { return b.Identity == h.Identity && b.Addr == h.Addr }); i >= 0 {
			c.turn = before[i].turn
		}
		s.total += c.weight
		s.warming = s.warming || c.model != nil
		s.hosts = append(s.hosts, c)
	}
	return s
}

func (p *picks) unmarked(hosts []Host) []Host {
	var out []Host
	for _, h := range hosts {
		if _, marked := p.marks[h.Identity]; !marked {
			out = append(out, h)
		}
	}
	return out
}

// candidate weighs h as if it were warm; [set.weigh] sees to those that are
// not. A model that we do not know is no warm-up: the metadata is another's.
func (p *picks) candidate(h Host) candidate {
	if p.cfg.Consumer.Ungoverned {
		return candidate{Host: h, full: 1, weight: 1}
	}
	full := max(int(h.Weight*baseWeight+0.5), 1)
	c := candidate{Host: h, full: full, weight: int64(full)}
	if m, err := warmup.Find(h.Warmup.Model); err == nil && h.Warmup.Window > 0 && h.Start > 0 {
		c.model = &m
	}
	return c
}

// weigh gives the hosts that warm up the weight of their age.
func (s *set) weigh(now time.Duration, epoch int64) {
	s.total, s.warming = 0, false
	for i := range s.hosts {
		c := &s.hosts[i]
		if c.model != nil {
			w := c.Warmup
			age := now - time.Duration(c.Start-epoch)*time.Millisecond
			c.weight = int64(c.model.Weight(w.Curve, age, w.Window, c.full))
			s.warming = s.warming || age < w.Window
		}
		s.total += c.weight
	}
}

// next is smooth weighted round robin (nginx's): each gains its weight, the one
// that has most is taken and gives back what all gained.
func (s *set) next(tried []record.Instance) *candidate {
	var best *candidate
	for i := range s.hosts {
		c := &s.hosts[i]
		c.turn += c.weight
		if (best == nil || c.turn > best.turn) && (len(tried) == 0 || !slices.Contains(tried, c.Instance)) {
			best = c
		}
	}
	if best != nil {
		best.turn -= s.total
	}
	return best
}

// random takes each by its share of the weight of those not tried.
func (s *set) random(r *rand.Rand, tried []record.Instance) *candidate {
	total := s.total
	for i := range s.hosts {
		if slices.Contains(tried, s.hosts[i].Instance) {
			total -= s.hosts[i].weight
		}
	}
	if total <= 0 {
		return nil
	}
	n := r.Int64N(total)
	for i := range s.hosts {
		c := &s.hosts[i]
		if slices.Contains(tried, c.Instance) {
			continue
		}
		if n -= c.weight; n < 0 {
			return c
		}
	}
	return nil
}
