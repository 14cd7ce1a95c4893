package ledger

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"zeroloss/loadgen/record"
)

// stampSlack is how far an event's instant may be from its effect on a
// request: writing the line, closing the socket, choosing and dialling.
const stampSlack = 20 * time.Millisecond

// prediction is how many requests a release should lose of one arm, told
// without counting a loss:
//
//	lost ≈ Σ over consumers of λ · max(0, tc − tx), + in flight at the kill
//
// λ is the instance's own rate from one consumer: what that consumer sent to
// the instance's service and version before the release, shared among those
// that its list shows (as the list changes, so does the share). tc is when
// that consumer dropped the instance, tx when the instance stopped to serve.
// All come from the events and from requests before the release, none from
// what was lost.
//
// The bounds leave each consumer ±1 request for where in its gap between two
// calls tx and tc fall, one more for each change of its list between them,
// and ±λ·20 ms for how far an event's time stamp may be from its effect. A
// consumer that dropped the instance more than that before it closed adds
// nothing, to either bound.
type prediction struct {
	low, high, mid float64
	rate           float64
	terms          []string
}

// predict computes r's loss of one arm.
func (b *books) predict(r *release, arm int) prediction {
	var p prediction
	if r.foreign {
		return p // who calls it, and when they hear, cannot be seen
	}
	tx := r.gone()
	if tx == 0 {
		return p // it never stopped to serve
	}
	for _, c := range b.consumers(r, arm) {
		p.rate += c.rate * b.share(r, c.caller, r.begin)
		tc := r.heardBy(c.caller)
		never := tc == 0
		if never {
			tc = max(tx, b.w.end)
		}
		d := tc.Sub(tx)
		slip := stampSlack + b.clocks.between(c.caller, r.instance)
		if d+slip <= 0 {
			continue
		}
		lost, changes := b.exposure(r, c, tx, tc)
		slack := c.rate * b.share(r, c.caller, tx) * min(d+slip, slip).Seconds()
		phase := float64(1 + changes)
		p.mid += lost
		p.low += max(0, lost-slack-phase)
		p.high += lost + slack + phase
		p.terms = append(p.terms, c.term(lost, d, never))
	}
	b.inFlight(r, &p)
	return p
}

// exposure is how many requests c sends to r from tx to tc, and how often its
// share of them changes.
func (b *books) exposure(r *release, c consumerRate, tx, tc record.Micros) (lost float64, changes int) {
	from := tx
	add := func(to record.Micros) {
		if to > from {
			lost += c.rate * b.share(r, c.caller, from) * to.Sub(from).Seconds()
			from = to
		}
	}
	if caller := b.lookup(c.caller); caller != nil {
		for _, v := range caller.lists {
			if v.service == r.service && v.at > tx && v.at < tc {
				add(v.at)
				changes++
			}
		}
	}
	add(tc)
	return lost, changes
}

// share is the part of a consumer's calls that comes to r at t: one of those
// of its version that the consumer's list shows, or, where it tells no list,
// of those that are registered.
func (b *books) share(r *release, consumer record.Instance, t record.Micros) float64 {
	n := 0
	if c := b.lookup(consumer); c != nil {
		for _, v := range c.lists {
			if v.at > t {
				break
			}
			if v.service == r.service {
				n = v.version(r.tag)
			}
		}
	}
	if n == 0 {
		n = b.mates(r)
	}
	return 1 / float64(max(1, n))
}

// version is how many hosts of a version the view shows.
func (v view) version(tag string) int {
	if v.tags == nil {
		return int(v.n)
	}
	return v.tags[tag]
}

// mates is how many instances of r's version, r among them, were registered
// when it went.
func (b *books) mates(r *release) (n int) {
	for _, l := range b.w.order {
		if l.known && l.service == r.service && l.tag == r.tag && l.up(r.begin-1) {
			n++
		}
	}
	return n
}

// consumerRate is how often one consumer called r's service and version.
type consumerRate struct {
	caller record.Instance
	rate   float64 // requests a second
	name   string
}

func (c consumerRate) term(lost float64, d time.Duration, never bool) string {
	λ := c.rate
	if d > 0 {
		λ = lost / d.Seconds()
	}
	if never {
		return fmt.Sprintf("%s %.1f/s × %s (never heard)", c.name, λ, ms(d))
	}
	return fmt.Sprintf("%s %.1f/s × %s", c.name, λ, ms(d))
}

// consumers is who called r's service and version on behalf of an arm, by
// name.
func (b *books) consumers(r *release, arm int) []consumerRate {
	span := r.begin.Sub(r.window)
	if span < rateWindow/10 {
		return b.declared(r, arm)
	}
	var out []consumerRate
	for c, n := range r.rates {
		if c.arm == arm {
			out = append(out, consumerRate{caller: c.caller, rate: float64(n) / span.Seconds(), name: who(c.caller)})
		}
	}
	slices.SortFunc(out, func(a, b consumerRate) int { return cmp.Compare(a.name, b.name) })
	return out
}

// declared is the load that an arm was to send, where too little was sent
// before the release to measure it. All callers together are taken as one
// that hears as late as the last of them.
func (b *books) declared(r *release, arm int) []consumerRate {
	all := consumerRate{name: "declared"}
	for _, s := range b.order {
		if s.arm != nil && s.arm.index == arm {
			all.rate += s.spec.Rate
		}
	}
	for caller, at := range r.heard {
		if at == r.lastHeard() && (all.caller == (record.Instance{}) || caller.String() < all.caller.String()) {
			all.caller = caller
		}
	}
	return []consumerRate{all}
}

// rate is r's own, of one arm, when it went.
func (b *books) rate(r *release, arm int) (sum float64) {
	for _, c := range b.consumers(r, arm) {
		sum += c.rate * b.share(r, c.caller, r.begin)
	}
	return sum
}

// inFlight adds what the release cut: as the instance counted it, or, for one
// that could count no more, what is on its way at any moment at most.
func (b *books) inFlight(r *release, p *prediction) {
	var all float64
	for _, arm := range r.arms {
		all += b.rate(r, arm)
	}
	if all == 0 {
		return
	}
	for _, e := range r.events {
		if e.Kind == record.KindRequestsCut && e.N > 0 {
			n := float64(e.N) * p.rate / all
			p.mid, p.low, p.high = p.mid+n, p.low+n, p.high+n
			p.terms = append(p.terms, fmt.Sprintf("%.0f cut in flight", n))
			return
		}
	}
	if !r.planned && p.rate > 0 {
		p.high++
		p.terms = append(p.terms, "0..1 in flight when it died")
	}
}

// bounds are whole requests.
func (p prediction) bounds() (low, high int) {
	return int(math.Floor(p.low + 1e-9)), int(math.Ceil(p.high - 1e-9))
}

// why is the arithmetic, in words.
func (p prediction) why(r *release) string {
	if r.foreign {
		return r.instance.String() + ": not predicted, as its callers cannot be seen"
	}
	if len(p.terms) == 0 {
		if r.gone() == 0 {
			return r.instance.String() + ": it never stopped to serve"
		}
		return r.instance.String() + ": all had dropped it before it closed"
	}
	return fmt.Sprintf("%s: %s = %.1f", r.instance, strings.Join(p.terms, " + "), p.mid)
}
