// Package exact computes exact confidence bounds, tests and quantiles. The counts
// here are small or zero, where normal approximations are too optimistic.
//
// The package knows neither requests nor releases.
package exact

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/combin"
)

// PoissonUpper is the one-sided upper bound, at the given confidence (0..1),
// of the mean of a Poisson distribution of which k was observed: the mean at which k or
// fewer have probability 1 − confidence (Garwood 1936). For k = 0 at 0.95 it
// is 3.00, the rule of three.
func PoissonUpper(k int, confidence float64) float64 {
	if k < 0 {
		return math.NaN()
	}
	return mathext.GammaIncRegInv(float64(k)+1, confidence)
}

// PoissonLower is the matching lower bound; 0 for k = 0.
func PoissonLower(k int, confidence float64) float64 {
	switch {
	case k < 0:
		return math.NaN()
	case k == 0:
		return 0
	}
	return mathext.GammaIncRegInv(float64(k), 1-confidence)
}

// RateUpper is an upper bound of the probability of an event that was seen k
// times in n trials: [PoissonUpper]/n, at most 1. Without trials it is 1.
func RateUpper(k, n int, confidence float64) float64 {
	if n <= 0 {
		return 1
	}
	return min(1, PoissonUpper(k, confidence)/float64(n))
}

// BinomialUpper is an upper bound of the probability of an event that was seen in
// k of n trials (Clopper and Pearson 1934, one-sided). For k = 0 it is
// 1 − (1 − confidence)^(1/n). Without trials it is 1.
func BinomialUpper(k, n int, confidence float64) float64 {
	if n <= 0 || k >= n {
		return 1
	}
	if k == 0 {
		return 1 - math.Pow(1-confidence, 1/float64(n))
	}
	return mathext.InvRegIncBeta(float64(k)+1, float64(n-k), confidence)
}

// BinomialLower is the matching lower bound; 0 for k = 0 or no trials.
func BinomialLower(k, n int, confidence float64) float64 {
	switch {
	case n <= 0 || k <= 0:
		return 0
	case k >= n:
		return math.Pow(1-confidence, 1/float64(n))
	}
	return mathext.InvRegIncBeta(float64(k), float64(n-k+1), 1-confidence)
}

// Fisher tests the table
//
//	         lost   ok
//	first     a     b
//	second    c     d
//
// and returns the probability, with all margins fixed, of a table no more
// probable than this one (two), and of a first count of a or more (greater).
func Fisher(a, b, c, d int) (two, greater float64) {
	n1, n2, k := a+b, c+d, a+c
	logP := func(x int) float64 {
		return combin.LogGeneralizedBinomial(float64(n1), float64(x)) +
			combin.LogGeneralizedBinomial(float64(n2), float64(k-x)) -
			combin.LogGeneralizedBinomial(float64(n1+n2), float64(k))
	}
	seen := logP(a)
	for x := max(0, k-n2); x <= min(k, n1); x++ {
		p := logP(x)
		if p <= seen+1e-7 {
			two += math.Exp(p)
		}
		if x >= a {
			greater += math.Exp(p)
		}
	}
	return min(1, two), min(1, greater)
}

// RateRatio is (k1/exposure1) / (k2/exposure2) with its exact conditional
// two-sided interval: given k1+k2, k1 is binomial (Przyborowski and Wilenski
// 1940). The upper end, and the ratio itself, is +Inf where k2 is 0; with no
// count at all the interval is 0..+Inf and the ratio NaN.
func RateRatio(k1 int, exposure1 float64, k2 int, exposure2, confidence float64) (ratio, low, high float64) {
	scale := exposure2 / exposure1
	one := 1 - (1-confidence)/2
	odds := func(p float64) float64 { return p / (1 - p) * scale }
	n := k1 + k2
	return float64(k1) / float64(k2) * scale,
		odds(BinomialLower(k1, n, one)), odds(BinomialUpper(k1, n, one))
}

// ErrTooMany means that an exact enumeration would take too long.
var ErrTooMany = errors.New("too many arrangements to enumerate")

const maxArrangements = 2_000_000

// Permutation is the exact two-sided p-value of the difference of means of
// two samples: the share of all ways to deal their values into samples of
// these sizes that differ as much or more. Three against three cannot go
// under 0.10, five against five not under 0.008.
func Permutation(a, b []float64) (float64, error) {
	if len(a) == 0 || len(b) == 0 {
		return math.NaN(), errors.New("comparing samples: one of them is empty")
	}
	all := slices.Concat(a, b)
	if l := combin.LogGeneralizedBinomial(float64(len(all)), float64(len(a))); l > math.Log(maxArrangements) {
		return math.NaN(), fmt.Errorf("comparing %d with %d values: %w", len(a), len(b), ErrTooMany)
	}
	total := sum(all)
	distance := func(first float64) float64 {
		return math.Abs(first/float64(len(a)) - (total-first)/float64(len(b)))
	}
	seen := distance(sum(a))
	slack := 1e-9 * max(1, seen)
	var n, extreme int
	g := combin.NewCombinationGenerator(len(all), len(a))
	pick := make([]int, len(a))
	for g.Next() {
		g.Combination(pick)
		var first float64
		for _, i := range pick {
			first += all[i]
		}
		n++
		if distance(first) >= seen-slack {
			extreme++
		}
	}
	return float64(extreme) / float64(n), nil
}

func sum(xs []float64) (s float64) {
	for _, x := range xs {
		s += x
	}
	return s
}

// Quantile is the smallest of the sorted values that at least a share q
// (0..1) of them do not exceed: an observed value, never an interpolated one.
// It is the zero value where there is none.
func Quantile[T cmp.Ordered](sorted []T, q float64) T {
	var zero T
	if len(sorted) == 0 {
		return zero
	}
	// The subtraction keeps 0.99 × 100 from becoming 100 by a rounding error.
	i := int(math.Ceil(q*float64(len(sorted))-1e-9)) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}
