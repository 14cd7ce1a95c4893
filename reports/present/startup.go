package present

import (
	"slices"
	"time"

	"zeroloss/reports/ledger/warmup"
)

// StartStep is a time at which a starting instance came a step further.
type StartStep struct {
	At    time.Duration
	Label string
}

// StartSteps returns those of a warm-up, by time. Those within near of an earlier
// one share its line.
func StartSteps(w warmup.Measurement, near time.Duration) []StartStep {
	var all []StartStep
	for _, s := range []struct {
		at    *time.Duration
		label string
	}{{w.Listening, "listening"}, {w.Registered, "registered"}, {w.Ready, "ready"}, {w.WarmedUp, "warm"}} {
		if s.at != nil {
			all = append(all, StartStep{*s.at, s.label})
		}
	}
	slices.SortStableFunc(all, func(a, b StartStep) int { return int(a.At - b.At) })
	var out []StartStep
	for _, s := range all {
		if n := len(out); n > 0 && s.At-out[n-1].At < near {
			out[n-1].Label += ", " + s.Label
			continue
		}
		out = append(out, s)
	}
	return out
}

// StartStepLabels joins the labels of steps that are within near of each
// other, so that they could not be read side by side: "listening · registered,
// ready", in the middle of their lines.
func StartStepLabels(steps []StartStep, near time.Duration) []StartStep {
	var out []StartStep
	var last time.Duration
	for _, m := range steps {
		if n := len(out); n > 0 && m.At-last < near {
			first := 2*out[n-1].At - last
			out[n-1] = StartStep{(first + m.At) / 2, out[n-1].Label + " · " + m.Label}
		} else {
			out = append(out, m)
		}
		last = m.At
	}
	return out
}

// WarmupScale is the highest rate (requests per second) and the longest latency
// that the picture of a warm-up shows.
func WarmupScale(w warmup.Measurement) (qps float64, latency time.Duration) {
	qps = 1
	for _, b := range w.Bins {
		qps = max(qps, b.QPS(b.High), b.QPS(float64(b.Got)))
		for _, n := range b.Others {
			qps = max(qps, b.QPS(float64(n)))
		}
		latency = max(latency, b.Latency, b.OthersLatency)
	}
	return qps, latency
}
