package curve

import (
	"testing"

	"github.com/stretchr/testify/require"

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
	return Of(m, w.Curve, w.Window)
}

// tally is how often, of 1,000 runs, each test spoke.
type tally struct {
	misfit, regular, unfair, step float64 // alarms at alpha
	missed                        float64 // the interval at 95 % does not contain the true exponent
	unseen                        float64 // the fit does not tell the neighbouring exponent from the true one
	confused                      float64 // the interval contains the neighbour
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
	other := model(t, power(neighbour(c)))
	count := func(n *float64, is bool) {
		if is {
			*n += 1. / runs
		}
	}
	for seed := range uint64(runs) {
		b := s.run(t, seed)
		fit, exponent := Goodness(b, declared), Exponent(b)
		require.Zero(t, Missing(b))
		count(&out.misfit, !fit.Agrees(alpha))
		count(&out.regular, fit.Regular(alpha))
		count(&out.unfair, !Fair(b).Agrees(alpha))
		count(&out.step, Step(b, declared).P < alpha)
		count(&out.missed, !exponent.Contains(c))
		count(&out.confused, exponent.Contains(neighbour(c)))
		count(&out.unseen, Goodness(b, other).Agrees(alpha))
	}
	t.Logf("%s, n=%d, c=%v, %d requests: false alarms: fit %.1f %%, fairness %.1f %%, step %.1f %%; more regular than chance %.1f %%; "+
		"interval without c %.1f %%; neighbour %v not told by the fit %.1f %%, by the interval %.1f %%",
		s.balancer, s.n, c, s.requests, 100*out.misfit, 100*out.unfair, 100*out.step, 100*out.regular,
		100*out.missed, neighbour(c), 100*out.unseen, 100*out.confused)
	return out
}

func TestLevelAndPower(t *testing.T) {
	const most, least = .015, .99
	for _, s := range []synthetic{
		{n: 2, warmup: power(1), requests: 2400, balancer: settings.Random},
		{n: 2, warmup: power(2), requests: 2400, balancer: settings.Random},
		{n: 5, warmup: power(2), requests: 2400, balancer: settings.Random},
		{n: 2, warmup: power(2), requests: 2400, balancer: settings.RoundRobin},
	} {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			got := s.tally(t)
			require.LessOrEqual(t, got.misfit, most)
			require.LessOrEqual(t, got.unfair, most)
			require.LessOrEqual(t, got.step, most)
			require.LessOrEqual(t, got.missed, .065, "the interval is at 95 %")
			require.LessOrEqual(t, got.confused, 1-least)
			require.LessOrEqual(t, got.unseen, 1-least)
			if s.balancer == settings.RoundRobin {
				require.GreaterOrEqual(t, got.regular, least, "round robin is more regular than chance, and is told")
				return
			}
			require.LessOrEqual(t, got.regular, most)
		})
	}
}
