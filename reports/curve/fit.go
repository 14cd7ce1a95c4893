package curve

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// leastExpected is how many requests a cell must expect, of those that go to
// the one that warms up and of the rest, to count by itself; smaller ones are
// joined. It keeps the statistic's law close to χ² far out in its tail.
const leastExpected = 10

// Fit is how counts agree with what was expected of them: Pearson's
// χ² = Σ (k−E)²/V over DF cells, V the binomial variance.
type Fit struct {
	ChiSquare float64
	DF        int
	// Upper is the probability of a χ² as large or larger if the counts follow
	// the model by chance; small means: they do not follow it.
	Upper float64
	// Lower is that of one as small or smaller; small means: more regular than
	// chance, as round robin makes them.
	Lower float64
}

// Agrees tells whether the counts are as the model says, at a probability of
// false alarm of alpha. With no cell at all nothing speaks against it, and
// nothing for it: see DF.
func (f Fit) Agrees(alpha float64) bool { return f.Upper >= alpha }

// Regular tells whether the counts are more regular than chance allows, at a
// probability of alpha of saying so wrongly.
func (f Fit) Regular(alpha float64) bool { return f.DF > 0 && f.Lower < alpha }

func fitOf(chi float64, df int) Fit {
	if df <= 0 {
		return Fit{Upper: 1, Lower: 1}
	}
	a, x := float64(df)/2, chi/2
	return Fit{ChiSquare: chi, DF: df, Upper: mathext.GammaIncRegComp(a, x), Lower: mathext.GammaIncReg(a, x)}
}

// GoodnessOfFit tests the share of the one that warms up, over all buckets given,
// against a shape. Each cell is a stretch over all consumers; neighbours are
// joined until at least 10 requests are expected on either side.
func GoodnessOfFit(buckets []Bucket, shape Shape) Fit {
	var chi float64
	joined := join(cells(buckets, shape))
	for _, c := range joined {
		chi += (c.got - c.expected) * (c.got - c.expected) / c.vary
	}
	return fitOf(chi, len(joined))
}

// join joins neighbours until each expects enough; what is left over at the end
// goes to the last.
func join(in []cell) []cell {
	var out []cell
	var open cell
	var isOpen bool
	for _, c := range in {
		if isOpen {
			c = open.plus(c)
		}
		open, isOpen = c, true
		if math.Min(c.expected, c.sent-c.expected) >= leastExpected {
			out, isOpen = append(out, c), false
		}
	}
	if isOpen && len(out) > 0 {
		out[len(out)-1] = out[len(out)-1].plus(open)
	}
	return out
}

// BinomialRange is between which counts, of n requests that are each received with a
// probability, the count falls with at least the confidence (0..1) asked for.
func BinomialRange(n int, p, confidence float64) (low, high int) {
	tail := (1 - confidence) / 2
	return quantile(n, p, tail), quantile(n, p, 1-tail)
}

// quantile is the smallest k with P(K ≤ k) ≥ q, K binomial of n trials.
func quantile(n int, p, q float64) int {
	low, high := 0, n
	for low < high {
		k := (low + high) / 2
		if cumulative(n, k, p) >= q {
			high = k
		} else {
			low = k + 1
		}
	}
	return low
}

func cumulative(n, k int, p float64) float64 {
	switch {
	case k >= n || p <= 0:
		return 1
	case p >= 1:
		return 0
	}
	return mathext.RegIncBeta(float64(n-k), float64(k)+1, 1-p)
}
