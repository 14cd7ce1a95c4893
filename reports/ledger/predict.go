package ledger

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"zeroloss/internal/format"
	"zeroloss/loadgen/record"
	"zeroloss/reports/ledger/history"
)

// predictor predicts how many requests releases lose.
type predictor struct {
	history  *history.History
	declared []float64 // rate of each arm's streams, requests/s
}

func newPredictor(h *history.History, n *intake) *predictor {
	p := &predictor{history: h, declared: make([]float64, len(n.arms))}
	for _, s := range n.streams {
		if s.arm != nil {
			p.declared[s.arm.index] += s.spec.Rate
		}
	}
	return p
}

// prediction is how many requests a release should lose of one arm, found
// without counting a loss:
//
//	lost ≈ Σ over consumers of λ · max(0, tc − tx), + in flight at the kill
//
// λ is the instance's own rate from one consumer: what that consumer sent to
// the instance's service and version before the release, divided among those
// that its list shows (as the list changes, so does the share). tc is when that
// consumer dropped the instance, tx when the instance stopped serving. All come
// from the events and from requests before the release, none from what was lost.
//
// The bounds allow each consumer ±1 request for where in its interval between
// two calls tx and tc fall, one more for each change of its list between them,
// and ±λ·20 ms for how far an event's time stamp may be from its effect. A
// consumer that dropped the instance more than that before it closed adds
// nothing to either bound.
type prediction struct {
	low, high, mid float64
	rate           float64
	terms          []string
}

// predict computes the loss of one arm by r.
func (p *predictor) predict(r *releaseAccount, arm int) prediction {
	var out prediction
	if r.Instance.External {
		return out // its callers, and when they are updated, are unknown
	}
	tx := r.StoppedServing()
	if tx == 0 {
		return out
	}
	for _, c := range p.consumers(r, arm) {
		out.rate += c.rate * p.share(r, c.caller, r.Began)
		tc := r.HeardAt(c.caller)
		neverHeard := tc == 0
		if neverHeard {
			tc = max(tx, p.history.LoadEnd)
		}
		d := tc.Sub(tx)
		tolerance := stampSlack + p.history.Clocks.Between(c.caller, r.Instance.ID)
		if d+tolerance <= 0 {
			continue
		}
		lost, changes := p.exposure(r, c, tx, tc)
		slack := c.rate * p.share(r, c.caller, tx) * min(d+tolerance, tolerance).Seconds()
		rounding := float64(1 + changes)
		out.mid += lost
		out.low += max(0, lost-slack-rounding)
		out.high += lost + slack + rounding
		out.terms = append(out.terms, c.term(lost, d, neverHeard))
	}
	p.addInFlight(r, &out)
	return out
}

// exposure is how many requests c sends to the instance from tx to tc, and how
// often its share of c's requests changes.
func (p *predictor) exposure(r *releaseAccount, c consumerRate, tx, tc record.Micros) (lost float64, changes int) {
	from := tx
	add := func(to record.Micros) {
		if to > from {
			lost += c.rate * p.share(r, c.caller, from) * to.Sub(from).Seconds()
			from = to
		}
	}
	if caller := p.history.Instance(c.caller); caller != nil {
		for _, l := range caller.HostLists {
			if l.Service == r.Instance.Service && l.At > tx && l.At < tc {
				add(l.At)
				changes++
			}
		}
	}
	add(tc)
	return lost, changes
}

// share is the part of a consumer's calls that goes to the instance at t: one of
// the hosts of its version in the consumer's list, or, if the consumer reports
// no list, of those that are registered.
func (p *predictor) share(r *releaseAccount, consumer record.Instance, t record.Micros) float64 {
	i := r.Instance
	n := p.history.Instance(consumer).VersionSize(i.Service, i.Tag, t)
	if n == 0 {
		n = p.versionSize(r)
	}
	return 1 / float64(max(1, n))
}

// versionSize is how many instances of the same service and version, this one
// included, served when the release began.
func (p *predictor) versionSize(r *releaseAccount) (n int) {
	for _, i := range p.history.Instances {
		if i.Declared != nil && i.Service == r.Instance.Service && i.Tag == r.Instance.Tag && i.ServingAt(r.Began-1) {
			n++
		}
	}
	return n
}

// consumerRate is how often one consumer called the service and version of a
// released instance.
type consumerRate struct {
	caller record.Instance
	rate   float64 // requests/s
	name   string
}

func (c consumerRate) term(lost float64, d time.Duration, neverHeard bool) string {
	λ := c.rate
	if d > 0 {
		λ = lost / d.Seconds()
	}
	if neverHeard {
		return fmt.Sprintf("%s %.1f/s × %s (no update received)", c.name, λ, format.Duration(d))
	}
	return fmt.Sprintf("%s %.1f/s × %s", c.name, λ, format.Duration(d))
}

// consumers are the callers of the instance's service and version on behalf of
// an arm, by name.
func (p *predictor) consumers(r *releaseAccount, arm int) []consumerRate {
	span := r.Began.Sub(r.rateSince)
	if span < rateWindow/10 {
		// Too short to measure: the load that the arm was to send, by all callers
		// as one that is updated as late as the last of them.
		return []consumerRate{{name: "declared", rate: p.declared[arm], caller: r.LastToHear()}}
	}
	var out []consumerRate
	for key, n := range r.attempts {
		if key.arm == arm {
			out = append(out, consumerRate{caller: key.caller, rate: float64(n) / span.Seconds(), name: name(key.caller)})
		}
	}
	slices.SortFunc(out, func(a, b consumerRate) int { return cmp.Compare(a.name, b.name) })
	return out
}

// rate is the instance's own rate of one arm when the release began.
func (p *predictor) rate(r *releaseAccount, arm int) (sum float64) {
	for _, c := range p.consumers(r, arm) {
		sum += c.rate * p.share(r, c.caller, r.Began)
	}
	return sum
}

// addInFlight adds what the release cut: as the instance counted it, or, for one
// that could not count any more, at most what is in flight at any moment.
func (p *predictor) addInFlight(r *releaseAccount, out *prediction) {
	var all float64
	for _, arm := range r.Arms {
		all += p.rate(r, arm)
	}
	if all == 0 {
		return
	}
	for _, e := range r.Instance.Events {
		if cut, ok := e.Payload.(record.RequestsCut); ok && cut.Requests > 0 {
			n := float64(cut.Requests) * out.rate / all
			out.mid, out.low, out.high = out.mid+n, out.low+n, out.high+n
			out.terms = append(out.terms, fmt.Sprintf("%.0f cut in flight", n))
			return
		}
	}
	if !r.Planned && out.rate > 0 {
		out.high++
		out.terms = append(out.terms, "0..1 in flight when it died")
	}
}

// bounds are whole requests.
func (p prediction) bounds() (low, high int) {
	return int(math.Floor(p.low + 1e-9)), int(math.Ceil(p.high - 1e-9))
}

// text is the arithmetic, in words.
func (p prediction) text(r *history.Release) string {
	id := r.Instance.ID.String()
	switch {
	case r.Instance.External:
		return id + ": not predicted, as its callers are unknown"
	case len(p.terms) > 0:
		return fmt.Sprintf("%s: %s = %.1f", id, strings.Join(p.terms, " + "), p.mid)
	case r.StoppedServing() == 0:
		return id + ": it never stopped serving"
	}
	return id + ": all consumers had dropped it before it closed"
}
