package reports

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/reports/curve"
	"zeroloss/reports/ledger"
	"zeroloss/scenarios/plan"
)

func keptWarmup() ledger.Warmup {
	w := ledger.Warmup{Instance: record.Instance{Pod: "c-2", Incarnation: 1}, Service: "c", Model: "power", Curve: 2, Window: 12 * time.Second, Coverage: 1.25}
	w.DeclaredExponent, w.Requests, w.RequestsNeeded = 2, 2159, 509
	w.Exponent = &curve.Estimate{Value: 1.97, Low: 1.85, High: 2.09, Requests: 2159}
	w.Fit = &curve.Fit{ChiSquare: 1.4, DF: 17, Upper: 0.99, Lower: 2e-7}
	w.Step = &curve.Step{Size: -0.019, Low: -0.139, High: 0.101, P: 0.7}
	w.Fairness = &curve.Fairness{Fit: curve.Fit{DF: 1, Upper: 0.02}, Spread: 0.083}
	w.Governed = &curve.Estimate{Value: 1, Low: 0.974, High: 1, Requests: 2159}
	return w
}

func TestKept(t *testing.T) {
	for _, c := range []struct {
		want  string
		spoil func(w *ledger.Warmup)
	}{
		{"the exponent is 1.97, 95 % interval 1.85–2.09: quadratic as declared, linear and cubic excluded", func(*ledger.Warmup) {}},
		{"the exponent is 1.97, 95 % interval 1.85–3.10: quadratic as declared, linear excluded", func(w *ledger.Warmup) { w.Exponent.High = 3.1 }},
		{"the exponent is 1.97, 95 % interval 0.90–3.10: quadratic as declared, though nothing is excluded", func(w *ledger.Warmup) { w.Exponent.Low, w.Exponent.High = 0.9, 3.1 }},
		{"the exponent is 1.97, 95 % interval 1.85–2.09: not linear, as was declared", func(w *ledger.Warmup) { w.DeclaredExponent = 1 }},
		{"the shares do not follow the curve that was declared, p = 1e-05, though the exponent is 1.97, 95 % interval 1.85–2.09", func(w *ledger.Warmup) { w.Fit.Upper = 1e-5 }},
		{"the shares do not follow the curve that was declared, p < 0.000001, though the exponent is 1.97, 95 % interval 1.85–2.09", func(w *ledger.Warmup) { w.Fit.Upper = 1e-7 }},
		{"the exponent is 1.97, 95 % interval 1.85–2.09: not linear, as was declared", func(w *ledger.Warmup) { w.DeclaredExponent, w.Fit.Upper = 1, 1e-5 }},
		{"the exponent is 1.97, 95 % interval 1.85–2.09: not exponent 2.5, as was declared", func(w *ledger.Warmup) { w.Model, w.Curve, w.DeclaredExponent = "sermant", 2.5, 2.5 }},
		{"the exponent is 4.90, 95 % interval 4.70–5.10: exponent 5 as declared, exponent 4 excluded", func(w *ledger.Warmup) {
			w.DeclaredExponent, w.Exponent = 5, &curve.Estimate{Value: 4.9, Low: 4.7, High: 5.1, Requests: 2159}
		}},
		{"not measured: 3 requests came", func(w *ledger.Warmup) { w.DeclaredExponent, w.Fit, w.Unmeasured = 0, nil, "3 requests came" }},
		{"not measured: too few requests", func(w *ledger.Warmup) { w.DeclaredExponent, w.Fit = 0, nil }},
		{"not measured: too few requests", func(w *ledger.Warmup) { w.Fit = nil }},
		{"not measured: all at once", func(w *ledger.Warmup) { w.DeclaredExponent, w.Unmeasured = 0, "all at once" }},
		{"not measured: the load ended", func(w *ledger.Warmup) { w.Exponent, w.Unmeasured = nil, "the load ended" }},
		{"the shares follow the curve that was declared, p = 0.99", func(w *ledger.Warmup) { w.DeclaredExponent = 0 }},
		{"the shares do not follow the curve that was declared, p = 0.0012", func(w *ledger.Warmup) { w.DeclaredExponent, w.Fit.Upper = 0, 0.0012 }},
	} {
		w := keptWarmup()
		c.spoil(&w)
		require.Equal(t, c.want, Kept(w))
	}
}

func TestEvidenceTellsBothTails(t *testing.T) {
	w := keptWarmup()
	require.Equal(t, []string{
		"2,159 requests within the window told of it (509 are needed)",
		"the shares follow the declared curve: χ² 1.4 over 17 stretches, p = 0.99 against α = 0.01; more regular than chance (p < 0.000001), as round robin is",
		"no step at its end: −1.9 points of share, 95 % interval −13.9 to +10.1",
		"the warm ones share alike: at most 8.3 % apart, p = 0.02",
		"100 % of the requests follow the weights, 95 % interval 97–100 %",
		"every call went to an instance that its consumer's list showed",
	}, Evidence(w))
	w.Fit.Upper, w.Fit.Lower, w.Step.P, w.Fairness.Upper, w.UnlistedCalls = 1e-9, 1, 0, 0, 3
	all := Evidence(w)
	require.Contains(t, all[1], "do not follow")
	require.NotContains(t, all[1], "regular")
	require.Contains(t, all[2], "a step at its end")
	require.Contains(t, all[3], "do not share alike")
	require.Equal(t, "3 calls went to instances that their consumers' lists did not show", all[5])
	w.NoEffect = true
	require.Equal(t, "2,159 requests came within the window (509 are needed)", Evidence(w)[0])
	require.Empty(t, Evidence(ledger.Warmup{}), "nothing was measured, nothing is said")
}

func TestPromise(t *testing.T) {
	for want, w := range map[string]ledger.Warmup{
		"quadratic over 12 s":      keptWarmup(),
		"linear over 120 s":        {Window: 2 * time.Minute},
		"polaris 1.5 over 30 s":    {Model: "polaris", Curve: 1.5, Window: 30 * time.Second},
		"sermant-skew 2 over 60 s": {Model: "sermant-skew", Curve: 2, Window: time.Minute},
	} {
		require.Equal(t, want, Promise(w))
	}
}

func TestWarmupsInSummaryAndText(t *testing.T) {
	cut := keptWarmup()
	cut.Finding = ledger.Finding{Unmeasured: "the load ended", Truncated: true}
	r := &Report{Plan: &plan.Plan{}, Ledger: &ledger.Ledger{Warmups: []ledger.Warmup{keptWarmup(), cut}}}
	var b bytes.Buffer
	require.NoError(t, JSON(&b, r))
	var v map[string]any
	require.NoError(t, json.Unmarshal(b.Bytes(), &v))
	list := v["warmups"].([]any)
	items := schema(t)["properties"].(map[string]any)["warmups"].(map[string]any)
	require.Empty(t, conform(items, list, "warmups"))
	require.Equal(t, map[string]any{"value": 1.97, "low": 1.85, "high": 2.09}, list[0].(map[string]any)["exponent"])
	for _, k := range []string{"exponent", "fit", "spread", "step", "governed", "declaredExponent"} {
		require.Nil(t, list[1].(map[string]any)[k], k)
	}
	require.Equal(t, "not measured: the load ended", list[1].(map[string]any)["finding"])

	list[0].(map[string]any)["fit"].(map[string]any)["upper"] = 1.5
	require.NotEmpty(t, conform(items, list, "warmups"))

	b.Reset()
	require.NoError(t, Text(&b, r))
	require.Contains(t, b.String(), "Warm-ups\n  c-2/1  quadratic over 12 s, from +0.000 s\n    the exponent is 1.97")
}
