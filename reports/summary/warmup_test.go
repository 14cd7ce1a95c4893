package summary

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/reports"
	"zeroloss/reports/internal/reporttest"
	"zeroloss/reports/ledger"
	"zeroloss/reports/ledger/warmup"
	"zeroloss/scenarios/plan"
)

func TestWarmupsConform(t *testing.T) {
	cut := reporttest.KeptWarmup()
	cut.Finding = warmup.Finding{Unmeasured: "the load ended", Truncated: true}
	r := &reports.Report{Plan: &plan.Plan{}, Ledger: &ledger.Ledger{Warmups: []warmup.Measurement{reporttest.KeptWarmup(), cut}}}
	var b bytes.Buffer
	require.NoError(t, Render(&b, document(t, r)))
	var v map[string]any
	require.NoError(t, json.Unmarshal(b.Bytes(), &v))
	list := v["warmups"].([]any)
	items := schema(t)["properties"].(map[string]any)["warmups"].(map[string]any)
	require.Empty(t, conform(items, list, "warmups"))
	require.Equal(t, map[string]any{"value": 1.97, "low": 1.85, "high": 2.09}, list[0].(map[string]any)["exponent"])
	for _, k := range []string{"exponent", "fit", "warmShareSpread", "step", "governed", "declaredExponent"} {
		require.Contains(t, list[1], k)
		require.Nil(t, list[1].(map[string]any)[k], k)
	}
	require.Equal(t, "not measured: the load ended", list[1].(map[string]any)["conclusion"])

	list[0].(map[string]any)["fit"].(map[string]any)["upper"] = 1.5
	require.NotEmpty(t, conform(items, list, "warmups"))
}
