package sample

import (
	"math"
	"time"

	"zeroloss/demo-services/warmup"
	"zeroloss/reports/curve"
	"zeroloss/reports/ledger"
)

// buckets and beyond are the stretches of a warm-up: of its window, and of what
// follows it.
const (
	buckets = 20
	beyond  = 5
)

// warmups makes up those that Options ask for: of B's successor in base, which
// keeps to x²; of gray's, which is called by x and fails at first; and one that
// the load's end cut.
func (b *builder) warmups() {
	window := 3 * b.at
	for i, arm := range []string{"base", "gray", "base"}[:min(b.o.Warmups, 3)] {
		w := ledger.Warmup{
			Instance: inst(workload("b", arm), 3), Workload: workload("b", arm), Service: workload("b", ""), Tag: tag(arm), Arms: []string{arm},
			Model: "power", Curve: 2, Window: window, Start: 2*b.at + 130*time.Millisecond, Seen: 1.25,
		}
		m := time.Millisecond
		at := func(d time.Duration) *time.Duration { d += w.Start; return &d }
		w.Listening, w.Registered, w.Ready, w.Warm = at(-40*m), at(3*m), at(770*m), at(window)
		w.Beside = append(w.Beside, inst(w.Workload, 1))
		came := curve.Power(2)
		switch i {
		case 1:
			came = curve.Power(1)
		case 2:
			w.Instance, w.Seen, w.Warm = inst(w.Workload, 4), 0.42, nil
		}
		b.buckets(&w, came)
		b.bins(&w, came, i == 1)
		w.Finding = finding(w)
		b.l.Warmups = append(b.l.Warmups, w)
	}
}

// declared is what the sample's warm-ups promise.
func declared(w ledger.Warmup) curve.Shape {
	m, err := warmup.Find(w.Model)
	if err != nil {
		panic(err) // it names one of ours
	}
	return curve.Of(m, w.Curve, w.Window)
}

// drawn is how many of n go to one that is due a share: by chance, but always
// the same.
func (b *builder) drawn(n int, share float64) int {
	k := float64(n)*share + b.rng.NormFloat64()*math.Sqrt(float64(n)*share*(1-share))*0.6
	return min(max(int(math.Round(k)), 0), n)
}

func (b *builder) buckets(w *ledger.Warmup, came curve.Shape) {
	for i := range int(min(buckets*w.Seen, buckets+beyond)) {
		one := curve.Bucket{Consumer: inst(workload("a", w.Arms[0]), 1).String(), From: float64(i) / buckets, To: float64(i+1) / buckets}
		one.Sent = int(rate * w.Window.Seconds() / buckets)
		one.Others = []curve.Other{{Instance: w.Beside[0].String()}}
		one.Got = b.drawn(one.Sent, one.Share(came))
		one.Others[0].Got = one.Sent - one.Got
		w.Buckets = append(w.Buckets, one)
	}
}

func (b *builder) bins(w *ledger.Warmup, came curve.Shape, fails bool) {
	shape, width := declared(*w), min(time.Second, w.Window/buckets)
	for from := w.Start - 3*width; from+width <= w.Start+time.Duration(float64(w.Window)*w.Seen); from += width {
		bin := ledger.WarmupBin{From: from, To: from + width, Sent: int(rate * width.Seconds()), OthersLatency: 3 * time.Millisecond}
		age := float64(from+width/2-w.Start) / float64(w.Window)
		if age >= 0 {
			share := shape.At(age) / (1 + shape.At(age))
			bin.Weight, bin.Expected = shape.At(age), share*float64(bin.Sent)
			low, high := curve.Within(bin.Sent, share, 0.95)
			bin.Low, bin.High = float64(low), float64(high)
			bin.Got = b.drawn(bin.Sent, came.At(age)/(1+came.At(age)))
			bin.Latency = time.Duration(b.latency() * float64(time.Millisecond))
		}
		if fails && age >= 0 && age < 0.2 {
			bin.Failed, bin.Latency = bin.Got/2, 300*time.Millisecond
		}
		bin.Others = []int{bin.Sent - bin.Got}
		w.Bins = append(w.Bins, bin)
	}
}

// finding is what the ledger would say of the buckets.
func finding(w ledger.Warmup) ledger.Finding {
	f := ledger.Finding{Declared: 2, Needed: 509}
	for _, b := range w.Buckets[:min(buckets, len(w.Buckets))] {
		f.Requests += b.Sent
	}
	if w.Seen < 1 {
		f.Unmeasured = "only 42 % of its window was seen: the load ended, or the instance went"
		return f
	}
	shape := declared(w)
	e, g, alpha, step := curve.Exponent(w.Buckets, w.Family()), curve.Goodness(w.Buckets, shape), curve.Governed(w.Buckets[:buckets], shape), curve.Step(w.Buckets, shape)
	f.Exponent, f.Fit, f.Governed, f.Step = &e, &g, &alpha, &step
	f.By = []ledger.WarmupConsumer{{Consumer: w.Buckets[0].Consumer, Sent: f.Requests, Got: w.Buckets[0].Got, Exponent: e, Governed: alpha}}
	return f
}
