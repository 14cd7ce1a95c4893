package summary

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/reports"
	"zeroloss/reports/internal/reporttest"
	"zeroloss/reports/present"
)

// conform checks v against the part of JSON Schema that summary.schema.json uses,
// and that the schema has every field.
func conform(schema map[string]any, v any, at string) []string {
	var out []string
	bad := func(format string, args ...any) {
		out = append(out, at+": "+fmt.Sprintf(format, args...))
	}
	if want, ok := schema["const"]; ok && !reflect.DeepEqual(want, v) {
		bad("is %v, want %v", v, want)
	}
	if enum, ok := schema["enum"].([]any); ok && !slices.Contains(enum, v) {
		bad("is %v, want one of %v", v, enum)
	}
	if want, ok := schema["type"]; ok && !isType(want, v) {
		bad("is %T, want %v", v, want)
		return out
	}
	switch v := v.(type) {
	case float64:
		if low, ok := schema["minimum"].(float64); ok && v < low {
			bad("is %v, under %v", v, low)
		}
		if high, ok := schema["maximum"].(float64); ok && v > high {
			bad("is %v, over %v", v, high)
		}
	case []any:
		if n, ok := schema["minItems"].(float64); ok && len(v) < int(n) {
			bad("has %d items", len(v))
		}
		if n, ok := schema["maxItems"].(float64); ok && len(v) > int(n) {
			bad("has %d items", len(v))
		}
		for i, x := range v {
			out = append(out, conform(schema["items"].(map[string]any), x, fmt.Sprintf("%s[%d]", at, i))...)
		}
	case map[string]any:
		for _, k := range texts(schema["required"]) {
			if _, ok := v[k]; !ok {
				bad("lacks %s", k)
			}
		}
		known, _ := schema["properties"].(map[string]any)
		rest, _ := schema["additionalProperties"].(map[string]any)
		for k, x := range v {
			sub, ok := known[k].(map[string]any)
			if !ok {
				sub = rest
			}
			if sub == nil {
				bad("the schema does not know %s", k)
				continue
			}
			out = append(out, conform(sub, x, at+"."+k)...)
		}
	}
	return out
}

func texts(v any) (out []string) {
	list, _ := v.([]any)
	for _, x := range list {
		out = append(out, x.(string))
	}
	return out
}

func isType(want, v any) bool {
	names := texts(want)
	if name, ok := want.(string); ok {
		names = []string{name}
	}
	return slices.ContainsFunc(names, func(name string) bool {
		switch v := v.(type) {
		case nil:
			return name == "null"
		case string:
			return name == "string"
		case float64:
			return name == "number" || name == "integer" && v == float64(int64(v))
		case []any:
			return name == "array"
		case map[string]any:
			return name == "object"
		}
		return false
	})
}

func schema(t *testing.T) map[string]any {
	t.Helper()
	var s map[string]any
	require.NoError(t, json.Unmarshal(JSONSchema(), &s))
	return s
}

func document(t *testing.T, r *reports.Report) *present.Document {
	t.Helper()
	d, err := present.New(r)
	require.NoError(t, err)
	return d
}

func summary(t *testing.T, stage func(s *reporttest.RunDir)) map[string]any {
	t.Helper()
	s := reporttest.NewRunDir(t)
	stage(s)
	r, err := reports.Assemble(s.Write(t))
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, Render(&b, document(t, r)))
	var v map[string]any
	require.NoError(t, json.Unmarshal(b.Bytes(), &v))
	return v
}

func TestSummaryConforms(t *testing.T) {
	for _, stage := range []func(s *reporttest.RunDir){
		func(*reporttest.RunDir) {}, func(s *reporttest.RunDir) { s.Lossy = false }, func(s *reporttest.RunDir) { s.Plan.Expect = nil },
		func(s *reporttest.RunDir) { s.Plan.Streams[0].Chain, s.Plan.Streams[0].Expect = nil, nil },
	} {
		require.Empty(t, conform(schema(t), summary(t, stage), "summary"))
	}
}

func TestMaskedIsNullWhereItIsNotMeasured(t *testing.T) {
	v := summary(t, func(s *reporttest.RunDir) { s.Plan.Streams[0].Chain, s.Plan.Streams[0].Expect = nil, nil })
	base := v["arms"].(map[string]any)["base"].(map[string]any)
	require.Contains(t, base, "masked")
	require.Nil(t, base["masked"])
}

// The schema refuses what breaks the contract.
func TestSchemaRefuses(t *testing.T) {
	for what, damage := range map[string]func(v map[string]any){
		"another schema":    func(v map[string]any) { v["schema"] = "zeroloss.summary/v1" },
		"unknown verdict":   func(v map[string]any) { v["verdict"] = "fine" },
		"a missing field":   func(v map[string]any) { delete(v, "arms") },
		"a share as text":   func(v map[string]any) { v["generator"].(map[string]any)["sent"] = "all" },
		"a negative count":  func(v map[string]any) { v["generator"].(map[string]any)["sent"] = -1.0 },
		"half a prediction": func(v map[string]any) { base(v)["predictedLost"] = []any{1.0} },
		"half a request":    func(v map[string]any) { base(v)["lost"] = 0.5 },
		"a bound over 1":    func(v map[string]any) { base(v)["lossUpper95"] = 1.5 },
		"a class that is text": func(v map[string]any) {
			base(v)["byClass"] = map[string]any{"refused": "many"}
		},
	} {
		t.Run(what, func(t *testing.T) {
			v := summary(t, func(*reporttest.RunDir) {})
			require.Empty(t, conform(schema(t), v, "summary"))
			damage(v)
			require.NotEmpty(t, conform(schema(t), v, "summary"))
		})
	}
}

func base(v map[string]any) map[string]any {
	return v["arms"].(map[string]any)["base"].(map[string]any)
}
