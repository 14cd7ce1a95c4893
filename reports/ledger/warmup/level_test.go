package warmup

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/consumer"
	"zeroloss/demo-services/lossless"
	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
	"zeroloss/reports/ledger/history"
	"zeroloss/scenarios/plan"
)

// startup is a run of two real consumers in virtual time: what their lists had,
// and which instances they called. The first of three C starts at 10 s.
type startup struct {
	warmup   settings.Warmup
	balancer string
	rate     float64 // requests/s
}

const zero = record.Micros(1_700_000_000_000_000)

const (
	startsAt = 10 * time.Second
	heardIn  = 700 * time.Millisecond
)

// meter has measured all calls of the run.
func (c startup) meter(t *testing.T, seed uint64) *Meter {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 5))
	var hosts []consumer.Host
	for i := range 3 {
		h := consumer.Host{
			Identity: lossless.Identity{Instance: record.Instance{Pod: fmt.Sprint("c-", i), Incarnation: 1}, Start: int64(zero.Add(-1000*time.Second)) / 1000},
			Addr:     fmt.Sprintf("c-%d:80", i), Weight: 1, Warmup: c.warmup,
		}
		if i == 0 {
			h.Start = int64(zero.Add(startsAt)) / 1000
		}
		hosts = append(hosts, h)
	}
	end := startsAt + c.warmup.Window*5/4
	var events []record.Event
	type view struct {
		*consumer.View
		who record.Instance
	}
	var views []view
	for i := range 2 {
		v := view{
			consumer.New(consumer.Config{Epoch: int64(zero) / 1000, Seed: r.Uint64(), Consumer: settings.Consumer{Balancer: c.balancer}}),
			record.Instance{Pod: fmt.Sprint("b-", i), Incarnation: 1},
		}
		for _, push := range []struct {
			at    time.Duration
			hosts []consumer.Host
		}{{0, hosts[1:]}, {startsAt + heardIn, hosts}} {
			for _, a := range v.Step(push.at, consumer.Event{Kind: consumer.Pushed, Hosts: push.hosts}) {
				events = append(events, record.Event{At: zero.Add(push.at), Instance: v.who, Service: "c", Payload: a.Event.Payload})
			}
			for range r.IntN(20) {
				_, _, _ = v.Pick(push.at, "") // whose turn it is depends on what was before
			}
		}
		views = append(views, v)
	}
	events = append(events, record.Event{At: zero.Add(end), Payload: record.LoadEnd{}})
	m := NewMeter(history.New(&plan.Plan{Duration: end, Speed: 1}, zero, events))
	each := float64(time.Second) / c.rate
	for at := float64(startsAt + heardIn); at < float64(end)-each; at += each {
		now := time.Duration(at + r.Float64()*each)
		v := views[r.IntN(len(views))]
		h, _, err := v.Pick(now, "")
		require.NoError(t, err)
		m.Add(record.Trail{{Instance: v.who, Call: &record.Call{Service: "c", At: zero.Add(now), Callee: h.Instance}}})
	}
	return m
}

// TestLevelOfFindings: of 1,000 runs that follow their curve, no more than the
// level of the test are found not to, and the intervals of one in twenty exclude
// the declared exponent.
func TestLevelOfFindings(t *testing.T) {
	const runs = 1000
	for _, c := range []startup{
		{settings.Warmup{Model: "power", Curve: 2, Window: 40 * time.Second}, settings.Random, 40},
		{settings.Warmup{Model: "linear", Window: 40 * time.Second}, settings.Random, 25},
	} {
		t.Run(c.warmup.Model, func(t *testing.T) {
			t.Parallel()
			var misfit, unfair, step, missed, confused int
			count := func(n *int, is bool) {
				if is {
					*n++
				}
			}
			for seed := range uint64(runs) {
				m := c.meter(t, seed)
				require.Len(t, m.byService["c"], 1)
				w := m.byService["c"][0]
				one := Measurement{Model: c.warmup.Model, Curve: c.warmup.Curve, Window: w.window(), Coverage: 1.25, Buckets: m.buckets(w)}
				f := newFinding(one, w.ruleChanged())
				require.Empty(t, f.Unmeasured)
				require.Zero(t, f.UnlistedCalls)
				require.Len(t, one.Buckets, 2*(25-1), "all but the first, in which it was heard of")
				count(&misfit, !f.Fit.Agrees(FitSignificance))
				count(&unfair, !f.Fairness.Agrees(FitSignificance))
				count(&step, f.Step.P < FitSignificance)
				count(&missed, !f.Exponent.Contains(f.DeclaredExponent))
				for _, other := range NeighbourExponents(f.DeclaredExponent) {
					count(&confused, f.Exponent.Contains(other))
				}
			}
			t.Logf("of %d runs: misfit %d, unfair %d, step %d, interval without the declared %d, with a neighbour %d", runs, misfit, unfair, step, missed, confused)
			for what, n := range map[string]int{"misfit": misfit, "unfair": unfair, "step": step} {
				require.LessOrEqual(t, n, runs*3/200, what)
			}
			require.LessOrEqual(t, missed, runs*65/1000)
			require.LessOrEqual(t, confused, runs/50)
		})
	}
}
