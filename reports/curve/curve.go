// Package curve tells whether an instance that warmed up received the requests
// that its warm-up declares: its share by age against the expected one, goodness
// of fit, the exponent and its interval, the share of consumers that use the
// weights, fairness among the other instances, and the step at the end.
//
// The expected share of an instance that warms up is
//
//	s(x) = w(x) / (w(x) + Σ w(others)),   x = age / window,
//
// which is x^c / (x^c + n−1) for a power curve and n instances of which all
// others are warm: 1/n at the end, without a step.
//
// With a balancer that picks at random, counts are binomial, and the tests here
// have the levels that are asked for. Round robin makes counts more regular than
// chance: tests then raise fewer false alarms, and intervals cover the true value
// more often than they state. [Fit] has both tails, which tells the two apart.
//
// The input is counts, the output numbers; the package knows neither requests
// nor clocks nor hosts.
package curve

import (
	"math"
	"slices"
)

// Bucket is what one consumer sent to a service within one part of a warm-up,
// at a constant rate.
type Bucket struct {
	Consumer string  // that chose the instances; "" if there is only one
	From, To float64 // age of the instance that warms up, in windows: 1 is the end of its warm-up
	Sent     int     // requests to the service
	Got      int     // of these, received by the instance that warms up
	Others   []Other // the other instances, in the list's order, also those without requests
	Position int     // of the instance that warms up in that list: how many of Others precede it
}

// Other is another instance of the service within a bucket.
type Other struct {
	Instance string
	Got      int
	Cold     bool    // it warms up too, over a window of the same length
	AgeAhead float64 // if Cold: by how many windows it is older; negative if it is younger
}

// instances is the number of instances.
func (b Bucket) instances() int { return len(b.Others) + 1 }

// Missing is how many of the requests sent no instance received; negative if
// more were received than sent. In both cases the counts cannot be trusted.
func (b Bucket) Missing() int {
	missing := b.Sent - b.Got
	for _, o := range b.Others {
		missing -= o.Got
	}
	return missing
}

// Missing is the sum of the absolute values of [Bucket.Missing]: 0 if all
// requests are accounted for.
func Missing(buckets []Bucket) (n int) {
	for _, b := range buckets {
		n += max(b.Missing(), -b.Missing())
	}
	return n
}

// sharePoints is at how many ages the share of a bucket is computed for its
// mean: enough to resolve a step of the weight within it.
const sharePoints = 64

// ExpectedShare is the mean over the bucket of the share that the instance that
// warms up should get by shape.
func (b Bucket) ExpectedShare(shape Shape) float64 {
	var sum float64
	step := (b.To - b.From) / sharePoints
	for i := range sharePoints {
		sum += b.shareAt(shape, b.From+(float64(i)+0.5)*step)
	}
	return sum / sharePoints
}

// shareAt is the share expected at age x.
func (b Bucket) shareAt(shape Shape, x float64) float64 {
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
	if all == 0 { // all weights are 0: all instances are called equally often
		return 1 / float64(b.instances())
	}
	return w / all
}

// ages are those of all instances, in the list's order; x is that of the
// instance that warms up.
func (b Bucket) ages(x float64) []float64 {
	out := make([]float64, 0, b.instances())
	for _, o := range b.Others {
		age := math.Inf(1)
		if o.Cold {
			age = x + o.AgeAhead
		}
		out = append(out, age)
	}
	return slices.Insert(out, b.Position, x)
}

// cell is one part of a warm-up, over all consumers.
type cell struct {
	from, to       float64
	sent, got      float64
	expected, vary float64 // of got, and its variance
}

// cells adds up the buckets of the same part, in the order of the parts.
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

// plus joins two cells, of the same part or neighbours.
func (c cell) plus(d cell) cell {
	return cell{
		from: math.Min(c.from, d.from), to: math.Max(c.to, d.to), sent: c.sent + d.sent, got: c.got + d.got,
		expected: c.expected + d.expected, vary: c.vary + d.vary,
	}
}
