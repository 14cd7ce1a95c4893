package present

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/reports/curve"
	"zeroloss/reports/internal/reporttest"
	"zeroloss/reports/ledger/warmup"
)

func TestWarmupConclusion(t *testing.T) {
	for _, c := range []struct {
		want  string
		spoil func(w *warmup.Measurement)
	}{
		{"exponent 1.97 (95 % interval 1.85–2.09): quadratic as declared; linear and cubic ruled out", func(*warmup.Measurement) {}},
		{"exponent 1.97 (95 % interval 1.85–3.10): quadratic as declared; linear ruled out", func(w *warmup.Measurement) { w.Exponent.High = 3.1 }},
		{"exponent 1.97 (95 % interval 0.90–3.10): quadratic as declared, but no other curve is ruled out", func(w *warmup.Measurement) { w.Exponent.Low, w.Exponent.High = 0.9, 3.1 }},
		{"exponent 1.97 (95 % interval 1.85–2.09): not linear as declared", func(w *warmup.Measurement) { w.DeclaredExponent = 1 }},
		{"traffic does not follow the declared curve (p = 1e-05), although exponent 1.97 (95 % interval 1.85–2.09) matches", func(w *warmup.Measurement) { w.Fit.Upper = 1e-5 }},
		{"traffic does not follow the declared curve (p < 0.000001), although exponent 1.97 (95 % interval 1.85–2.09) matches", func(w *warmup.Measurement) { w.Fit.Upper = 1e-7 }},
		{"exponent 1.97 (95 % interval 1.85–2.09): not linear as declared", func(w *warmup.Measurement) { w.DeclaredExponent, w.Fit.Upper = 1, 1e-5 }},
		{"exponent 1.97 (95 % interval 1.85–2.09): not exponent 2.5 as declared", func(w *warmup.Measurement) { w.Model, w.Curve, w.DeclaredExponent = "sermant", 2.5, 2.5 }},
		{"exponent 4.90 (95 % interval 4.70–5.10): exponent 5 as declared; exponent 4 ruled out", func(w *warmup.Measurement) {
			w.DeclaredExponent, w.Exponent = 5, &curve.Estimate{Value: 4.9, Low: 4.7, High: 5.1, Requests: 2159}
		}},
		{"not measured: 3 requests came", func(w *warmup.Measurement) { w.DeclaredExponent, w.Fit, w.Unmeasured = 0, nil, "3 requests came" }},
		{"not measured: too few requests", func(w *warmup.Measurement) { w.DeclaredExponent, w.Fit = 0, nil }},
		{"not measured: too few requests", func(w *warmup.Measurement) { w.Fit = nil }},
		{"not measured: all at once", func(w *warmup.Measurement) { w.DeclaredExponent, w.Unmeasured = 0, "all at once" }},
		{"not measured: the load ended", func(w *warmup.Measurement) { w.Exponent, w.Unmeasured = nil, "the load ended" }},
		{"traffic follows the declared curve (p = 0.99)", func(w *warmup.Measurement) { w.DeclaredExponent = 0 }},
		{"traffic does not follow the declared curve (p = 0.0012)", func(w *warmup.Measurement) { w.DeclaredExponent, w.Fit.Upper = 0, 0.0012 }},
	} {
		w := reporttest.KeptWarmup()
		c.spoil(&w)
		require.Equal(t, c.want, WarmupConclusion(w))
	}
}

func TestEvidenceTellsBothTails(t *testing.T) {
	w := reporttest.KeptWarmup()
	require.Equal(t, []string{
		"2,159 requests in the window could be evaluated (509 needed)",
		"traffic follows the declared curve: χ² 1.4 over 17 intervals, p = 0.99, threshold α = 0.01; more even than chance (p < 0.000001), as with round robin",
		"no step at the end of the window: −1.9 percentage points, 95 % interval −13.9 to +10.1",
		"warm instances share traffic evenly: at most 8.3 % apart, p = 0.02",
		"100 % of requests follow the weights, 95 % interval 97–100 %",
		"every call went to an instance on its consumer's list",
	}, evidence(w))
	w.Fit.Upper, w.Fit.Lower, w.Step.P, w.Fairness.Upper, w.UnlistedCalls = 1e-9, 1, 0, 0, 3
	all := evidence(w)
	require.Contains(t, all[1], "does not follow")
	require.NotContains(t, all[1], "more even")
	require.Contains(t, all[2], "a step at the end")
	require.Contains(t, all[3], "do not share traffic evenly")
	require.Equal(t, "3 calls went to an instance that was not on its consumer's list", all[5])
	w.NoEffect = true
	require.Equal(t, "2,159 requests in the window (509 needed)", evidence(w)[0])
	require.Empty(t, evidence(warmup.Measurement{}), "nothing was measured, nothing is said")
}

func TestDeclaration(t *testing.T) {
	for want, w := range map[string]warmup.Measurement{
		"quadratic over 12 s":      reporttest.KeptWarmup(),
		"linear over 120 s":        {Window: 2 * time.Minute},
		"polaris 1.5 over 30 s":    {Model: "polaris", Curve: 1.5, Window: 30 * time.Second},
		"sermant-skew 2 over 60 s": {Model: "sermant-skew", Curve: 2, Window: time.Minute},
	} {
		require.Equal(t, want, declaration(w))
	}
}
