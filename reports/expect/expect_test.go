package expect

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseCompare(t *testing.T) {
	type interval struct {
		low, high         float64
		openLow, openHigh bool
	}
	inf := math.Inf(1)
	cases := []struct {
		text  string
		times bool
		want  interval
		err   string
	}{
		{"0", false, interval{0, 0, false, false}, ""},
		{"= 3", false, interval{3, 3, false, false}, ""},
		{"== 3", false, interval{3, 3, false, false}, ""},
		{">= 10", false, interval{10, inf, false, false}, ""},
		{">10", false, interval{10, inf, true, false}, ""},
		{"<= 10", false, interval{-inf, 10, false, false}, ""},
		{"< 10", false, interval{-inf, 10, false, true}, ""},
		{"23..31", false, interval{23, 31, false, false}, ""},
		{" 23 .. 31 ", false, interval{23, 31, false, false}, ""},
		{"-1", false, interval{-1, -1, false, false}, ""},
		{"<= 5ms", true, interval{-inf, 5, false, false}, ""},
		{"<= 1.5s", true, interval{-inf, 1500, false, false}, ""},
		{"500us..1ms", true, interval{.5, 1, false, false}, ""},
		{"0", true, interval{0, 0, false, false}, ""},

		{"", false, interval{}, `is: is missing (write 0, ">= 10", "<= 5ms", 23..31 or predicted)`},
		{"0.1%", false, interval{}, `is: "0.1%" is a percentage (rounded percentages hide losses: use a count, such as 0 or "<= 7")`},
		{"31..23", false, interval{}, "is: 31..23 is empty: its low end is above its high end (did you mean 23..31?)"},
		{"<= 5", true, interval{}, `is: "5" has no unit (a time needs one: write 5ms or 5s)`},
		{"<= 5ms", false, interval{}, `is: "5ms" is a time, but this metric is a count of requests (write a number without a unit)`},
		{"2.5", false, interval{}, `is: "2.5" is not a whole number: requests are counted, not averaged (write 0, ">= 10", "<= 5ms", 23..31 or predicted)`},
		{"none", false, interval{}, `is: "none" cannot be read (write 0, ">= 10", "<= 5ms", 23..31 or predicted)`},
		{">= ", false, interval{}, `is: "" cannot be read (write 0, ">= 10", "<= 5ms", 23..31 or predicted)`},
		{"99999999999999999999", false, interval{}, `is: "99999999999999999999" cannot be read (write 0, ">= 10", "<= 5ms", 23..31 or predicted)`},
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("%q %v", c.text, c.times), func(t *testing.T) {
			got, err := ParseComparison(c.text, unit(c.times))
			if c.err != "" {
				require.NotNil(t, err)
				require.EqualError(t, *err, c.err)
				return
			}
			require.Nil(t, err)
			low, high := -inf, inf
			if got.Low != nil {
				low = *got.Low
			}
			if got.High != nil {
				high = *got.High
			}
			require.Equal(t, c.want, interval{low, high, got.OpenLow, got.OpenHigh})
		})
	}
}

func TestHolds(t *testing.T) {
	for _, c := range []struct {
		text string
		v    float64
		want bool
	}{
		{"0", 0, true}, {"0", 1, false}, {">= 10", 10, true}, {"> 10", 10, false}, {"> 10", 11, true}, {"< 3", 3, false}, {"<= 3", 3, true},
		{"23..31", 22, false}, {"23..31", 23, true}, {"23..31", 31, true}, {"23..31", 32, false},
		{"predicted", 20, true}, {"predicted", 31, false}, {"predicted", 19, false},
	} {
		is, err := ParseComparison(c.text, Count)
		require.Nil(t, err)
		require.Equal(t, c.want, is.Holds(c.v, 20, 30), "%v is %s", c.v, c.text)
	}
}

func unit(times bool) Unit {
	if times {
		return Millis
	}
	return Count
}

// TestCovers: a number must be among what a figure may be; a range must hold
// all that it may be.
func TestCovers(t *testing.T) {
	for _, c := range []struct {
		text      string
		low, high float64
		want      bool
	}{
		{"2", 1.9, 2.2, true}, {"2", 2.1, 2.2, false}, {"2", 1, 1.9, false}, {"2", 2, 2, true},
		{"1.5..2.5", 1.9, 2.2, true}, {"1.5..2.5", 1.4, 2.2, false}, {"1.5..2.5", 1.9, 2.6, false},
		{">= 0.9", 0.95, 1, true}, {">= 0.9", 0.8, 1, false}, {"< 0.7", 0.4, 0.6, true}, {"< 0.7", 0.4, 0.7, false},
	} {
		is, err := ParseComparison(c.text, Number)
		require.Nil(t, err)
		require.Equal(t, c.want, is.Covers(c.low, c.high), "%s of %v..%v", c.text, c.low, c.high)
	}
}

func TestParse(t *testing.T) {
	e, errs := Parse(Line{Arm: "gray", Metric: "lost", Is: "0", Role: "gate", Stream: "post", Hop: "a->b", Classes: []string{"refused", "eof"}, Window: "stale-route"})
	require.Empty(t, errs)
	require.Equal(t, "gray lost of stream post at a->b by refused or eof in window stale-route is 0", e.Name)
	require.Equal(t, "gate: "+e.Name, e.String())

	e, errs = Parse(Line{Name: "mine", Arm: "gray", Metric: "p99", Is: "<= 5ms", Role: "info"})
	require.Empty(t, errs)
	require.Equal(t, "mine", e.Name)
}

func TestParseSaysAllThatIsWrong(t *testing.T) {
	_, errs := Parse(Line{Metric: "lst", Is: "1%", Role: "gte"})
	var fields []string
	for _, e := range errs {
		fields = append(fields, e.Field)
	}
	require.Equal(t, []string{"arm", "metric", "role", "is"}, fields)
	require.Equal(t, "lst", errs[1].Got)
	require.Contains(t, errs[1].Choices, "lost")

	for text, l := range map[string]Line{
		"is: only lost can be predicted, not ok (compare with a number)":                                          {Arm: "a", Metric: "ok", Is: "predicted", Role: "info"},
		"metric: releases is measured for a whole arm: it takes no stream, hop, class or window":                  {Arm: "a", Metric: "releases", Is: "1", Role: "info", Hop: "a->b"},
		"metric: p99 is measured for a whole arm: it takes no stream, hop, class or window (only window: warmup)": {Arm: "a", Metric: "p99", Is: "<= 1s", Role: "info", Window: "crash"},
		"role: is missing (one of gate, contrast, info)":                                                          {Arm: "a", Metric: "ok", Is: "1"},
		"class: timeouts already selects the classes of time-outs (use metric: lost)":                             {Arm: "a", Metric: "timeouts", Is: "0", Role: "info", Classes: []string{"eof"}},
		"metric: max is measured for a whole arm: it takes no stream, hop, class or window (only window: warmup)": {Arm: "a", Metric: "max", Is: "<= 1s", Role: "info", Window: "warmup", Stream: "x"},
		`is: "1s" is a time, but this metric is a number (write a number without a unit)`:                         {Arm: "a", Metric: "warmupFit", Is: "1s", Role: "info"},
		`is: "1" has no unit (a time needs one: write 1ms or 1s)`:                                                 {Arm: "a", Metric: "longestOutage", Is: "1", Role: "info"},
		`is: "1ms" is a time, but this metric is a count of requests (write a number without a unit)`:             {Arm: "a", Metric: "lost", Is: "1ms", Role: "info"},
	} {
		_, errs := Parse(l)
		require.Len(t, errs, 1)
		require.EqualError(t, errs[0], text)
	}
}

func scope() Scope {
	return Scope{
		Arms: []string{"base", "gray"}, Hops: []string{"client->gateway", "a->b"}, Windows: Windows(),
		Streams: map[string]Arm{"base": {"base", 1000}, "gray": {"gray", 500}},
		Due:     map[string]int{"base": 1000, "gray": 500},
		Rejects: map[string]bool{"gray": true}, Releases: map[string]bool{"base": true},
		WarmsUp: map[string]bool{"base": true},
	}
}

func TestScopeRefusesWhatCannotBe(t *testing.T) {
	cases := []struct {
		name string
		line Line
		want string
	}{
		{"fine", Line{Arm: "base", Metric: "lost", Is: "0", Stream: "base", Hop: "a->b", Classes: []string{"refused"}, Window: "crash"}, ""},
		{"an arm without load", Line{Arm: "blue", Metric: "lost", Is: "0"}, `arm: no load belongs to arm "blue"`},
		{"unknown hop", Line{Arm: "base", Metric: "lost", Is: "0", Hop: "b->a"}, `hop: unknown hop "b->a"`},
		{"unknown window", Line{Arm: "base", Metric: "lost", Is: "0", Window: "stale"}, `window: unknown window "stale"`},
		{"unknown class", Line{Arm: "base", Metric: "lost", Is: "0", Classes: []string{"refuse"}}, `class: unknown class "refuse"`},
		{"unknown stream", Line{Arm: "base", Metric: "lost", Is: "0", Stream: "bse"}, `stream: unknown stream "bse"`},
		{"another arm's stream", Line{Arm: "base", Metric: "lost", Is: "0", Stream: "gray"}, `stream: stream "gray" belongs to arm "gray", not to "base"`},
		{"class that cannot occur", Line{Arm: "base", Metric: "lost", Is: ">= 1", Classes: []string{"rejected"}}, "class: rejected cannot occur: no workload of the arm has offline: reject"},
		{"which can, elsewhere", Line{Arm: "gray", Metric: "lost", Is: ">= 1", Classes: []string{"rejected"}}, ""},
		{"plain HTTP to addresses", Line{Arm: "base", Metric: "lost", Is: "0", Classes: []string{"dns", "tls"}}, "class: dns, tls cannot occur: nothing in this plan fails that way"},
		{"below zero", Line{Arm: "base", Metric: "lost", Is: "< 0"}, "is: can never hold: lost < 0 is below zero"},
		{"negative", Line{Arm: "base", Metric: "lost", Is: "-1"}, "is: can never hold: lost -1 is below zero"},
		{"time below zero", Line{Arm: "base", Metric: "p99", Is: "< 0"}, "is: can never hold: p99 < 0 is below zero"},
		{"more than is sent", Line{Arm: "base", Metric: "lost", Is: ">= 1001"}, "is: can never hold: only 1000 requests are sent"},
		{"as many as are sent", Line{Arm: "base", Metric: "lost", Is: ">= 1000"}, ""},
		{"more than its stream sends", Line{Arm: "gray", Metric: "ok", Is: "> 500", Stream: "gray"}, "is: can never hold: only 500 requests are sent"},
		{"no release", Line{Arm: "gray", Metric: "releases", Is: ">= 1"}, "is: can never hold: nothing in this plan takes an instance of arm gray out"},
		{"a release", Line{Arm: "base", Metric: "releases", Is: ">= 1"}, ""},
		{"a window of latency", Line{Arm: "base", Metric: "p99", Is: "<= 1s", Window: "warmup"}, ""},
		{"a warm-up's", Line{Arm: "base", Metric: "warmupExponent", Is: "1.5..2.5"}, ""},
		{"nobody's warm-up", Line{Arm: "gray", Metric: "warmupExponent", Is: "2"}, "metric: warmupExponent can never be measured: nothing that arm gray reaches warms up (give a service a window under governance)"},
		{"more time-outs than requests", Line{Arm: "gray", Metric: "timeouts", Is: ">= 501"}, "is: can never hold: only 500 requests are sent"},
		{"predicted", Line{Arm: "base", Metric: "lost", Is: "predicted"}, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.line.Role = "gate"
			e, errs := Parse(c.line)
			require.Empty(t, errs)
			got := scope().Check(e)
			if c.want == "" {
				require.Empty(t, got)
				return
			}
			require.Len(t, got, 1)
			require.EqualError(t, got[0], c.want)
		})
	}
}

// FuzzParseCompare: what is read holds for its own ends, and for nothing
// outside of them.
func FuzzParseCompare(f *testing.F) {
	for _, s := range []string{"0", ">= 10", "<5", "23..31", "predicted", "1%", "<= 5ms", "..", "1..", "NaN", "1e9", "-0"} {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, s string, times bool) {
		c, err := ParseComparison(s, unit(times))
		if err != nil || c.Predicted {
			return
		}
		low, high := c.bounds(false)
		if math.IsNaN(low) || math.IsNaN(high) || low > high && !c.OpenHigh {
			t.Fatalf("%q: %v..%v", s, low, high)
		}
		if !math.IsInf(low, 0) && c.Holds(low-1, 0, 0) || !math.IsInf(high, 0) && c.Holds(high+1, 0, 0) {
			t.Fatalf("%q holds outside of %v..%v", s, low, high)
		}
		if c.Low != nil && c.High != nil && !c.Holds(*c.Low, 0, 0) {
			t.Fatalf("%q does not hold for its low end", s)
		}
	})
}
