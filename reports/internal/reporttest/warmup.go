package reporttest

import (
	"math"
	"time"

	model "zeroloss/demo-services/warmup"
	"zeroloss/loadgen/record"
	"zeroloss/reports/curve"
	"zeroloss/reports/ledger/warmup"
)

// bucketsInWindow and bucketsAfter are the buckets of a warm-up: within its window,
// and after it.
const (
	bucketsInWindow = 20
	bucketsAfter    = 5
)

// warmups adds those that Options ask for: one in base that follows x²; one in gray
// that follows x and fails at first; one cut by the end of the load; one that
// oscillates around x²; and one without any other instance.
func (b *builder) warmups() {
	window := 3 * b.at
	for i, arm := range []string{"base", "gray", "base", "base", "gray"}[:min(b.o.Warmups, 5)] {
		w := warmup.Measurement{
			Instance: inst(workload("b", arm), 3), Workload: workload("b", arm), Service: workload("b", ""), Tag: tag(arm), Arms: []string{arm},
			Model: "power", Curve: 2, Window: window, Start: 2*b.at + 130*time.Millisecond, Coverage: 1.25,
		}
		m := time.Millisecond
		at := func(d time.Duration) *time.Duration { d += w.Start; return &d }
		w.Listening, w.Registered, w.Ready, w.WarmedUp = at(-40*m), at(3*m), at(770*m), at(window)
		w.Peers = append(w.Peers, inst(w.Workload, 1))
		came, swing := curve.PowerShape(2), 0.0
		switch i {
		case 1:
			came = curve.PowerShape(1)
		case 2:
			w.Instance, w.Coverage, w.WarmedUp = inst(w.Workload, 4), 0.42, nil
		case 3:
			w.Instance, swing = inst(w.Workload, 5), 0.3
		case 4:
			w.Instance, w.Peers = inst(w.Workload, 6), nil
		}
		b.buckets(&w, came, swing)
		b.bins(&w, came, swing, i == 1)
		w.Finding = finding(w)
		b.l.Warmups = append(b.l.Warmups, w)
	}
}

// declared is the declared curve.
func declared(w warmup.Measurement) curve.Shape {
	m, err := model.Find(w.Model)
	if err != nil {
		panic(err) // the samples use existing models
	}
	return curve.ModelShape(m, w.Curve, w.Window)
}

// sample is how many of n requests go to an instance with a share of the traffic:
// by chance, but always the same.
func (b *builder) sample(n int, share float64) int {
	k := float64(n)*share + b.rng.NormFloat64()*math.Sqrt(float64(n)*share*(1-share))*0.6
	return min(max(int(math.Round(k)), 0), n)
}

// oscillating is a share that oscillates twice within a window.
func oscillating(share, swing, age float64) float64 {
	return share * (1 + swing*math.Sin(4*math.Pi*age))
}

func (b *builder) buckets(w *warmup.Measurement, came curve.Shape, swing float64) {
	for i := range int(min(bucketsInWindow*w.Coverage, bucketsInWindow+bucketsAfter)) {
		one := curve.Bucket{Consumer: inst(workload("a", w.Arms[0]), 1).String(), From: float64(i) / bucketsInWindow, To: float64(i+1) / bucketsInWindow}
		one.Sent = int(rate * w.Window.Seconds() / bucketsInWindow)
		for _, other := range w.Peers {
			one.Others = append(one.Others, curve.Other{Instance: other.String()})
		}
		one.Got = b.sample(one.Sent, oscillating(one.ExpectedShare(came), swing, (one.From+one.To)/2))
		for j := range one.Others {
			one.Others[j].Got = one.Sent - one.Got
		}
		w.Buckets = append(w.Buckets, one)
	}
}

func (b *builder) bins(w *warmup.Measurement, came curve.Shape, swing float64, fails bool) {
	others := float64(len(w.Peers))
	shape, width := declared(*w), min(time.Second, w.Window/bucketsInWindow)
	for from := w.Start - 3*width; from+width <= w.Start+time.Duration(float64(w.Window)*w.Coverage); from += width {
		bin := warmup.Bin{From: from, To: from + width, Sent: int(rate * width.Seconds())}
		age := float64(from+width/2-w.Start) / float64(w.Window)
		if age >= 0 {
			share := shape.At(age) / (others + shape.At(age))
			bin.Weight, bin.Expected = shape.At(age), share*float64(bin.Sent)
			low, high := curve.BinomialRange(bin.Sent, share, 0.95)
			bin.Low, bin.High = float64(low), float64(high)
			bin.Got = b.sample(bin.Sent, oscillating(came.At(age)/(others+came.At(age)), swing, age))
			bin.Latency = time.Duration(b.latency() * float64(time.Millisecond))
		}
		if fails && age >= 0 && age < 0.2 {
			bin.Failed, bin.Latency = bin.Got/2, 300*time.Millisecond
		}
		for range w.Peers {
			bin.Others, bin.OthersLatency = append(bin.Others, bin.Sent-bin.Got), 3*time.Millisecond
		}
		w.Bins = append(w.Bins, bin)
	}
}

// finding is what the ledger would conclude from the buckets.
func finding(w warmup.Measurement) warmup.Finding {
	f := warmup.Finding{DeclaredExponent: 2, RequestsNeeded: 509}
	for _, b := range w.Buckets[:min(bucketsInWindow, len(w.Buckets))] {
		f.Requests += b.Sent
	}
	if len(w.Peers) == 0 {
		f.RequestsNeeded, f.NoEffect, f.Unmeasured = 0, true, "it was the only instance: without others, a warm-up has no effect"
		return f
	}
	if w.Coverage < 1 {
		f.Truncated = true
		f.Unmeasured = "only 42 % of its window was observed: the load ended or the instance left"
		return f
	}
	shape := declared(w)
	e, g, alpha, step := curve.Exponent(w.Buckets, w.Family()), curve.GoodnessOfFit(w.Buckets, shape), curve.Governed(w.Buckets[:bucketsInWindow], shape), curve.StepAtEnd(w.Buckets, shape)
	f.Exponent, f.Fit, f.Governed, f.Step = &e, &g, &alpha, &step
	f.Consumers = []warmup.Consumer{{Name: w.Buckets[0].Consumer, Sent: f.Requests, Got: w.Buckets[0].Got, Exponent: e, Governed: alpha}}
	return f
}

// KeptWarmup is a quadratic warm-up that came as declared.
func KeptWarmup() warmup.Measurement {
	w := warmup.Measurement{Instance: record.Instance{Pod: "c-2", Incarnation: 1}, Service: "c", Model: "power", Curve: 2, Window: 12 * time.Second, Coverage: 1.25}
	w.DeclaredExponent, w.Requests, w.RequestsNeeded = 2, 2159, 509
	w.Exponent = &curve.Estimate{Value: 1.97, Low: 1.85, High: 2.09, Requests: 2159}
	w.Fit = &curve.Fit{ChiSquare: 1.4, DF: 17, Upper: 0.99, Lower: 2e-7}
	w.Step = &curve.Step{Size: -0.019, Low: -0.139, High: 0.101, P: 0.7}
	w.Fairness = &curve.Fairness{Fit: curve.Fit{DF: 1, Upper: 0.02}, Spread: 0.083}
	w.Governed = &curve.Estimate{Value: 1, Low: 0.974, High: 1, Requests: 2159}
	return w
}
