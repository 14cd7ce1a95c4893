package curve

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat/distuv"

	"zeroloss/demo-services/settings"
	"zeroloss/demo-services/warmup"
)

// The tests' own levels and powers are measured: each on 1,000 runs of the real
// consumers, with seeds that are always the same.
const (
	runs  = 1000
	alpha = .01
)

func model(t *testing.T, w settings.Warmup) Shape {
	t.Helper()
	m, err := warmup.Find(w.Model)
	require.NoError(t, err)
	return ModelShape(m, w.Curve, w.Window)
}

// tally is how often, of 1,000 runs, each test spoke.
type tally struct {
	misfit, regular, unfair, step float64 // alarms at alpha
	missed                        float64 // the interval at 95 % does not contain the true exponent
	unseen                        float64 // the fit does not tell the neighbouring exponent from the true one
	confused                      float64 // the interval contains the neighbour
	above                         float64 // it contains the one above
}

// neighbour of 1 is 2, and of any other the one below it.
func neighbour(c float64) float64 {
	if c == 1 {
		return 2
	}
	return c - 1
}

func (s synthetic) tally(t *testing.T) (out tally) {
	t.Helper()
	c := s.warmup.Curve
	declared := model(t, s.warmup)
	family, other := FamilyOf(declared, c), model(t, power(neighbour(c)))
	count := func(n *float64, is bool) {
		if is {
			*n += 1. / runs
		}
	}
	for seed := range uint64(runs) {
		b := s.run(t, seed)
		fit, exponent := GoodnessOfFit(b, declared), Exponent(b, family)
		require.Zero(t, Missing(b))
		count(&out.misfit, !fit.Agrees(alpha))
		count(&out.regular, fit.Regular(alpha))
		count(&out.unfair, !TestFairness(b).Agrees(alpha))
		count(&out.step, StepAtEnd(b, declared).P < alpha)
		count(&out.missed, !exponent.Contains(c))
		count(&out.confused, exponent.Contains(neighbour(c)))
		count(&out.above, exponent.Contains(c+1))
		count(&out.unseen, GoodnessOfFit(b, other).Agrees(alpha))
	}
	t.Logf("%s, n=%d, c=%v, %d requests: false alarms: fit %.1f %%, fairness %.1f %%, step %.1f %%; more regular than chance %.1f %%; "+
		"interval without c %.1f %%; neighbour %v not told by the fit %.1f %%, by the interval %.1f %%, %v not by it %.1f %%",
		s.balancer, s.n, c, s.requests, 100*out.misfit, 100*out.unfair, 100*out.step, 100*out.regular,
		100*out.missed, neighbour(c), 100*out.unseen, 100*out.confused, c+1, 100*out.above)
	return out
}

func TestLevelAndPower(t *testing.T) {
	const most, least = .015, .99
	for _, s := range []synthetic{
		{n: 2, warmup: power(1), requests: 2400, balancer: settings.Random},
		{n: 2, warmup: power(2), requests: 2400, balancer: settings.Random},
		{n: 5, warmup: power(2), requests: 2400, balancer: settings.Random},
		{n: 2, warmup: power(2), requests: 2400, balancer: settings.RoundRobin},
		{n: 2, warmup: linear("linear"), requests: 2400, balancer: settings.Random},
	} {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			got := s.tally(t)
			require.LessOrEqual(t, got.misfit, most)
			require.LessOrEqual(t, got.unfair, most)
			require.LessOrEqual(t, got.step, most)
			require.LessOrEqual(t, got.missed, .065, "the interval is at 95 %")
			require.LessOrEqual(t, got.confused, 1-least)
			require.LessOrEqual(t, got.above, 1-least)
			require.LessOrEqual(t, got.unseen, 1-least)
			if s.balancer == settings.RoundRobin {
				require.GreaterOrEqual(t, got.regular, least, "round robin is more regular than chance, and is told")
				return
			}
			require.LessOrEqual(t, got.regular, most)
		})
	}
}

// drawn is a run of so many requests that picks cannot be made one by one: the
// number that the one that warms up gets is drawn at random, stretch by stretch,
// by the weights that its model gives it at each instant.
type drawn struct {
	n        int
	warmup   settings.Warmup
	requests int // within the window
}

// shares are those of the stretches, each the mean over instants a ten thousandth
// of the window apart.
func (d drawn) shares(t *testing.T) (out []float64) {
	t.Helper()
	w, err := warmup.Find(d.warmup.Model)
	require.NoError(t, err)
	const parts = 10_000 / m
	for i := range m {
		var sum float64
		for j := range parts {
			x := (float64(i) + (float64(j)+0.5)/parts) / m
			own := float64(w.Weight(d.warmup.Curve, time.Duration(x*float64(d.warmup.Window)), d.warmup.Window, fullWeight))
			sum += own / (own + fullWeight*float64(d.n-1)) / parts
		}
		out = append(out, sum)
	}
	return out
}

func (d drawn) run(shares []float64, seed uint64) (out []Bucket) {
	source := rand.NewPCG(seed, 7)
	for i, p := range shares {
		b := whole(d.n)
		b.From, b.To, b.Sent = float64(i)/m, float64(i+1)/m, d.requests/m
		b.Got = int(distuv.Binomial{N: float64(b.Sent), P: p, Src: source}.Rand())
		out = append(out, b)
	}
	return out
}

// TestRoundingsAreNoMisfit: however many requests there are, the exponent that
// was declared is within its interval as often as the interval says, and the fit
// alarms no more often than it says; and intervals that narrow hold no other.
func TestRoundingsAreNoMisfit(t *testing.T) {
	for _, d := range []drawn{
		{2, linear("linear"), 200_000},
		{3, linear("dubbo-go"), 200_000},
		{2, settings.Warmup{Model: "dubbo-go-seconds", Window: 30 * time.Second}, 50_000},
		{2, power(2), 200_000},
		{5, settings.Warmup{Model: "sermant", Curve: 3, Window: window}, 200_000},
		{2, power(5), 200_000},
	} {
		t.Run(d.warmup.Model, func(t *testing.T) {
			t.Parallel()
			declared := model(t, d.warmup)
			c := max(d.warmup.Curve, 1)
			family, shares := FamilyOf(declared, c), d.shares(t)
			missed, misfit := 0, 0
			for seed := range uint64(runs) {
				b := d.run(shares, seed)
				e := Exponent(b, family)
				if !e.Contains(c) {
					missed++
				}
				if !GoodnessOfFit(b, declared).Agrees(alpha) {
					misfit++
				}
				require.Less(t, e.High-e.Low, .3)
			}
			t.Logf("%s, n=%d, c=%v, %d requests, of %d runs: interval without c in %d; false alarms of the fit in %d",
				d.warmup.Model, d.n, c, d.requests, runs, missed, misfit)
			require.LessOrEqual(t, missed, 65, "the interval is at 95 %")
			require.LessOrEqual(t, misfit, 15)
		})
	}
}
