package gate

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/reports/expect"
	"zeroloss/reports/ledger"
)

func number(v float64) *float64 { return &v }

func is(v float64) expect.Comparison {
	return expect.Comparison{Text: "0", Low: number(v), High: number(v)}
}

func atLeast(v float64) expect.Comparison {
	return expect.Comparison{Text: ">= 10", Low: number(v)}
}

// expectations of the scenario offline.
func offline() []expect.Expectation {
	return []expect.Expectation{
		{Name: "gray lost is 0", Arm: "gray", Metric: expect.Lost, Is: is(0), Role: expect.Gate},
		{Name: "base lost is >= 10", Arm: "base", Metric: expect.Lost, Is: atLeast(10), Role: expect.Contrast, Why: "without loss it proves nothing"},
		{Name: "base lost is predicted", Arm: "base", Metric: expect.Lost, Is: expect.Comparison{Text: "predicted", Predicted: true}, Role: expect.Info},
	}
}

// account is a ledger in which base lost some requests of one release and gray
// lost some others.
func account(base, gray int) *ledger.Ledger {
	none := 0
	zero := time.Duration(0)
	l := &ledger.Ledger{
		Generator: ledger.Generator{Due: 14000, Sent: 14000},
		Releases: []ledger.Release{
			{Instance: record.Instance{Pod: "b-1", Incarnation: 1}, Arms: []string{"base"}, Reason: "scale-in", At: 10 * time.Second, Deregistered: &zero},
			{Instance: record.Instance{Pod: "bg-1", Incarnation: 1}, Arms: []string{"gray"}, Reason: "scale-in", At: 10 * time.Second, Deregistered: &zero},
		},
	}
	for _, a := range []struct {
		name string
		lost int
	}{{"base", base}, {"gray", gray}} {
		l.Arms = append(l.Arms, ledger.Arm{
			Name: a.name, Due: 7000, Sent: 7000, OK: 7000 - a.lost, Lost: a.lost, Masked: &none, MaskedByHop: map[string]int{"a->b": 2}, Releases: 1,
			PredictedLow: 23, PredictedHigh: 31, PredictionBasis: "50/s × 548 ms",
			LongestOutage: 31 * time.Millisecond, StaleRoute: 548 * time.Millisecond,
			ResponseTime: ledger.Latency{P50: 3 * time.Millisecond, P99: 9 * time.Millisecond, Max: 40 * time.Millisecond},
		})
		l.Streams = append(l.Streams, ledger.Stream{Name: a.name + "-get", Arm: a.name, Due: 7000, Sent: 7000, OK: 7000 - a.lost, Lost: a.lost, Masked: 1})
		for i := range a.lost {
			window, class := ledger.StaleRoute, record.Refused
			if i == 1 {
				window, class = ledger.Unexplained, record.EOF
			}
			l.Losses = append(l.Losses, ledger.Loss{
				Arm: a.name, Stream: a.name + "-get", Hop: "a->b", Class: class, Window: window,
				Callee: record.Instance{Pod: "b-1", Incarnation: 1}, Sent: 10*time.Second + time.Duration(i)*20*time.Millisecond,
			})
		}
	}
	return l
}

func TestVerdicts(t *testing.T) {
	for what, c := range map[string]struct {
		base, gray int
		spoil      func(l *ledger.Ledger)
		want       Verdict
		says       string
	}{
		"as it should be":    {27, 0, nil, Pass, ""},
		"the gate fails":     {27, 3, nil, Fail, "gate gray lost is 0: want 0, got 3; 2 in window stale-route: a->b refused by b-1/1, from +10.000 s to +10.040 s"},
		"no contrast":        {0, 0, nil, Invalid, "no contrast: contrast base lost is >= 10: want >= 10, got 0 (without loss it proves nothing)"},
		"a gate goes before": {0, 3, nil, Fail, "gate gray lost is 0"},
		"an info is shown":   {12, 0, nil, Pass, ""},
		"interrupted": {27, 3, func(l *ledger.Ledger) {
			l.Interrupted = true
		}, Invalid, "interrupted: "},
		"aborted, the gate fails": {27, 3, func(l *ledger.Ledger) {
			l.Aborted, l.AbortText = true, "100 requests are lost"
		}, Fail, "gate gray lost is 0: want 0, got 3"},
		"aborted, and says so": {27, 3, func(l *ledger.Ledger) {
			l.Aborted, l.AbortText = true, "100 requests are lost"
		}, Fail, "aborted: 100 requests are lost; later losses are unknown"},
		"aborted before the gate failed": {27, 0, func(l *ledger.Ledger) {
			l.Aborted, l.AbortText = true, "100 requests are lost"
		}, Invalid, "aborted: 100 requests are lost"},
		"aborted, and unfit": {27, 3, func(l *ledger.Ledger) {
			l.Aborted, l.AbortText, l.Defects = true, "100 requests are lost", []string{"a hole"}
		}, Invalid, "a hole"},
		"a defect": {27, 0, func(l *ledger.Ledger) {
			l.Defects = []string{"stream base: 3 numbers occur twice"}
		}, Invalid, "3 numbers occur twice"},
		"no data": {27, 0, func(l *ledger.Ledger) {
			l.Generator.Sent = 0
		}, Invalid, "no data: no request was sent"},
		"no data of an arm": {27, 0, func(l *ledger.Ledger) {
			l.Arms[1].Sent = 0
		}, Invalid, "no data for arm gray"},
		"too much unsent": {27, 0, func(l *ledger.Ledger) {
			l.Generator.Unsent = 15
		}, Invalid, "generator starved: 15 of 14000"},
		"little enough unsent": {27, 0, func(l *ledger.Ledger) {
			l.Generator.Unsent = 14
		}, Pass, ""},
		"unsent at a release": {27, 0, func(l *ledger.Ledger) {
			l.Generator.Unsent, l.Generator.UnsentNearRelease = 1, 1
		}, Invalid, "1 requests were not sent within 2 s of a release"},
		"a stall at a release": {27, 0, func(l *ledger.Ledger) {
			l.Generator.LateNearRelease = 1
		}, Invalid, "generator stalled: "},
		"rate off": {27, 0, func(l *ledger.Ledger) {
			l.Generator.RateErrorPercent = 1.01
		}, Invalid, "its rate deviated by 1.01 %"},
		"slip": {27, 0, func(l *ledger.Ledger) {
			l.Generator.SlipP99 = 51 * time.Millisecond
		}, Invalid, "generator late: 1 % of the requests were sent 51.0 ms late"},
		"a machine that stood still": {27, 1, func(l *ledger.Ledger) {
			l.Arms[1].ByWindow = map[ledger.Window]int{ledger.Stalled: 1}
		}, Invalid, "machine too busy: 1 lost requests of gray timed out"},
		"clocks apart": {27, 0, func(l *ledger.Ledger) {
			l.Clock = ledger.Clock{Measured: 3, Uncertainty: 126 * time.Millisecond, WorstClock: "b-1/1", PushDelay: 500 * time.Millisecond}
		}, Invalid, "clocks apart: the clock of b-1/1 may be off by 126.0 ms (limit 25 % of the push delay, 125 ms)"},
		"clocks apart, of a registry that is not known": {27, 0, func(l *ledger.Ledger) {
			l.Clock = ledger.Clock{Measured: 1, Uncertainty: 126 * time.Millisecond, WorstClock: "the harness"}
		}, Invalid, "clocks apart: the clock of the harness"},
		"clocks near enough": {27, 0, func(l *ledger.Ledger) {
			l.Clock = ledger.Clock{Measured: 3, Uncertainty: 124 * time.Millisecond, PushDelay: 500 * time.Millisecond}
		}, Pass, ""},
		"an unfit instrument goes before a failed gate": {27, 3, func(l *ledger.Ledger) {
			l.Generator.SlipP99 = time.Second
		}, Invalid, "generator late"},
		"an arm that is not there": {27, 0, func(l *ledger.Ledger) {
			l.Arms = l.Arms[:1]
		}, Invalid, `the ledger has no arm "gray"`},
	} {
		t.Run(what, func(t *testing.T) {
			l := account(c.base, c.gray)
			if c.spoil != nil {
				c.spoil(l)
			}
			r := Judge(Criteria{}, l, offline())
			require.Equal(t, c.want, r.Verdict, r.Reasons)
			require.Len(t, r.Expectations, 3)
			if c.want == Pass {
				require.Empty(t, r.Reasons)
			} else {
				require.Contains(t, strings.Join(r.Reasons, "\n"), c.says)
			}
		})
	}
}

func TestRunWithoutExpectations(t *testing.T) {
	require.Equal(t, Invalid, Judge(Criteria{}, account(27, 0), nil).Verdict)
	info := offline()[2:]
	require.Equal(t, Invalid, Judge(Criteria{}, account(27, 0), info).Verdict)
}

func TestUnmetInfoDoesNotFail(t *testing.T) {
	r := Judge(Criteria{}, account(12, 0), offline())
	require.Equal(t, Fail, r.Expectations[2].Verdict)
	require.Equal(t, "23..31", r.Expectations[2].Want)
	require.Equal(t, "12", r.Expectations[2].Got)
	require.Contains(t, strings.Join(r.Expectations[2].Evidence, "\n"), "predicted: 50/s × 548 ms")
	require.Equal(t, Pass, r.Verdict)
}

func TestCustomCriteria(t *testing.T) {
	l := account(27, 0)
	l.Generator.SlipP99, l.Generator.RateErrorPercent, l.Generator.Unsent = 80*time.Millisecond, 3, 100
	c := Criteria{MaxSlipP99Ms: 100, MaxRateErrorPct: 5, MaxUnsentShare: 0.1, MaxClockShare: 0.5}
	r := Judge(c, l, offline())
	require.Equal(t, Pass, r.Verdict, r.Reasons)
	require.Equal(t, c, r.Criteria)
	require.Equal(t, Criteria{0.001, 1, 50, 0.25}, Judge(Criteria{}, l, offline()).Criteria)
}

func TestMetrics(t *testing.T) {
	for what, c := range map[string]struct {
		metric expect.Metric
		filter expect.Filter
		got    string
		spoil  func(l *ledger.Ledger)
	}{
		"lost":               {expect.Lost, expect.Filter{}, "27", nil},
		"lost of a stream":   {expect.Lost, expect.Filter{Stream: "base-get"}, "27", nil},
		"of another stream":  {expect.Lost, expect.Filter{Stream: "gray-get"}, notMeasured, nil},
		"lost at a hop":      {expect.Lost, expect.Filter{Hop: "b->c"}, "0", nil},
		"lost by class":      {expect.Lost, expect.Filter{Classes: []string{"eof", "truncated"}}, "1", nil},
		"lost in a window":   {expect.Lost, expect.Filter{Window: "stale-route"}, "26", nil},
		"unexplained":        {expect.Unexplained, expect.Filter{}, "1", nil},
		"ok":                 {expect.OK, expect.Filter{}, "6973", nil},
		"ok of a stream":     {expect.OK, expect.Filter{Stream: "base-get"}, "6973", nil},
		"ok of none":         {expect.OK, expect.Filter{Stream: "none"}, notMeasured, nil},
		"ok at a hop":        {expect.OK, expect.Filter{Hop: "a->b"}, notMeasured, nil},
		"sent":               {expect.Sent, expect.Filter{}, "7000", nil},
		"unsent":             {expect.Unsent, expect.Filter{}, "0", nil},
		"masked":             {expect.Masked, expect.Filter{}, "0", nil},
		"masked at a hop":    {expect.Masked, expect.Filter{Hop: "a->b"}, "2", nil},
		"masked of a stream": {expect.Masked, expect.Filter{Stream: "base-get"}, "1", nil},
		"masked by class":    {expect.Masked, expect.Filter{Classes: []string{"eof"}}, notMeasured, nil},
		"masked not seen":    {expect.Masked, expect.Filter{}, notMeasured, func(l *ledger.Ledger) { l.Arms[0].Masked = nil }},
		"releases":           {expect.Releases, expect.Filter{}, "1", nil},
		"stale route":        {expect.StaleRoute, expect.Filter{}, "548 ms", nil},
		"stale, no dereg":    {expect.StaleRoute, expect.Filter{}, notMeasured, func(l *ledger.Ledger) { l.Releases[0].Deregistered = nil }},
		"gap":                {expect.LongestOutage, expect.Filter{}, "31 ms", nil},
		"p50":                {expect.P50, expect.Filter{}, "3 ms", nil},
		"p99":                {expect.P99, expect.Filter{}, "9 ms", nil},
		"max":                {expect.Max, expect.Filter{}, "40 ms", nil},
		"p99 of nothing ok":  {expect.P99, expect.Filter{}, notMeasured, func(l *ledger.Ledger) { l.Arms[0].OK = 0 }},
		"lost of nothing":    {expect.Lost, expect.Filter{}, notMeasured, func(l *ledger.Ledger) { l.Arms[0].Sent = 0 }},
		"unknown":            {"speed", expect.Filter{}, notMeasured, nil},
	} {
		t.Run(what, func(t *testing.T) {
			l := account(27, 0)
			if c.spoil != nil {
				c.spoil(l)
			}
			// Anything at all would hold: what was not measured must not.
			e := expect.Expectation{Name: what, Arm: "base", Metric: c.metric, Filter: c.filter, Role: expect.Gate, Is: expect.Comparison{Text: ">= 0", Low: number(0)}}
			o := Judge(Criteria{}, l, []expect.Expectation{e}).Expectations[0]
			require.Equal(t, c.got, o.Got)
			require.Equal(t, c.got == notMeasured, o.Verdict == Invalid)
		})
	}
}

// A comparison that anything satisfies, as a damaged plan may have, passes
// nothing.
func TestUnboundedExpectationIsInvalid(t *testing.T) {
	for _, role := range []expect.Role{expect.Gate, expect.Contrast} {
		e := expect.Expectation{Name: "gray lost", Arm: "gray", Metric: expect.Lost, Is: expect.Comparison{Text: "0"}, Role: role}
		r := Judge(Criteria{}, account(27, 3), []expect.Expectation{e})
		require.Equal(t, Invalid, r.Verdict)
		require.Contains(t, r.Reasons[0], `"0" is not a comparison`)
	}
}

func TestUnmeasuredGateIsInvalid(t *testing.T) {
	l := account(27, 0)
	l.Arms[1].Masked = nil
	e := expect.Expectation{Name: "gray masked is 0", Arm: "gray", Metric: expect.Masked, Is: is(0), Role: expect.Gate}
	r := Judge(Criteria{}, l, append(offline(), e))
	require.Equal(t, Invalid, r.Verdict)
	require.False(t, r.InstrumentUnfit)
	require.Contains(t, r.Reasons[0], "got not measured")
	require.Contains(t, r.Reasons[0], "are unknown")
}
