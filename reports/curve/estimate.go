package curve

import (
	"math"
	"slices"
)

// Estimate is a maximum-likelihood estimate with its interval at 95 %: all
// values whose likelihood is not under the best one's by more than χ² with one
// degree of freedom allows (profile likelihood).
type Estimate struct {
	Value, Low, High float64
	Requests         int // that told of it: those sent while it mattered
}

// Contains tells whether v is within the interval.
func (e Estimate) Contains(v float64) bool { return e.Requests > 0 && e.Low <= v && v <= e.High }

// drop is half the 0.95 quantile of χ² with one degree of freedom.
const drop = 3.841458820694124 / 2

// Bounds of an exponent; an interval that reaches one of them is open there.
const (
	MinExponent = 0.05
	MaxExponent = 20
)

// Open tells whether the interval of an exponent is all there is: no exponent
// makes a difference to what was counted, or nothing was.
func (e Estimate) Open() bool {
	const edge = 1.001 // what a search leaves of a bound
	return e.Low <= MinExponent*edge && e.High >= MaxExponent/edge
}

// Exponent estimates the c of a family of curves from the buckets of a warm-up.
// Those after its end say nothing of it and are left out; without any, Requests
// is 0 and the interval all there is.
func Exponent(buckets []Bucket, of Family) Estimate {
	var told []powers
	e := Estimate{Value: 1, Low: MinExponent, High: MaxExponent}
	for _, b := range buckets {
		if b.From < 1 && b.To > 0 && b.Sent > 0 {
			told = add(told, b)
			e.Requests += b.Sent
		}
	}
	if e.Requests == 0 {
		return e
	}
	// The exponent's logarithm is what the likelihood is smooth in.
	e.Value, e.Low, e.High = profile(math.Log(MinExponent), math.Log(MaxExponent), func(logC float64) (sum float64) {
		for _, b := range told {
			sum += logBinomial(b.Bucket, b.share(of, math.Exp(logC)))
		}
		return sum
	})
	e.Value, e.Low, e.High = math.Exp(e.Value), math.Exp(e.Low), math.Exp(e.High)
	return e
}

// Governed estimates α, the share (0..1) of requests whose consumers follow the
// weights, the rest going to all alike: α·s(x) + (1−α)/n. It is 1 where all are
// governed, and a consumer without weights shows as the share it sends.
func Governed(buckets []Bucket, shape Shape) Estimate {
	type mixed struct {
		Bucket
		share float64
	}
	var told []mixed
	e := Estimate{Value: 1, High: 1}
	for _, b := range buckets {
		if p := b.ExpectedShare(shape); b.Sent > 0 && math.Abs(p-1/float64(b.n())) > 1e-9 {
			told = append(told, mixed{b, p})
			e.Requests += b.Sent
		}
	}
	if e.Requests == 0 {
		return e
	}
	e.Value, e.Low, e.High = profile(0, 1, func(alpha float64) (sum float64) {
		for _, b := range told {
			sum += logBinomial(b.Bucket, alpha*b.share+(1-alpha)/float64(b.n()))
		}
		return sum
	})
	return e
}

// points is how many parts of a bucket have a weight of their own in its mean
// share by a [Family].
const points = 16

// powers is a bucket for which the share by members of a [Family] is asked for
// many exponents: it keeps the logarithms of the ages.
type powers struct {
	Bucket
	own  edges
	cold []edges // of the others that warm up
	warm float64 // how many others do not
}

// add adds a bucket to those of which the same is expected, another consumer's,
// or by itself.
func add(to []powers, b Bucket) []powers {
	p := powersOf(b)
	for i, o := range to {
		if o.From == b.From && o.To == b.To && o.warm == p.warm && slices.Equal(o.cold, p.cold) {
			to[i].Sent += b.Sent
			to[i].Got += b.Got
			return to
		}
	}
	return append(to, p)
}

// edges are the logarithms of the ages between which a bucket's points lie.
type edges [points + 1]float64

func powersOf(b Bucket) powers {
	out := powers{Bucket: b, own: b.logs(0)}
	for _, o := range b.Others {
		if o.Cold {
			out.cold = append(out.cold, b.logs(o.AgeAhead))
		} else {
			out.warm++
		}
	}
	return out
}

// logs are the edges of an instance that is ahead; of one that is warm 0.
func (b Bucket) logs(ahead float64) (out edges) {
	step := (b.To - b.From) / points
	for i := range out {
		out[i] = math.Log(min(max(b.From+float64(i)*step+ahead, 0), 1))
	}
	return out
}

// share is the bucket's Share by the member c of a family.
func (b powers) share(f Family, c float64) (mean float64) {
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

// weights are the member c's at a bucket's points.
func (f Family) weights(c float64, e edges) (out [points]float64) {
	from := f.age(c, e[0])
	for i := range out {
		to := f.age(c, e[i+1])
		out[i] = f.mean(from, to)
		from = to
	}
	return out
}

// logBinomial is the logarithm of the probability of a bucket's count, but for
// what does not depend on p.
func logBinomial(b Bucket, p float64) float64 {
	p = math.Min(math.Max(p, 1e-12), 1-1e-12)
	return float64(b.Got)*math.Log(p) + float64(b.Sent-b.Got)*math.Log1p(-p)
}

// profile finds the maximum of a function with one peak between low and high,
// and the interval in which it is within drop of it.
func profile(low, high float64, f func(float64) float64) (best, from, to float64) {
	best = peak(low, high, f)
	least := f(best) - drop
	return best, edge(best, low, least, f), edge(best, high, least, f)
}

// precision of a search, as a share of the range searched.
const precision = 1e-5

// peak is the golden-section search of the maximum.
func peak(low, high float64, f func(float64) float64) float64 {
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

// edge is where f falls below least between inside, where it does not, and the
// bound; the bound itself where it never does.
func edge(inside, bound, least float64, f func(float64) float64) float64 {
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
