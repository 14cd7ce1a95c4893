package format

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/reports/curve"
	"zeroloss/reports/ledger"
)

func warmups() *ledger.Ledger {
	of := func(pod string, e *curve.Estimate, fit float64) ledger.Warmup {
		w := ledger.Warmup{Instance: record.Instance{Pod: pod, Incarnation: 1}, Model: "power", Curve: 2, Window: time.Minute, Bins: make([]ledger.WarmupBin, 1)}
		w.DeclaredExponent, w.Exponent = 2, e
		if e == nil {
			w.Unmeasured = "too few"
		} else {
			w.Fit = &curve.Fit{DF: 1, Upper: fit}
		}
		return w
	}
	return &ledger.Ledger{Warmups: []ledger.Warmup{
		of("cut", nil, 0), of("kept", &curve.Estimate{Value: 2, Low: 1.9, High: 2.1, Requests: 9}, 0.4),
		of("missed", &curve.Estimate{Value: 1, Low: 0.9, High: 1.1, Requests: 9}, 0.4), of("uneven", &curve.Estimate{Value: 2, Low: 1.9, High: 2.1, Requests: 9}, 0.001),
	}}
}

func TestWarmupsHeadlineCountsWhatHolds(t *testing.T) {
	l := warmups()
	require.Equal(t, "1 of 4 warm-ups came as declared, 1 not measured", WarmupsHeadline(l))
	uneven := &ledger.Ledger{Warmups: l.Warmups[3:]}
	require.Equal(t, "uneven: shares do not follow the curve that was declared, p = 0.001, though the exponent is 2.00, 95 % interval 1.90–2.10", WarmupsHeadline(uneven))
	l.Warmups = l.Warmups[1:2]
	require.Equal(t, "kept: exponent is 2.00, 95 % interval 1.90–2.10: quadratic as declared, linear and cubic excluded", WarmupsHeadline(l))
}

func TestWarmupsMeasuredComeFirst(t *testing.T) {
	l := warmups()
	list := Warmups(l, 2)
	require.Equal(t, []string{"kept: exponent 2.00 (1.90–2.10), declared 2", "missed: exponent 1.00 (0.90–1.10), declared 2"}, []string{WarmupShort(list[0]), WarmupShort(list[1])})
	l.Warmups[1].Bins = nil
	require.Equal(t, "uneven: shares do not follow the curve that was declared, p = 0.001", WarmupShort(l.Warmups[3]))
	require.NotContains(t, WarmupShort(Warmups(l, 1)[0]), "kept", "there is nothing to draw of it")
	require.Equal(t, "cut: not measured: too few", WarmupShort(l.Warmups[0]))
}

func TestStampsThatLieCloseShareALine(t *testing.T) {
	at := func(ms int) *time.Duration { d := time.Duration(ms) * time.Millisecond; return &d }
	w := ledger.Warmup{Listening: at(0), Registered: at(30_000), Ready: at(30_400), WarmedUp: at(90_000)}
	require.Equal(t, []Stamp{{0, "listening"}, {30 * time.Second, "registered, ready"}, {90 * time.Second, "warm"}}, Stamps(w, time.Second))
	require.Len(t, Stamps(w, time.Millisecond), 4)
	require.Equal(t, []Stamp{{15 * time.Second, "listening · registered, ready"}, {90 * time.Second, "warm"}}, Labels(Stamps(w, time.Second), 30*time.Second+1))
	require.Equal(t, Stamps(w, time.Second), Labels(Stamps(w, time.Second), time.Second))
	require.Equal(t, []Stamp{{45 * time.Second, "listening · registered, ready · warm"}}, Labels(Stamps(w, time.Second), 2*time.Minute))
	w.Registered = nil
	require.Equal(t, "ready", Stamps(w, time.Second)[1].Word)
}
