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
// λ is the rate at which one consumer called the instance before it went (its
// share of the declared load where that could not be measured), tc when that
// consumer dropped it, tx when it stopped to serve. All come from the events
// and from requests before the release, none from what was lost.
//
// The bounds leave each consumer ±1 request, for where in its gap between two
// calls tx and tc fall, and ±λ·20 ms, for how far an event's time stamp may be
// from its effect. A consumer that dropped the instance more than that before
// it closed adds nothing, to either bound.
type prediction struct {
	low, high, mid float64
	rate           float64
	terms          []string
}

// predict computes r's loss of one arm.
func (b *books) predict(r *release, arm int) prediction {
	var p prediction
	tx := r.gone()
	if tx == 0 {
		return p // it never stopped to serve
	}
	for _, c := range b.consumers(r, arm) {
		p.rate += c.rate
		tc := r.heardBy(c.caller)
		never := tc == 0
		if never {
			tc = max(tx, b.w.end)
		}
		d := tc.Sub(tx)
		if d+stampSlack <= 0 {
			continue
		}
		p.mid += c.rate * max(0, d).Seconds()
		p.low += max(0, c.rate*(d-stampSlack).Seconds()-1)
		p.high += c.rate*(d+stampSlack).Seconds() + 1
		p.terms = append(p.terms, c.term(d, never))
	}
	b.inFlight(r, &p)
	return p
}

// consumerRate is one consumer's rate of calls to the instance.
type consumerRate struct {
	caller record.Instance
	rate   float64
	name   string
}

func (c consumerRate) term(d time.Duration, never bool) string {
	if never {
		return fmt.Sprintf("%s %.1f/s × %s (never heard)", c.name, c.rate, ms(d))
	}
	return fmt.Sprintf("%s %.1f/s × %s", c.name, c.rate, ms(d))
}

// consumers is who called r on behalf of an arm, by name.
func (b *books) consumers(r *release, arm int) []consumerRate {
	span := r.begin.Sub(r.window)
	var out []consumerRate
	if span >= rateWindow/10 {
		for c, n := range r.rates {
			if c.arm == arm {
				out = append(out, consumerRate{caller: c.caller, rate: float64(n) / span.Seconds(), name: who(c.caller)})
			}
		}
		slices.SortFunc(out, func(a, b consumerRate) int { return cmp.Compare(a.name, b.name) })
		return out
	}
	rate := b.declared(r, arm)
	if rate == 0 {
		return nil
	}
	// Too little was sent before to measure it. All callers together are
	// taken as one that hears as late as the last of them.
	last := consumerRate{rate: rate, name: "declared"}
	for caller, at := range r.heard {
		if at == r.lastHeard() {
			last.caller = caller
		}
	}
	return []consumerRate{last}
}

// declared is an instance's share of the load that its arm was to send.
func (b *books) declared(r *release, arm int) float64 {
	var rate float64
	for _, s := range b.order {
		if s.arm != nil && s.arm.index == arm {
			rate += s.spec.Rate
		}
	}
	mates := 0
	for _, l := range b.w.order {
		if l.known && l.workload == r.workload && l.up(r.begin-1) {
			mates++
		}
	}
	return rate / float64(max(1, mates))
}

// inFlight adds what the release cut: as the instance counted it, or, for one
// that could count no more, what is on its way at any moment at most.
func (b *books) inFlight(r *release, p *prediction) {
	for _, e := range r.events {
		if e.Kind == record.Cut && e.N > 0 {
			n := float64(e.N) * b.share(r, p.rate)
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

// share is the part that a rate has in all that r was called.
func (b *books) share(r *release, rate float64) float64 {
	var all float64
	for _, arm := range r.arms {
		for _, c := range b.consumers(r, arm) {
			all += c.rate
		}
	}
	if all == 0 {
		return 0
	}
	return rate / all
}

// bounds are whole requests.
func (p prediction) bounds() (low, high int) {
	return int(math.Floor(p.low + 1e-9)), int(math.Ceil(p.high - 1e-9))
}

// why is the arithmetic, in words.
func (p prediction) why(r *release) string {
	if len(p.terms) == 0 {
		if r.gone() == 0 {
			return r.instance.String() + ": it never stopped to serve"
		}
		return r.instance.String() + ": all had dropped it before it closed"
	}
	return fmt.Sprintf("%s: %s = %.1f", r.instance, strings.Join(p.terms, " + "), p.mid)
}
