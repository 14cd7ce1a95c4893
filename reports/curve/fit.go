package curve

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// minExpected is how many requests a cell must expect, both to the instance
// that warms up and to the others, to count by itself; smaller cells are
// joined. It keeps the distribution of the statistic close to χ² far out in its
// tail.
const minExpected = 10

// Fit is how well counts agree with the expected ones: Pearson's χ² = Σ
// (k−E)²/V over DF cells, where V is the binomial variance.
type Fit struct {
	ChiSquare float64
	DF        int
	// Upper is the probability of a χ² as large or larger if the counts follow
	// the model. A small one means that they do not.
	Upper float64
	// Lower is the probability of a χ² as small or smaller. A small one means that
	// the counts are more regular than chance, as with round robin.
	Lower float64
}

// Agrees reports whether the counts follow the model, with a probability of
// false alarm of alpha. Without a cell (DF is 0) it is true, though nothing was
// tested.
func (f Fit) Agrees(alpha float64) bool { return f.Upper >= alpha }

// Regular reports whether the counts are more regular than chance, with a
// probability of false alarm of alpha.
func (f Fit) Regular(alpha float64) bool { return f.DF > 0 && f.Lower < alpha }

func fitOf(chi float64, df int) Fit {
	if df <= 0 {
		return Fit{Upper: 1, Lower: 1}
	}
	a, x := float64(df)/2, chi/2
	return Fit{ChiSquare: chi, DF: df, Upper: mathext.GammaIncRegComp(a, x), Lower: mathext.GammaIncReg(a, x)}
}

// GoodnessOfFit tests the share of the instance that warms up, over all given
// buckets, against a shape. A cell is one part of the warm-up over all
// consumers; neighbours are joined until at least 10 requests are expected on
// either side.
func GoodnessOfFit(buckets []Bucket, shape Shape) Fit {
	var chi float64
	joined := mergeSmallCells(cells(buckets, shape))
	for _, c := range joined {
		chi += (c.got - c.expected) * (c.got - c.expected) / c.vary
	}
	return fitOf(chi, len(joined))
}

// mergeSmallCells joins neighbours until each expects enough; a rest at the end
// is joined to the last cell.
func mergeSmallCells(in []cell) []cell {
	var out []cell
	var open cell
	var isOpen bool
	for _, c := range in {
		if isOpen {
			c = open.plus(c)
		}
		open, isOpen = c, true
		if math.Min(c.expected, c.sent-c.expected) >= minExpected {
			out, isOpen = append(out, c), false
		}
	}
	if isOpen && len(out) > 0 {
		out[len(out)-1] = out[len(out)-1].plus(open)
	}
	return out
}

// BinomialRange is the central interval in which the number of successes of n
// trials with probability p falls with at least the given confidence (0..1).
func BinomialRange(n int, p, confidence float64) (low, high int) {
	tail := (1 - confidence) / 2
	return quantile(n, p, tail), quantile(n, p, 1-tail)
}

// quantile is the smallest k with P(K ≤ k) ≥ q, where K is binomial with n
// trials.
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
