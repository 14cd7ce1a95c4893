package gate

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/reports/curve"
	"zeroloss/reports/expect"
	"zeroloss/reports/ledger"
	"zeroloss/reports/ledger/warmup"
)

// warmUp is one by x^c among three, as regular as can be.
func warmUp(c float64) warmup.Measurement {
	w := warmup.Measurement{Instance: record.Instance{Pod: "c-3", Incarnation: 1}, Arms: []string{"gray"}, Model: "power", Curve: 2, Window: time.Minute}
	w.DeclaredExponent = 2
	for i := range 25 {
		b := curve.Bucket{From: float64(i) / 20, To: float64(i+1) / 20, Sent: 300, Others: []curve.Other{{Instance: "c-1"}, {Instance: "c-2"}}}
		b.Got = int(math.Round(300 * b.ExpectedShare(curve.PowerShape(c))))
		b.Others[0].Got = (b.Sent - b.Got) / 2
		b.Others[1].Got = b.Sent - b.Got - b.Others[0].Got
		w.Buckets = append(w.Buckets, b)
	}
	return w
}

// two300 is one that warms up beside a single other: 300 requests a stretch, of
// which it gets so many.
func two300(got int) (out []curve.Bucket) {
	for i := range 25 {
		out = append(out, curve.Bucket{From: float64(i) / 20, To: float64(i+1) / 20, Sent: 300, Got: got, Others: []curve.Other{{Instance: "c-1", Got: 300 - got}}})
	}
	return out
}

// alone is a restart of the only instance: what its consumers send is all its.
func alone(l *ledger.Ledger) {
	for i := range l.Warmups[0].Buckets {
		b := &l.Warmups[0].Buckets[i]
		b.Got, b.Others = b.Sent, nil
	}
}

// equallyCold is a whole service that comes at once.
func equallyCold(l *ledger.Ledger) {
	for i := range l.Warmups[0].Buckets {
		b := &l.Warmups[0].Buckets[i]
		b.Got = b.Sent / 3
		for j := range b.Others {
			b.Others[j] = curve.Other{Instance: b.Others[j].Instance, Got: b.Sent / 3, Cold: true}
		}
	}
}

func TestComingOnline(t *testing.T) {
	two, none := 2, 0
	for what, c := range map[string]struct {
		metric expect.Metric
		window string
		is     string
		spoil  func(l *ledger.Ledger)
		want   Verdict
		got    string
	}{
		"the exponent":                        {metric: expect.WarmupExponent, is: "2", want: Pass, got: "2.00 (95 %: 1.86..2.15)"},
		"and no other":                        {metric: expect.WarmupExponent, is: "1.5..2.5", want: Pass, got: "2.00 (95 %: 1.86..2.15)"},
		"another one":                         {metric: expect.WarmupExponent, is: "1", want: Fail, got: "2.00 (95 %: 1.86..2.15)"},
		"the fit":                             {metric: expect.WarmupFit, is: ">= 0.01", want: Pass, got: "1"},
		"another fit":                         {metric: expect.WarmupFit, is: ">= 0.01", want: Fail, spoil: func(l *ledger.Ledger) { l.Warmups = []warmup.Measurement{warmUp(1)} }, got: "1.8e-107"},
		"fairness":                            {metric: expect.WarmShareSpread, is: "<= 0.1", want: Pass, got: "0.0046"},
		"fairness of two, once both are warm": {metric: expect.WarmShareSpread, is: "<= 0.1", want: Fail, spoil: func(l *ledger.Ledger) { l.Warmups[0].Buckets = two300(100) }, got: "0.67"},
		"fairness of one that is never warm":  {metric: expect.WarmShareSpread, is: "<= 0.1", want: Invalid, spoil: func(l *ledger.Ledger) { l.Warmups[0].Buckets = two300(100)[:20] }, got: notMeasured},
		"governed":                            {metric: expect.Governed, is: ">= 0.9", want: Pass, got: "1.00 (95 %: 0.99..1.00)"},
		"no warm-up":                          {metric: expect.WarmupExponent, is: "2", want: Invalid, spoil: func(l *ledger.Ledger) { l.Warmups = nil }, got: notMeasured},
		"another arm's":                       {metric: expect.WarmupExponent, is: "2", want: Invalid, spoil: func(l *ledger.Ledger) { l.Warmups[0].Arms = []string{"base"} }, got: notMeasured},
		"one without stretches":               {metric: expect.WarmupFit, is: ">= 0", want: Invalid, spoil: func(l *ledger.Ledger) { l.Warmups[0].Buckets = nil }, got: notMeasured},
		"one without requests":                {metric: expect.WarmupFit, is: ">= 0", want: Invalid, spoil: func(l *ledger.Ledger) { l.Warmups[0].Buckets = []curve.Bucket{{To: 0.1}} }, got: notMeasured},
		"no exponent of nothing":              {metric: expect.WarmupExponent, is: "1", want: Invalid, spoil: func(l *ledger.Ledger) { l.Warmups[0].Buckets = []curve.Bucket{{To: 0.1}} }, got: notMeasured},
		"too few for one":                     {metric: expect.WarmupExponent, is: "2", want: Invalid, spoil: func(l *ledger.Ledger) { l.Warmups[0].Requests, l.Warmups[0].RequestsNeeded = 500, 509 }, got: notMeasured},
		"enough for one":                      {metric: expect.WarmupExponent, is: "2", want: Pass, spoil: func(l *ledger.Ledger) { l.Warmups[0].Requests, l.Warmups[0].RequestsNeeded = 510, 509 }, got: "2.00 (95 %: 1.86..2.15)"},
		"a part of one":                       {metric: expect.WarmupFit, is: ">= 0.01", want: Invalid, spoil: func(l *ledger.Ledger) { l.Warmups[0].Truncated, l.Warmups[0].Unmeasured = true, "the load ended" }, got: notMeasured},
		"a part beside a whole":               {metric: expect.WarmupExponent, is: "2", want: Pass, spoil: func(l *ledger.Ledger) { cut := warmUp(1); cut.Truncated = true; l.Warmups = append(l.Warmups, cut) }, got: "2.00 (95 %: 1.86..2.15)"},
		"one alone":                           {metric: expect.WarmupExponent, is: "2", want: Invalid, spoil: alone, got: notMeasured},
		"one alone, whatever is asked":        {metric: expect.WarmupExponent, is: "1.5..2.5", want: Invalid, spoil: alone, got: notMeasured},
		"all equally cold":                    {metric: expect.WarmupExponent, is: "2", want: Invalid, spoil: equallyCold, got: notMeasured},
		"one that says it was idle":           {metric: expect.WarmupFit, is: ">= 0.01", want: Invalid, spoil: func(l *ledger.Ledger) { l.Warmups[0].NoEffect = true }, got: notMeasured},
		"an idle one beside one that tells":   {metric: expect.WarmupExponent, is: "2", want: Pass, spoil: func(l *ledger.Ledger) { w := warmUp(5); w.NoEffect = true; l.Warmups = append(l.Warmups, w) }, got: "2.00 (95 %: 1.86..2.15)"},
		"an interval that holds all of them":  {metric: expect.WarmupExponent, is: "2", want: Invalid, spoil: func(l *ledger.Ledger) { l.Warmups[0].Buckets = l.Warmups[0].Buckets[19:] }, got: notMeasured},
		"one that leaves out the declared":    {metric: expect.WarmupExponent, is: "2", want: Fail, spoil: func(l *ledger.Ledger) { l.Warmups = []warmup.Measurement{warmUp(1)} }, got: "1.00 (95 %: 0.92..1.08)"},
		"a curve that has no exponent":        {metric: expect.WarmupExponent, is: "2", want: Invalid, spoil: func(l *ledger.Ledger) { l.Warmups[0].Model, l.Warmups[0].DeclaredExponent = "polaris", 0 }, got: notMeasured},
		"two rules":                           {metric: expect.WarmupExponent, is: "2", want: Invalid, spoil: func(l *ledger.Ledger) { l.Warmups = append(l.Warmups, warmUp(2)); l.Warmups[1].Window++ }, got: notMeasured},
		"early":                               {metric: expect.EarlyRequests, is: "0", want: Fail, spoil: func(l *ledger.Ledger) { l.Arms[1].EarlyRequests = &two }, got: "2"},
		"none early":                          {metric: expect.EarlyRequests, is: "0", want: Pass, spoil: func(l *ledger.Ledger) { l.Arms[1].EarlyRequests = &none }, got: "0"},
		"early, unseen":                       {metric: expect.EarlyRequests, is: "0", want: Invalid, got: notMeasured},
		"ready too soon":                      {metric: expect.ReadyBeforeRegistered, is: "0", want: Fail, spoil: func(l *ledger.Ledger) { l.Arms[1].ReadyBeforeRegistered = &two }, got: "2"},
		"ready, unseen":                       {metric: expect.ReadyBeforeRegistered, is: "0", want: Invalid, got: notMeasured},
		"time-outs":                           {metric: expect.Timeouts, is: "0", want: Pass, got: "0"},
		"a time-out": {metric: expect.Timeouts, is: "0", want: Fail, spoil: func(l *ledger.Ledger) {
			l.Losses = []ledger.Loss{{Arm: "gray", Class: record.TimeoutFirstByte}, {Arm: "gray", Class: record.Refused}}
		}, got: "1"},
		"latency meanwhile":       {metric: expect.P99, window: expect.WarmupWindow, is: "<= 20ms", want: Fail, spoil: func(l *ledger.Ledger) { l.Arms[1].OnlineResponseTime = &ledger.Latency{P99: 30 * time.Millisecond} }, got: "30 ms"},
		"nobody came":             {metric: expect.P99, window: expect.WarmupWindow, is: "<= 20ms", want: Invalid, got: notMeasured},
		"no latency of a warm-up": {metric: expect.P99, is: "<= 20ms", want: Pass, got: "9 ms"},
	} {
		t.Run(what, func(t *testing.T) {
			l := account(27, 0)
			l.Warmups = []warmup.Measurement{warmUp(2)}
			if c.spoil != nil {
				c.spoil(l)
			}
			e, errs := expect.Parse(expect.Line{Arm: "gray", Metric: string(c.metric), Is: c.is, Role: "gate", Window: c.window})
			require.Empty(t, errs)
			o := Judge(Criteria{}, l, []expect.Expectation{e}).Expectations[0]
			require.Equal(t, c.want, o.Verdict, o)
			require.Equal(t, c.got, o.Got)
		})
	}
}
