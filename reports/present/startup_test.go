package present

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/reports"
	"zeroloss/reports/curve"
	"zeroloss/reports/ledger"
	"zeroloss/reports/ledger/warmup"
)

func warmupLedger() *ledger.Ledger {
	of := func(pod string, e *curve.Estimate, fit float64) warmup.Measurement {
		w := warmup.Measurement{Instance: record.Instance{Pod: pod, Incarnation: 1}, Model: "power", Curve: 2, Window: time.Minute, Bins: make([]warmup.Bin, 1)}
		w.DeclaredExponent, w.Exponent = 2, e
		if e == nil {
			w.Unmeasured = "too few"
		} else {
			w.Fit = &curve.Fit{DF: 1, Upper: fit}
		}
		return w
	}
	return &ledger.Ledger{Warmups: []warmup.Measurement{
		of("cut", nil, 0), of("kept", &curve.Estimate{Value: 2, Low: 1.9, High: 2.1, Requests: 9}, 0.4),
		of("missed", &curve.Estimate{Value: 1, Low: 0.9, High: 1.1, Requests: 9}, 0.4), of("uneven", &curve.Estimate{Value: 2, Low: 1.9, High: 2.1, Requests: 9}, 0.001),
	}}
}

func of(t *testing.T, l *ledger.Ledger) *Document {
	t.Helper()
	d, err := New(&reports.Report{Ledger: l})
	require.NoError(t, err)
	return d
}

func TestWarmupsTitleCountsWhatHolds(t *testing.T) {
	l := warmupLedger()
	require.Equal(t, "1 of 4 warm-ups as declared, 1 not measured.", of(t, l).WarmupsTitle())
	uneven := &ledger.Ledger{Warmups: l.Warmups[3:]}
	require.Equal(t, "uneven: traffic does not follow the declared curve (p = 0.001), although exponent 2.00 (95 % interval 1.90–2.10) matches.", of(t, uneven).WarmupsTitle())
	l.Warmups = l.Warmups[1:2]
	require.Equal(t, "kept: exponent 2.00 (95 % interval 1.90–2.10): quadratic as declared; linear and cubic ruled out.", of(t, l).WarmupsTitle())
	require.Equal(t, "No instance warmed up under load.", of(t, &ledger.Ledger{}).WarmupsTitle())
}

func TestMeasuredWarmupsAreDrawnFirst(t *testing.T) {
	l := warmupLedger()
	list := of(t, l).DrawnWarmups(2)
	require.Equal(t, []string{"kept: exponent 2.00 (1.90–2.10), declared 2", "missed: exponent 1.00 (0.90–1.10), declared 2"}, []string{list[0].ShortConclusion(), list[1].ShortConclusion()})
	l.Warmups[1].Bins = nil
	d := of(t, l)
	require.Equal(t, "uneven: traffic does not follow the declared curve (p = 0.001)", d.Warmups[3].ShortConclusion())
	require.NotEqual(t, "kept", d.DrawnWarmups(1)[0].Name, "it has nothing to draw")
	require.Equal(t, "cut: not measured: too few", d.Warmups[0].ShortConclusion())
}

func TestStartStepsThatLieCloseShareALine(t *testing.T) {
	at := func(ms int) *time.Duration { d := time.Duration(ms) * time.Millisecond; return &d }
	w := warmup.Measurement{Listening: at(0), Registered: at(30_000), Ready: at(30_400), WarmedUp: at(90_000)}
	require.Equal(t, []StartStep{{0, "listening"}, {30 * time.Second, "registered, ready"}, {90 * time.Second, "warm"}}, StartSteps(w, time.Second))
	require.Len(t, StartSteps(w, time.Millisecond), 4)
	require.Equal(t, []StartStep{{15 * time.Second, "listening · registered, ready"}, {90 * time.Second, "warm"}}, StartStepLabels(StartSteps(w, time.Second), 30*time.Second+1))
	require.Equal(t, StartSteps(w, time.Second), StartStepLabels(StartSteps(w, time.Second), time.Second))
	require.Equal(t, []StartStep{{45 * time.Second, "listening · registered, ready · warm"}}, StartStepLabels(StartSteps(w, time.Second), 2*time.Minute))
	w.Registered = nil
	require.Equal(t, "ready", StartSteps(w, time.Second)[1].Label)
}
