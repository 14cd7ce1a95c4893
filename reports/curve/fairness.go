package curve

import (
	"math"
	"slices"
	"strings"
)

// Fairness is how the warm instances share the requests that are left to them.
type Fairness struct {
	Fit
	// Spread is the largest difference between two of them, as a share of what
	// each should get: 0 is fair; at 1 one got as much more than another as it
	// should get in all.
	Spread float64
}

// TestFairness tests whether the warm instances of each bucket got the same
// number of requests. Buckets with the same warm instances are added up; sets
// that expect too few requests are left out.
func TestFairness(buckets []Bucket) Fairness {
	sets := map[string]map[string]int{}
	var order []string
	for _, b := range buckets {
		warm := slices.DeleteFunc(slices.Clone(b.Others), func(o Other) bool { return o.Cold })
		var names []string
		for _, o := range warm {
			names = append(names, o.Instance)
		}
		slices.Sort(names)
		key := strings.Join(names, "\x00")
		if sets[key] == nil {
			sets[key] = map[string]int{}
			order = append(order, key)
		}
		for _, o := range warm {
			sets[key][o.Instance] += o.Got
		}
	}
	var chi float64
	var df int
	out := Fairness{}
	for _, key := range order {
		got := sets[key]
		low, high, total := math.MaxInt, 0, 0
		for _, k := range got {
			low, high, total = min(low, k), max(high, k), total+k
		}
		each := float64(total) / float64(len(got))
		if len(got) < 2 || each < minExpected {
			continue
		}
		for _, k := range got {
			chi += (float64(k) - each) * (float64(k) - each) / each
		}
		df += len(got) - 1
		out.Spread = max(out.Spread, float64(high-low)/each)
	}
	out.Fit = fitOf(chi, df)
	return out
}

// Step is the step of the share at the end of a warm-up beyond the step of the
// shape itself (a curve that reaches 1 has none).
type Step struct {
	Size, Low, High float64 // share of all requests, with its 95 % interval
	P               float64 // probability of a step as large or larger, in either direction, if there is none
}

// StepAtEnd compares the parts on either side of the end of the window. Without
// requests on both sides no step can be measured: P is 1.
func StepAtEnd(buckets []Bucket, shape Shape) Step {
	before, after := cell{from: math.Inf(-1)}, cell{from: math.Inf(1)}
	for _, c := range cells(buckets, shape) {
		if c.sent == 0 {
			continue
		}
		if c.to <= 1 && c.from > before.from {
			before = c
		}
		if c.from >= 1 && c.from < after.from {
			after = c
		}
	}
	if before.sent == 0 || after.sent == 0 {
		return Step{Low: -1, High: 1, P: 1}
	}
	size := (after.got-after.expected)/after.sent - (before.got-before.expected)/before.sent
	sd := math.Sqrt(after.vary/after.sent/after.sent + before.vary/before.sent/before.sent)
	// Continuity correction: counts are whole numbers.
	half := (1/after.sent + 1/before.sent) / 2
	const z = 1.959963984540054 // 0.975 of the normal law
	return Step{
		Size: size, Low: size - z*sd - half, High: size + z*sd + half,
		P: math.Erfc(max(0, math.Abs(size)-half) / sd / math.Sqrt2),
	}
}
