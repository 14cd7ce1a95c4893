// Package curve says with numbers whether an instance that came online got the
// requests that its warm-up promised: share by age against the expected one,
// goodness of fit, the exponent and its interval, what a consumer without
// weights does to it, fairness among the rest, the step at the end.
//
// Expected of one that warms up beside others is the share
//
//	s(x) = w(x) / (w(x) + Σ w(others)),   x = age / window,
//
// which is x^c / (x^c + n−1) for a power curve and n instances, of which the
// others are warm: 1/n at the end, without a step.
//
// A balancer that draws at random makes the counts binomial, and the tests here
// have the levels they are asked for. Round robin makes them more regular than
// chance: tests then raise fewer false alarms and intervals cover more often
// than they say. [Fit] tells both tails, so that one can see which it was.
//
// Counts in, numbers out; it knows neither requests nor clocks nor hosts.
package curve

import (
	"math"
	"slices"
)

// Bucket is what one consumer sent to a service within one stretch of a
// warm-up, at a rate that does not change within it.
type Bucket struct {
	Consumer string  // whose decision it was; "" where there is one
	From, To float64 // age of the one that warms up, in windows: 1 is the end of its warm-up
	Sent     int     // requests to the service
	Got      int     // of them received by the one that warms up
	Others   []Other // who else there was, those without requests too, in the list's order
	Position int     // of the one that warms up in that list: how many of Others stand before it
}

// Other is another instance of the service within a bucket.
type Other struct {
	Instance string
	Got      int
	Cold     bool    // it warms up itself, in a window as long
	AgeAhead float64 // Cold: by how many windows it is older; negative is younger
}

// n is how many instances there were.
func (b Bucket) n() int { return len(b.Others) + 1 }

// Missing is how many of the requests that were sent nobody received; negative
// where more were received than sent. Both mean that the counts are not to be
// trusted.
func (b Bucket) Missing() int {
	missing := b.Sent - b.Got
	for _, o := range b.Others {
		missing -= o.Got
	}
	return missing
}

// Missing is the sum over buckets of requests missing, of either sign: 0 is
// conservation.
func Missing(buckets []Bucket) (n int) {
	for _, b := range buckets {
		n += max(b.Missing(), -b.Missing())
	}
	return n
}

// instants is how many ages stand for a bucket in its mean share: as many as
// tell where within it a weight makes a step.
const instants = 64

// ExpectedShare is the mean over the bucket of the share that is expected of the one
// that warms up by shape.
func (b Bucket) ExpectedShare(shape Shape) float64 {
	var sum float64
	step := (b.To - b.From) / instants
	for i := range instants {
		sum += b.at(shape, b.From+(float64(i)+0.5)*step)
	}
	return sum / instants
}

// at is the share expected at age x.
func (b Bucket) at(shape Shape, x float64) float64 {
	if shape.Grouped() {
		_, share := shape.WeightAmong(b.ages(x), b.Position)
		return share
	}
	w := shape.At(x)
	all := w
	for _, o := range b.Others {
		if o.Cold {
			all += shape.At(x + o.AgeAhead)
		} else {
			all++
		}
	}
	if all == 0 { // nobody weighs anything: all are called alike
		return 1 / float64(b.n())
	}
	return w / all
}

// ages are those of all, in the list's order, when that of the one that warms up
// is x.
func (b Bucket) ages(x float64) []float64 {
	out := make([]float64, 0, b.n())
	for _, o := range b.Others {
		age := math.Inf(1)
		if o.Cold {
			age = x + o.AgeAhead
		}
		out = append(out, age)
	}
	return slices.Insert(out, b.Position, x)
}

// cell is a stretch of a warm-up, over all consumers.
type cell struct {
	from, to       float64
	sent, got      float64
	expected, vary float64 // of got, and its variance
}

// cells adds up buckets of the same stretch, in the order of the stretches.
func cells(buckets []Bucket, shape Shape) []cell {
	var out []cell
	for _, b := range buckets {
		p := b.ExpectedShare(shape)
		n := float64(b.Sent)
		c := cell{from: b.From, to: b.To, sent: n, got: float64(b.Got), expected: n * p, vary: n * p * (1 - p)}
		i := 0
		for i < len(out) && (out[i].from < c.from || out[i].from == c.from && out[i].to < c.to) {
			i++
		}
		if i < len(out) && out[i].from == c.from && out[i].to == c.to {
			out[i] = out[i].plus(c)
			continue
		}
		out = append(out, cell{})
		copy(out[i+1:], out[i:])
		out[i] = c
	}
	return out
}

// plus joins two cells: of one stretch, or neighbours.
func (c cell) plus(d cell) cell {
	return cell{
		from: math.Min(c.from, d.from), to: math.Max(c.to, d.to), sent: c.sent + d.sent, got: c.got + d.got,
		expected: c.expected + d.expected, vary: c.vary + d.vary,
	}
}
