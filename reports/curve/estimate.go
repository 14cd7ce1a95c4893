package curve

import (
	"math"
	"slices"
)

// Estimate is a maximum-likelihood estimate with its 95 % interval: all values
// whose log-likelihood is less than half the 0.95 quantile of χ² with one
// degree of freedom below the maximum (profile likelihood).
type Estimate struct {
	Value, Low, High float64
	Requests         int // that the estimate is based on
}

// Contains reports whether v is within the interval.
func (e Estimate) Contains(v float64) bool { return e.Requests > 0 && e.Low <= v && v <= e.High }

// halfChiSquare95 is half the 0.95 quantile of χ² with one degree of freedom.
const halfChiSquare95 = 3.841458820694124 / 2

// Bounds of an exponent; an interval that reaches one of them is open there.
const (
	MinExponent = 0.05
	MaxExponent = 20
)

// Open reports whether the interval of an exponent is the whole range: the
// exponent makes no difference to the counts, or there are none.
func (e Estimate) Open() bool {
	const edge = 1.001 // what a search leaves of a bound
	return e.Low <= MinExponent*edge && e.High >= MaxExponent/edge
}

// Exponent estimates the c of a family of curves from the buckets of a warm-up.
// Buckets after its end do not depend on c and are left out. Without any other,
// Requests is 0 and the interval is the whole range.
func Exponent(buckets []Bucket, of Family) Estimate {
	var told []powerBucket
	e := Estimate{Value: 1, Low: MinExponent, High: MaxExponent}
	for _, b := range buckets {
		if b.From < 1 && b.To > 0 && b.Sent > 0 {
			told = addBucket(told, b)
			e.Requests += b.Sent
		}
	}
	if e.Requests == 0 {
		return e
	}
	// The exponent's logarithm is what the likelihood is smooth in.
	e.Value, e.Low, e.High = profileInterval(math.Log(MinExponent), math.Log(MaxExponent), func(logC float64) (sum float64) {
		for _, b := range told {
			sum += logBinomial(b.Bucket, b.share(of, math.Exp(logC)))
		}
		return sum
	})
	e.Value, e.Low, e.High = math.Exp(e.Value), math.Exp(e.Low), math.Exp(e.High)
	return e
}

// Governed estimates α, the share (0..1) of requests whose consumers use the
// weights, while the others call all instances equally often: α·s(x) + (1−α)/n.
// It is 1 if all use the weights; a consumer that does not lowers it by its
// share of the requests.
func Governed(buckets []Bucket, shape Shape) Estimate {
	type mixed struct {
		Bucket
		share float64
	}
	var told []mixed
	e := Estimate{Value: 1, High: 1}
	for _, b := range buckets {
		if p := b.ExpectedShare(shape); b.Sent > 0 && math.Abs(p-1/float64(b.instances())) > 1e-9 {
			told = append(told, mixed{b, p})
			e.Requests += b.Sent
		}
	}
	if e.Requests == 0 {
		return e
	}
	e.Value, e.Low, e.High = profileInterval(0, 1, func(alpha float64) (sum float64) {
		for _, b := range told {
			sum += logBinomial(b.Bucket, alpha*b.share+(1-alpha)/float64(b.instances()))
		}
		return sum
	})
	return e
}

// points is how many parts of a bucket have a weight of their own in its mean
// share by a [Family].
const points = 16

// powerBucket is a bucket whose share is computed for many exponents: it keeps
// the logarithms of the ages.
type powerBucket struct {
	Bucket
	own  logAges
	cold []logAges // of the others that warm up
	warm float64   // how many others do not
}

// addBucket adds a bucket to the one with the same expected share, or appends
// it.
func addBucket(to []powerBucket, b Bucket) []powerBucket {
	p := newPowerBucket(b)
	for i, o := range to {
		if o.From == b.From && o.To == b.To && o.warm == p.warm && slices.Equal(o.cold, p.cold) {
			to[i].Sent += b.Sent
			to[i].Got += b.Got
			return to
		}
	}
	return append(to, p)
}

// logAges are the logarithms of the ages between the points of a bucket.
type logAges [points + 1]float64

func newPowerBucket(b Bucket) powerBucket {
	out := powerBucket{Bucket: b, own: b.logAges(0)}
	for _, o := range b.Others {
		if o.Cold {
			out.cold = append(out.cold, b.logAges(o.AgeAhead))
		} else {
			out.warm++
		}
	}
	return out
}

// logAges are those of an instance that is ahead by so many windows; 0 once it
// is warm.
func (b Bucket) logAges(ahead float64) (out logAges) {
	step := (b.To - b.From) / points
	for i := range out {
		out[i] = math.Log(min(max(b.From+float64(i)*step+ahead, 0), 1))
	}
	return out
}

// share is the expected share by the member c of a family; see
// [Bucket.ExpectedShare].
func (b powerBucket) share(f Family, c float64) (mean float64) {
	own := f.weights(c, b.own)
	all := own
	for _, cold := range b.cold {
		for i, w := range f.weights(c, cold) {
			all[i] += w
		}
	}
	for i, w := range own {
		mean += w / (all[i] + b.warm) / points
	}
	return mean
}

// weights are those of the member c at a bucket's points.
func (f Family) weights(c float64, e logAges) (out [points]float64) {
	from := f.age(c, e[0])
	for i := range out {
		to := f.age(c, e[i+1])
		out[i] = f.mean(from, to)
		from = to
	}
	return out
}

// logBinomial is the logarithm of the probability of a bucket's count, without
// the terms that do not depend on p.
func logBinomial(b Bucket, p float64) float64 {
	p = math.Min(math.Max(p, 1e-12), 1-1e-12)
	return float64(b.Got)*math.Log(p) + float64(b.Sent-b.Got)*math.Log1p(-p)
}

// profileInterval finds the maximum of a unimodal function between low and
// high, and the interval in which it is less than halfChiSquare95 below it.
func profileInterval(low, high float64, f func(float64) float64) (best, from, to float64) {
	best = argmax(low, high, f)
	least := f(best) - halfChiSquare95
	return best, crossing(best, low, least, f), crossing(best, high, least, f)
}

// precision of a search, as a share of its range.
const precision = 1e-5

// argmax finds the maximum of a unimodal function by golden-section search.
func argmax(low, high float64, f func(float64) float64) float64 {
	const golden = 0.6180339887498949
	stop := (high - low) * precision
	a, b := high-golden*(high-low), low+golden*(high-low)
	fa, fb := f(a), f(b)
	for high-low > stop {
		if fa >= fb { // equal: towards the lower end, for want of better
			high, b, fb = b, a, fa
			a = high - golden*(high-low)
			fa = f(a)
		} else {
			low, a, fa = a, b, fb
			b = low + golden*(high-low)
			fb = f(b)
		}
	}
	return (low + high) / 2
}

// crossing is where f falls below least, between inside, where it does not, and
// the bound; the bound itself if f never does.
func crossing(inside, bound, least float64, f func(float64) float64) float64 {
	if f(bound) >= least {
		return bound
	}
	stop := math.Abs(bound-inside) * precision
	for math.Abs(bound-inside) > stop {
		middle := (inside + bound) / 2
		if f(middle) >= least {
			inside = middle
		} else {
			bound = middle
		}
	}
	return bound
}
