package traffic

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseStatuses(t *testing.T) {
	for text, want := range map[string]StatusRange{
		"204": {204, 204}, "2xx": {200, 299}, "200-204": {200, 204}, "200 - 204": {200, 204}, "404": {404, 404},
	} {
		got, err := ParseStatusRange(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "ok", "20x", "9xx", "204-200", "99", "600", "-", "x-y", "200-"} {
		_, err := ParseStatusRange(text)
		require.Error(t, err, text)
	}
}

func TestAccepts(t *testing.T) {
	var none *Answer
	for status, want := range map[int]bool{0: false, 199: false, 200: true, 299: true, 300: false, 503: false} {
		require.Equal(t, want, none.Accepts(status), status)
		require.Equal(t, want, (&Answer{}).Accepts(status), status)
	}
	a := &Answer{Status: []StatusRange{{200, 200}, {404, 410}}}
	for status, want := range map[int]bool{0: false, 200: true, 201: false, 404: true, 410: true, 411: false} {
		require.Equal(t, want, a.Accepts(status), status)
	}
}

// TestRule: each rule is met, and missed, by a body.
func TestRule(t *testing.T) {
	cases := map[string]struct {
		answer Answer
		body   string
		want   string // of the error; "" is good
	}{
		"matches":            {Answer{Match: "^ok"}, "ok then", ""},
		"does not match":     {Answer{Match: "^ok$"}, "ok then", `the body does not match "^ok$"`},
		"selects":            {Answer{JSONPath: "$.a.b"}, `{"a":{"b":1}}`, ""},
		"selects zero":       {Answer{JSONPath: "$.n"}, `{"n":0}`, ""},
		"selects true":       {Answer{JSONPath: "$.up"}, `{"up":true}`, ""},
		"selects false":      {Answer{JSONPath: "$.up"}, `{"up":false}`, "selects nothing"},
		"selects null":       {Answer{JSONPath: "$.up"}, `{"up":null}`, "selects nothing"},
		"selects nothing":    {Answer{JSONPath: "$.up"}, `{}`, "selects nothing"},
		"a filter":           {Answer{JSONPath: `$.items[?@.id=="x"]`}, `{"items":[{"id":"x"}]}`, ""},
		"a filter of none":   {Answer{JSONPath: `$.items[?@.id=="x"]`}, `{"items":[{"id":"y"}]}`, "selects nothing"},
		"equals":             {Answer{JSONPath: "$.status", Equals: "UP"}, `{"status":"UP"}`, ""},
		"equals a number":    {Answer{JSONPath: "$.n", Equals: "3"}, `{"n":3}`, ""},
		"equals false":       {Answer{JSONPath: "$.n", Equals: "false"}, `{"n":false}`, ""},
		"equals another":     {Answer{JSONPath: "$.status", Equals: "UP"}, `{"status":"DOWN"}`, `is "DOWN", not "UP"`},
		"equals, not there":  {Answer{JSONPath: "$.status", Equals: "UP"}, `{}`, "selects nothing"},
		"not JSON":           {Answer{JSONPath: "$.status"}, `<html>`, "the body is not JSON"},
		"half of two":        {Answer{JSONPath: "$[*].s", Equals: "a"}, `[{"s":"a"},{"s":"b"}]`, `is "b"`},
		"both, one is wrong": {Answer{JSONPath: "$.a", Match: "b"}, `{"a":1}`, "does not match"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r, err := c.answer.Compile()
			require.NoError(t, err)
			if err := r.Check([]byte(c.body)); c.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.want)
			}
		})
	}
	for _, a := range []*Answer{nil, {}, {Status: []StatusRange{{200, 200}}}} {
		r, err := a.Compile()
		require.NoError(t, err)
		require.Nil(t, r)
		require.NoError(t, r.Check(nil))
	}
	for _, a := range []Answer{{JSONPath: "status"}, {Match: "("}, {Equals: "x"}} {
		_, err := a.Compile()
		require.Error(t, err)
	}
}
