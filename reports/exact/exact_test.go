package exact

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// Garwood, Biometrika 28 (1936): exact limits of a Poisson mean, 95 %
// one-sided.
func TestPoissonUpper(t *testing.T) {
	for k, want := range map[int]float64{0: 2.9957, 1: 4.7439, 2: 6.2958, 3: 7.7537, 5: 10.5130, 10: 16.9622} {
		require.InDelta(t, want, PoissonUpper(k, 0.95), 5e-4, "k=%d", k)
	}
	require.True(t, math.IsNaN(PoissonUpper(-1, 0.95)))
}

func TestPoissonBoundsAreTheTails(t *testing.T) {
	pmf := func(mean float64, k int) float64 {
		l, _ := math.Lgamma(float64(k) + 1)
		return math.Exp(float64(k)*math.Log(mean) - mean - l)
	}
	for _, k := range []int{1, 4, 27, 120} {
		var below, above float64
		up, low := PoissonUpper(k, 0.95), PoissonLower(k, 0.95)
		for i := range k + 1 {
			below += pmf(up, i)
		}
		for i := range k {
			above += pmf(low, i)
		}
		require.InDelta(t, 0.05, below, 1e-6, "k=%d", k)
		require.InDelta(t, 0.05, 1-above, 1e-6, "k=%d", k)
	}
	require.Zero(t, PoissonLower(0, 0.95))
	require.True(t, math.IsNaN(PoissonLower(-1, 0.95)))
}

func TestRateUpper(t *testing.T) {
	require.InDelta(t, 3.0/7000, RateUpper(0, 7000, 0.95), 1e-6)
	require.InDelta(t, 0.0053, RateUpper(27, 7000, 0.95), 5e-5)
	require.Equal(t, 1.0, RateUpper(0, 0, 0.95))
	require.Equal(t, 1.0, RateUpper(5, 5, 0.95))
}

// Design: R = 1: 95 %, 10: 26 %, 59: 5 %.
func TestBinomialUpperOfNone(t *testing.T) {
	for n, want := range map[int]float64{1: 0.95, 10: 0.2589, 59: 0.0495} {
		require.InDelta(t, want, BinomialUpper(0, n, 0.95), 1e-4)
	}
	require.Equal(t, 1.0, BinomialUpper(1, 1, 0.95))
	require.Equal(t, 1.0, BinomialUpper(0, 0, 0.95))
}

// Clopper and Pearson, as R's binom.test(7, 20) gives: 0.1539–0.5922.
func TestBinomialInterval(t *testing.T) {
	require.InDelta(t, 0.1539, BinomialLower(7, 20, 0.975), 1e-4)
	require.InDelta(t, 0.5922, BinomialUpper(7, 20, 0.975), 1e-4)
	require.InDelta(t, BinomialUpper(0, 9, 0.9), 1-BinomialLower(9, 9, 0.9), 1e-12)
}

// Fisher's tea: 3 of 4 cups right, p = 17/70 and 34/70.
func TestFisher(t *testing.T) {
	two, greater := Fisher(3, 1, 1, 3)
	require.InDelta(t, 34.0/70, two, 1e-9)
	require.InDelta(t, 17.0/70, greater, 1e-9)
	two, greater = Fisher(5, 6995, 0, 7000)
	require.InDelta(t, 0.0312, greater, 1e-3) // equal exposure, 5 against none: 1/32 but for depletion
	require.InDelta(t, 2*greater, two, 1e-9)
	two, _ = Fisher(0, 100, 0, 100)
	require.InDelta(t, 1, two, 1e-9)
}

// R's example of poisson.test: 11 in 800 against 21 in 3011 years.
func TestRateRatio(t *testing.T) {
	r, low, high := RateRatio(11, 800, 21, 3011, 0.95)
	require.InDelta(t, 1.971488, r, 1e-5)
	require.InDelta(t, 0.8584264, low, 1e-4)
	require.InDelta(t, 4.2772659, high, 1e-4)
	r, low, high = RateRatio(27, 1, 0, 1, 0.95)
	require.True(t, math.IsInf(r, 1) && math.IsInf(high, 1))
	require.Greater(t, low, 6.0)
}

func TestPermutationFloor(t *testing.T) {
	off := []float64{25, 26, 27, 28, 29}
	on := []float64{0, 0, 1, 0, 0}
	for n, want := range map[int]float64{3: 0.1, 4: 2.0 / 70, 5: 2.0 / 252} {
		p, err := Permutation(off[:n], on[:n])
		require.NoError(t, err)
		require.InDelta(t, want, p, 1e-12)
	}
	p, err := Permutation([]float64{1, 1}, []float64{1, 1})
	require.NoError(t, err)
	require.Equal(t, 1.0, p)
}

func TestPermutationRefuses(t *testing.T) {
	_, err := Permutation(make([]float64, 40), make([]float64, 40))
	require.ErrorIs(t, err, ErrTooMany)
	_, err = Permutation(nil, []float64{1})
	require.Error(t, err)
}

func TestQuantileIsAnObservation(t *testing.T) {
	xs := make([]int, 100)
	for i := range xs {
		xs[i] = i + 1
	}
	require.Equal(t, 50, Quantile(xs, 0.5))
	require.Equal(t, 99, Quantile(xs, 0.99))
	require.Equal(t, 100, Quantile(xs, 0.999))
	require.Equal(t, 1, Quantile(xs, 0))
	require.Equal(t, 100, Quantile(xs, 1))
	require.Zero(t, Quantile([]int(nil), 0.5))

	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		ys := make([]float64, 1+r.IntN(50))
		for i := range ys {
			ys[i] = float64(r.IntN(20))
		}
		slices.Sort(ys)
		q := r.Float64()
		v := Quantile(ys, q)
		covered := 0
		for _, y := range ys {
			if y <= v {
				covered++
			}
		}
		require.Contains(t, ys, v)
		require.GreaterOrEqual(t, float64(covered), q*float64(len(ys))-1e-9)
	}
}
