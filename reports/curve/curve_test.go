package curve

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/settings"
)

// whole is one bucket of m of a window, or all of it, with n instances.
func whole(n int) Bucket { return Bucket{To: 1, Others: make([]Other, n-1)} }

// mean of a whole window, by buckets as the tests have them.
func mean(n int, s Shape) (sum float64) {
	for i := range m {
		b := whole(n)
		b.From, b.To = float64(i)/m, float64(i+1)/m
		sum += b.ExpectedShare(s) / m
	}
	return sum
}

func TestShareOfPowers(t *testing.T) {
	for _, n := range []int{2, 3, 4, 5, 10} {
		others := float64(n - 1)
		// The integrals of x/(x+n−1) and x²/(x²+n−1). Weights of at least 1/100
		// lift them a little.
		require.InDelta(t, 1-others*math.Log(float64(n)/others), mean(n, PowerShape(1)), 1e-4, "n=%d", n)
		require.InDelta(t, 1-math.Sqrt(others)*math.Atan(1/math.Sqrt(others)), mean(n, PowerShape(2)), 8e-4, "n=%d", n)
		b := whole(n)
		for _, x := range []float64{.25, .5, .75, 1, 2} {
			w := math.Min(1, x*x)
			require.InDelta(t, w/(w+others), b.shareAt(PowerShape(2), x), 1e-9)
		}
		require.InDelta(t, 1/float64(n), mean(n, Flat()), 1e-12)
		require.InDelta(t, 1/(1+100*others), b.shareAt(PowerShape(2), -1), 1e-9, "before its start, as the clocks say: the floor")
	}
	require.InDelta(t, 1, whole(1).ExpectedShare(PowerShape(2)), 1e-12, "alone it gets all")
}

// What roundings, floors and staircases do to the mean share is known.
func TestShareOfModels(t *testing.T) {
	for _, c := range []struct {
		model     string
		parameter float64
		two       float64 // of two, and of three
		three     float64
		within    float64
	}{
		{"dubbo", 0, .3044, .1875, 5e-4},
		{"sermant", 2, .2152, .1299, 5e-4},
		{"power", 2, .2152, .1299, 5e-4},
		{"envoy", 1, .3113, .1914, 5e-4},
		{"polaris", 1, .2985, .1835, 2e-3},
	} {
		s := model(t, settings.Warmup{Model: c.model, Curve: c.parameter, Window: window})
		require.InDelta(t, c.two, mean(2, s), c.within, c.model)
		require.InDelta(t, c.three, mean(3, s), c.within, c.model)
		require.InDelta(t, 1, s.At(1.5), 0)
		require.Less(t, s.WithClockSkew(.6).At(1.5), 1., "by a clock that is behind it is not warm yet")
	}
}

func TestShareBesideOthersThatAreCold(t *testing.T) {
	b := Bucket{From: .4, To: .6, Others: []Other{{Cold: true}, {Cold: true}}}
	require.InDelta(t, 1./3, b.ExpectedShare(PowerShape(2)), 1e-12, "all as young: nobody is protected")
	b.Others[0].AgeAhead, b.Others[1].AgeAhead = 9, .25
	require.InDelta(t, .25/(.25+1+.5625), b.shareAt(PowerShape(2), .5), 1e-12)
	require.InDelta(t, newPowerBucket(b).share(PowerFamily(), 2), b.ExpectedShare(PowerShape(2)), 1e-4)
	zero := Shape{weight: func(float64) float64 { return 0 }}
	b.Others[0].AgeAhead = 0
	require.InDelta(t, 1./3, b.shareAt(zero, 0), 1e-12, "where nobody weighs anything all are called")
}

func TestFamiliesAreShares(t *testing.T) {
	buckets := []Bucket{{From: .3, To: .35, Others: make([]Other, 1)}, {From: .3, To: .35, Others: make([]Other, 6)},
		{From: -.02, To: .05, Others: make([]Other, 2)}, {From: .9, To: 1.2, Others: make([]Other, 1)},
		{From: .5, To: .55, Others: []Other{{Cold: true, AgeAhead: .2}, {}}}, {From: 1, To: 1.05, Others: []Other{{Cold: true, AgeAhead: -.5}}}}
	for _, b := range buckets {
		for _, c := range []float64{.5, 1, 2, 5} {
			require.InDelta(t, b.ExpectedShare(PowerShape(c)), newPowerBucket(b).share(PowerFamily(), c), 5e-4, "%v to %v, c=%v", b.From, b.To, c)
			declared := model(t, settings.Warmup{Model: "power", Curve: c, Window: window})
			for _, through := range []float64{1, 2} {
				// Rounded as x or x² is, x^c is rounded as x^c is.
				of := FamilyOf(model(t, settings.Warmup{Model: "power", Curve: through, Window: window}), through)
				require.InDelta(t, b.ExpectedShare(declared), newPowerBucket(b).share(of, c), 2e-3, "%v to %v, c=%v through %v", b.From, b.To, c, through)
			}
		}
	}
	flat := FamilyOf(Flat(), 0)
	require.InDelta(t, PowerFamily().mean(100, 4000), flat.mean(100, 4000), 0, "without an exponent it is the exact power")
	require.InDelta(t, 1, flat.mean(ageSteps, ageSteps), 0)
}

func TestConservation(t *testing.T) {
	b := Bucket{Sent: 10, Got: 3, Others: []Other{{Got: 4}, {Got: 3}}}
	require.Zero(t, Missing([]Bucket{b}))
	lost, twice := b, b
	lost.Sent += 2
	twice.Got += 3
	require.Equal(t, 2, lost.Missing())
	require.Equal(t, -3, twice.Missing())
	require.Equal(t, 5, Missing([]Bucket{b, lost, twice}), "too many do not make up for too few")
}

// exactly is a warm-up whose counts are, rounded, what a shape says.
func exactly(n, perBucket int, s Shape) (out []Bucket) {
	for i := range m + 2 {
		b := whole(n)
		b.From, b.To, b.Sent = float64(i)/m, float64(i+1)/m, perBucket
		b.Got = int(math.Round(float64(perBucket) * b.ExpectedShare(s)))
		left := b.Sent - b.Got
		for j := range b.Others {
			b.Others[j] = Other{Instance: fmt.Sprint(j), Got: left / (n - 1)}
		}
		out = append(out, b)
	}
	return out
}

func TestGoodness(t *testing.T) {
	b := exactly(2, 120, PowerShape(2))
	f := GoodnessOfFit(b, PowerShape(2))
	require.True(t, f.Agrees(.01))
	require.True(t, f.Regular(.01), "better than chance could")
	require.InDelta(t, 1, f.Upper+f.Lower, 1e-9)
	require.Equal(t, 17, f.DF, "the first five are joined with what makes them enough")
	for _, other := range []Shape{PowerShape(1), PowerShape(3), Flat(), PowerShape(2).WithClockSkew(.2)} {
		require.False(t, GoodnessOfFit(b, other).Agrees(.01))
	}
	none := GoodnessOfFit(nil, PowerShape(2))
	require.Equal(t, Fit{Upper: 1, Lower: 1}, none)
	require.False(t, none.Regular(.01))
	require.Zero(t, GoodnessOfFit(exactly(1, 100, Flat()), Flat()).DF, "alone there is nothing to share")

	// χ² by hand: two cells, each three standard deviations off.
	two := []Bucket{{From: 1, To: 2, Sent: 400, Got: 230, Others: make([]Other, 1)}, {From: 2, To: 3, Sent: 400, Got: 170, Others: make([]Other, 1)}}
	require.InDelta(t, 18, GoodnessOfFit(two, Flat()).ChiSquare, 1e-9)
	require.InDelta(t, math.Exp(-9), GoodnessOfFit(two, Flat()).Upper, 1e-9, "of two degrees of freedom")
	// The same stretch of two consumers is one cell: one balances the other.
	two[1].From, two[1].To, two[1].Consumer = 1, 2, "h"
	require.Zero(t, GoodnessOfFit(two, Flat()).ChiSquare)
}

// The number of instances is each bucket's own.
func TestGoodnessWhileTheNumberOfInstancesChanges(t *testing.T) {
	b := slices.Concat(exactly(3, 200, PowerShape(1))[:10], exactly(2, 200, PowerShape(1))[10:])
	require.True(t, GoodnessOfFit(b, PowerShape(1)).Agrees(.01))
	require.True(t, Exponent(b, PowerFamily()).Contains(1))
	for i := range b {
		b[i].Others = make([]Other, 1)
	}
	require.False(t, GoodnessOfFit(b, PowerShape(1)).Agrees(.01))
}

func TestWithin(t *testing.T) {
	low, high := BinomialRange(120, .5, .95)
	require.Equal(t, []int{49, 71}, []int{low, high}, "binomial quantiles of 120 at ½")
	low, high = BinomialRange(0, .5, .95)
	require.Equal(t, []int{0, 0}, []int{low, high}, "nothing sent, nothing got")
	for _, b := range exactly(2, 120, PowerShape(2)) {
		low, high := BinomialRange(b.Sent, b.ExpectedShare(PowerShape(2)), .95)
		require.LessOrEqual(t, low, b.Got)
		require.GreaterOrEqual(t, high, b.Got)
	}
	// Nothing but the band's own share is outside.
	var out, all float64
	s := synthetic{n: 2, warmup: power(2), requests: 2400, balancer: settings.Random}
	for seed := range uint64(100) {
		for _, b := range s.run(t, seed) {
			all++
			if low, high := BinomialRange(b.Sent, b.ExpectedShare(model(t, s.warmup)), .95); b.Got < low || b.Got > high {
				out++
			}
		}
	}
	require.InDelta(t, .04, out/all, .02)
}

func TestExponent(t *testing.T) {
	for _, n := range []int{2, 5} {
		for _, c := range []float64{.5, 1, 2, 3, 5} {
			e := Exponent(exactly(n, 100_000, PowerShape(c)), PowerFamily())
			require.InDelta(t, c, e.Value, .02*c)
			require.Equal(t, m*100_000, e.Requests, "those after the end tell nothing")
		}
	}
	// The standard deviations that the theory gives: half the interval over 1.96.
	for _, c := range []struct {
		n, requests int
		c, sd       float64
	}{{2, 600, 1, .103}, {2, 600, 2, .177}, {2, 2400, 1, .051}, {2, 2400, 2, .089}, {3, 2400, 1, .066}, {3, 2400, 2, .116}} {
		e := Exponent(exactly(c.n, c.requests/m, PowerShape(c.c)), PowerFamily())
		require.InDelta(t, c.sd, (e.High-e.Low)/2/1.96, .1*c.sd, "%+v", c)
		require.True(t, e.Contains(c.c))
	}
	none := Exponent(exactly(2, 100, Flat())[m:], PowerFamily())
	require.Equal(t, Estimate{Value: 1, Low: MinExponent, High: MaxExponent}, none)
	require.False(t, none.Contains(1), "nothing seen is no proof")

	flat := Exponent(exactly(2, 120, Flat()), PowerFamily())
	require.InDelta(t, MinExponent, flat.Low, 1e-9, "open downwards: it did not warm up")
	require.Less(t, flat.High, .2)
}

func TestNeeded(t *testing.T) {
	for _, s := range []synthetic{
		{n: 2, warmup: power(2), balancer: settings.Random},
		{n: 5, warmup: power(1), balancer: settings.Random},
		{n: 5, warmup: power(2), balancer: settings.RoundRobin},
	} {
		c := s.warmup.Curve
		s.requests = RequestsNeeded(s.n, c, neighbour(c), .99)
		told := s.rate(t, 300, func(b []Bucket) bool { return !Exponent(b, PowerFamily()).Contains(neighbour(c)) })
		t.Logf("n=%d: %d requests tell %v from %v in %.1f %%", s.n, s.requests, c, neighbour(c), 100*told[0])
		require.GreaterOrEqual(t, told[0], .95)
	}
	require.Equal(t, math.MaxInt, RequestsNeeded(1, 1, 2, .99))
	require.Equal(t, math.MaxInt, RequestsNeeded(2, 2, 2, .99))
	require.Less(t, RequestsNeeded(5, 2, 1, .99), 2400)
}

func TestGoverned(t *testing.T) {
	all := Governed(exactly(2, 120, PowerShape(2)), PowerShape(2))
	require.InDelta(t, 1, all.Value, .02)
	none := Governed(exactly(2, 120, Flat()), PowerShape(2))
	require.InDelta(t, 0, none.Value, .02)
	require.Zero(t, none.Low)
	require.False(t, none.Contains(1))

	for _, balancer := range []string{settings.Random, settings.RoundRobin} {
		s := synthetic{n: 3, warmup: power(2), requests: 4800, balancer: balancer, ungoverned: 3}
		shape := model(t, s.warmup)
		got := s.rate(t, 40,
			func(b []Bucket) bool { return Governed(b, shape).Contains(.7) },
			func(b []Bucket) bool { return Governed(b, shape).Contains(1) },
			func(b []Bucket) bool { return GoodnessOfFit(b, shape).Agrees(alpha) })
		require.GreaterOrEqual(t, got[0], .9, "three consumers of ten do without weights")
		require.Zero(t, got[1])
		require.Zero(t, got[2])
		// By consumer it is told whose fault it is.
		b := s.run(t, 1)
		for i := range 10 {
			one := of(b, fmt.Sprint(i))
			require.Equal(t, i >= 3, Governed(one, shape).Value > .5, "consumer %d", i)
		}
	}
	require.Zero(t, Governed(exactly(2, 120, Flat()), Flat()).Requests, "without a curve there is nothing to follow")
}

func of(buckets []Bucket, consumer string) (out []Bucket) {
	for _, b := range buckets {
		if b.Consumer == consumer {
			out = append(out, b)
		}
	}
	return out
}

func TestFair(t *testing.T) {
	f := TestFairness(exactly(4, 300, PowerShape(2)))
	require.True(t, f.Agrees(.01))
	require.Equal(t, 2, f.DF, "three warm ones, added up")
	require.Zero(t, f.Spread)

	rows := []Bucket{
		{Others: []Other{{Instance: "a", Got: 60}, {Instance: "b", Got: 40}, {Instance: "c", Got: 1, Cold: true}}},
		{Others: []Other{{Instance: "b", Got: 40}, {Instance: "a", Got: 60}}},
		{Others: []Other{{Instance: "a", Got: 500}}},                        // alone
		{Others: []Other{{Instance: "a", Got: 3}, {Instance: "d", Got: 0}}}, // too few
	}
	f = TestFairness(rows)
	require.InDelta(t, 8, f.ChiSquare, 1e-9, "120 and 80 where 100 were due")
	require.InDelta(t, .4, f.Spread, 1e-9)
	require.Equal(t, 1, f.DF)
	require.False(t, f.Agrees(.01))
	require.Equal(t, Fairness{Fit: Fit{Upper: 1, Lower: 1}}, TestFairness(nil))
}

func TestStep(t *testing.T) {
	smooth := exactly(2, 120, PowerShape(2))
	require.Greater(t, StepAtEnd(smooth, PowerShape(2)).P, .5)

	// It held back until the end, then was let loose.
	b := exactly(2, 120, PowerShape(2))
	b[m-1].Got = 12
	j := StepAtEnd(b, PowerShape(2))
	require.InDelta(t, (58.5-12)/120, j.Size, .001)
	require.Less(t, j.P, 1e-6)
	require.Greater(t, j.Low, 0.)
	require.Equal(t, Step{Low: -1, High: 1, P: 1}, StepAtEnd(b[:m], PowerShape(2)), "nothing after the end")
	require.Equal(t, Step{Low: -1, High: 1, P: 1}, StepAtEnd(b[m:], PowerShape(2)), "nothing before it")
}

// Negative controls: the original's defects are seen, each by the test that is
// for it.
func TestDefectsAreSeen(t *testing.T) {
	const requests = 2400
	declared := func(parameter float64, w settings.Warmup) Shape {
		w.Curve = parameter
		return model(t, w)
	}
	for _, c := range []struct {
		name string
		synthetic
		declared settings.Warmup
		fit      bool // agrees
		fair     bool
	}{
		{"warm-up off", synthetic{n: 2}, power(2), false, true},
		{"a clock that is behind, safely", synthetic{n: 3, warmup: power(1), skew: 30 * time.Second}, power(1), false, true},
		{"a clock that is behind, to the full", synthetic{n: 3, warmup: linear("sermant-skew"), skew: 30 * time.Second}, linear("sermant"), false, true},
		{"a clock that is behind, mirrored", synthetic{n: 3, warmup: linear("polaris-mirror"), skew: 60 * time.Second}, linear("polaris"), false, true},
		{"the guard, of two", synthetic{n: 2, warmup: linear("polaris-guard")}, linear("polaris"), false, true},
		{"the guard, of three", synthetic{n: 3, warmup: linear("polaris-guard")}, linear("polaris"), true, true},
		{"the remainder, to itself", synthetic{n: 3, warmup: linear("polaris-remainder")}, linear("polaris"), false, true},
		{"the guard, of two, as its name says", synthetic{n: 2, warmup: linear("polaris-guard")}, linear("polaris-guard"), true, true},
		{"the guard, of three, as its name says", synthetic{n: 3, warmup: linear("polaris-guard")}, linear("polaris-guard"), true, true},
		{"no guard, of two, where one is declared", synthetic{n: 2, warmup: linear("polaris")}, linear("polaris-guard"), false, true},
		{"the remainder, to itself, as its name says", synthetic{n: 3, warmup: linear("polaris-remainder")}, linear("polaris-remainder"), true, true},
		{"the remainder, to another, as its name says", synthetic{n: 3, warmup: linear("polaris-remainder"), young: 2}, linear("polaris-remainder"), true, false},
		{"the staircase", synthetic{n: 3, warmup: linear("polaris")}, linear("polaris"), true, true},
		{"envoy", synthetic{n: 3, warmup: settings.Warmup{Model: "envoy", Curve: 2, Window: window}},
			settings.Warmup{Model: "envoy", Curve: 2, Window: window}, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, c.balancer = range []string{settings.Random, settings.RoundRobin} {
				c.requests = requests
				shape := declared(c.declared.Curve, c.declared)
				got := c.rate(t, 20,
					func(b []Bucket) bool { return GoodnessOfFit(b, shape).Agrees(alpha / 10) },
					func(b []Bucket) bool { return TestFairness(b).Agrees(alpha / 10) })
				require.Equal(t, c.fit, got[0] > .5, "%s: fit", c.balancer)
				require.True(t, got[0] == 0 || got[0] > .9, "%s: fit %v", c.balancer, got[0])
				require.Equal(t, c.fair, got[1] > .9, "%s: fairness", c.balancer)
			}
		})
	}
	require.True(t, GoodnessOfFit(synthetic{n: 3, warmup: power(1), requests: requests, skew: 30 * time.Second}.run(t, 1), PowerShape(1).WithClockSkew(.25)).Agrees(alpha),
		"the shift is predicted")
}

// What an instance weighs beside others, and the share that is due to it.
func TestBeside(t *testing.T) {
	guard, remainder := model(t, linear("polaris-guard")), model(t, linear("polaris-remainder"))
	warm := math.Inf(1)
	for what, c := range map[string]struct {
		shape         Shape
		ages          []float64
		who           int
		weight, share float64
	}{
		"rounded":                             {model(t, linear("linear")), []float64{.505, warm}, 0, .5, 1. / 3},
		"by itself":                           {PowerShape(1), []float64{.5, warm}, 0, .5, 1. / 3},
		"and who is warm":                     {PowerShape(1), []float64{.5, warm}, 1, 1, 2. / 3},
		"the guard, of two":                   {guard, []float64{.5, warm}, 0, 1, .5},
		"the guard, of three":                 {guard, []float64{.5, warm, warm}, 0, .48, .48 / 2.48},
		"the guard, two of three":             {guard, []float64{.5, .2, warm}, 1, 1, 1. / 3},
		"the remainder, to itself":            {remainder, []float64{.5, warm}, 0, 1, .5},
		"the remainder, to another":           {remainder, []float64{warm, .5}, 1, .48, .24},
		"the other":                           {remainder, []float64{warm, .5}, 0, 1.52, .76},
		"the guard, of two, by a wrong clock": {guard.WithClockSkew(.9), []float64{1.1, warm}, 0, 1, .5},
		"the remainder, by a wrong clock":     {remainder.WithClockSkew(.5), []float64{warm, 1}, 1, .48, .24},
	} {
		weight, share := c.shape.WeightAmong(c.ages, c.who)
		require.InDelta(t, c.weight, weight, .01, what)
		require.InDelta(t, c.share, share, .003, what)
	}
	b := Bucket{From: .4, To: .6, Others: []Other{{}, {Cold: true, AgeAhead: .25}}, Position: 1}
	require.Equal(t, []float64{warm, .5, .75}, b.ages(.5))
	require.InDelta(t, 1./3, b.ExpectedShare(guard), 1e-9)
}

func linear(model string) settings.Warmup {
	return settings.Warmup{Model: model, Curve: 1, Window: window}
}

// The remainder that goes to another than the one that warms up leaves that
// one's share as promised: only the shares of the rest tell.
func TestTheRemainderIsUnfair(t *testing.T) {
	s := synthetic{n: 4, warmup: linear("polaris-remainder"), requests: 2400, balancer: settings.RoundRobin, young: 2}
	b := s.run(t, 1)
	require.True(t, GoodnessOfFit(b, model(t, linear("polaris"))).Agrees(alpha))
	f := TestFairness(b)
	require.False(t, f.Agrees(alpha))
	require.Greater(t, f.Spread, .2)
}
