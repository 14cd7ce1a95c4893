package warmup

import (
	"cmp"
	"math"
	"slices"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/reports/curve"
	"zeroloss/reports/exact"
	"zeroloss/reports/ledger/history"
)

// A picture shows between minLead and maxLead windows before a warm-up, so that
// the instance can be seen to begin to listen.
const (
	minLead = 0.1
	maxLead = 0.5
)

// confidence of the band around the expected requests.
const confidence = 0.95

// binWidth is a second, or less for windows of less than 20.
func binWidth(window time.Duration) time.Duration {
	for _, w := range []time.Duration{time.Second, 500 * time.Millisecond, 200 * time.Millisecond, 100 * time.Millisecond} {
		if w*20 <= window {
			return w
		}
	}
	return 50 * time.Millisecond
}

// setPicture finds out from when to when the picture of w lasts.
func (w *candidate) setPicture(loadEnd record.Micros) {
	window, lead := w.window(), time.Duration(0)
	if at := w.instance.First(record.KindListening); at != 0 && at < w.start {
		lead = w.start.Sub(at) + window/50
	}
	lead = min(max(lead, time.Duration(minLead*float64(window))), time.Duration(maxLead*float64(window)))
	w.binWidth = binWidth(window)
	lead = (lead + w.binWidth - 1).Truncate(w.binWidth) // so that a bin begins where the age is 0
	w.from, w.to = w.start.Add(-lead), min(w.bucketStart(bucketsPerWindow*measuredWindows), loadEnd)
}

// draw fills in what the picture of a warm-up shows.
func (m *Meter) draw(w *candidate, out *Measurement) {
	h, i := m.history, w.instance
	out.Listening, out.Registered, out.WarmedUp = h.OptionalOffset(i.First(record.KindListening)), h.OptionalOffset(i.First(record.KindRegistered)), h.OptionalOffset(i.First(record.KindWarmupEnd))
	out.Ready = h.OptionalOffset(cmp.Or(i.First(record.KindPodReady), i.First(record.KindReady)))
	until := h.LoadEnd
	if at := i.LeavingSince(); at != 0 {
		until = min(until, at)
	}
	out.Coverage = max(0, until.Sub(w.start).Seconds()/w.window().Seconds())

	slices.SortStableFunc(w.calls, func(x, y call) int { return cmp.Compare(x.at, y.at) })
	out.Peers = w.peers()
	shape, next := out.Shape(), 0
	for from := w.from; from.Add(w.binWidth) <= w.to; from = from.Add(w.binWidth) {
		if from < h.Zero {
			continue // before the load, or partly so
		}
		first := next
		for next < len(w.calls) && w.calls[next].at < from.Add(w.binWidth) {
			if w.calls[next].at < from {
				first++
			}
			next++
		}
		out.Bins = append(out.Bins, m.bin(w, out.Peers, shape, from, w.calls[first:next]))
	}
}

// peers are the other instances that were called while w warmed up, by name.
func (w *candidate) peers() []record.Instance {
	seen := map[record.Instance]bool{w.instance.ID: true, {}: true}
	var out []record.Instance
	for _, c := range w.calls {
		if !seen[c.callee] {
			seen[c.callee] = true
			out = append(out, c.callee)
		}
	}
	slices.SortFunc(out, func(x, y record.Instance) int { return cmp.Compare(x.String(), y.String()) })
	return out
}

func (m *Meter) bin(w *candidate, peers []record.Instance, shape curve.Shape, from record.Micros, calls []call) Bin {
	out := Bin{From: m.history.Offset(from), To: m.history.Offset(from.Add(w.binWidth)), Others: make([]int, len(peers))}
	if x := w.age(from.Add(w.binWidth / 2)); x >= 0 {
		out.Weight = shape.At(x)
	}
	var own, others []time.Duration
	weights := 0.0
	for _, c := range calls {
		out.Sent++
		share, weight := m.expectedShare(w, shape, c)
		out.Expected += share
		weights += weight
		switch i := slices.Index(peers, c.callee); {
		case c.callee == w.instance.ID:
			out.Got++
			own = append(own, c.took)
			if c.failed {
				out.Failed++
			}
		case i >= 0:
			out.Others[i]++
			others = append(others, c.took)
		}
	}
	if out.Sent > 0 {
		if shape.Grouped() { // its weight does not depend on its age alone
			out.Weight = weights / float64(out.Sent)
		}
		low, high := curve.BinomialRange(out.Sent, out.Expected/float64(out.Sent), confidence)
		out.Low, out.High = float64(low), float64(high)
	}
	out.Latency, out.OthersLatency = median(own), median(others)
	return out
}

func median(of []time.Duration) time.Duration {
	slices.Sort(of)
	return exact.Quantile(of, 0.5)
}

// expectedShare is the probability with which a call should have gone to the
// instance that warms up, by what its consumer saw, and the weight of that
// instance by the same.
func (m *Meter) expectedShare(w *candidate, shape curve.Shape, c call) (share, weight float64) {
	consumer := m.history.Instance(c.caller)
	list, _ := consumer.HostListAt(w.service, c.at)
	var ages, weights []float64
	index := -1
	for _, host := range list.Hosts {
		if host.Tag != w.host.Tag || consumer.Avoided(host.Instance, c.at) {
			continue
		}
		if host.Instance == w.host.Instance {
			index = len(ages)
		}
		age := math.Inf(1)
		if host.Warmup.Window > 0 {
			age = float64(c.at.Sub(startOf(host))) / float64(host.Warmup.Window)
		}
		ages = append(ages, age)
		weights = append(weights, w.shapeOf(host, shape).At(age))
	}
	switch {
	case index < 0:
		return 0, 0 // not in the list yet, or not any more
	case shape.Grouped():
		weight, share = shape.WeightAmong(ages, index)
		return share, weight
	}
	return curve.WeightShare(weights, index), weights[index]
}

// shapeOf is the shape of a host's rule; shape is that of w's.
func (w *candidate) shapeOf(host history.Host, shape curve.Shape) curve.Shape {
	if host.Warmup.Window == 0 {
		return curve.Flat()
	}
	if host.Warmup != w.host.Warmup {
		return ruleShape(host.Warmup)
	}
	return shape
}
