package spec

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/internal/input"
	"zeroloss/loadgen/traffic"
)

// attached is a scenario with a target, that the table below spoils one line at
// a time.
const attached = `apiVersion: zeroloss/v1
kind: Scenario
metadata: {name: mine, title: Mine}
spec:
  target:
    namespace: shop
    deployment: orders
    url: http://orders.example:8080/
    ok: {status: [2xx, 404], jsonPath: $.status, equals: UP}
    instanceHeader: X-Pod
  load:
    - {name: old, rate: 10/s, request: GET /a}
    - {name: new, arm: new, rate: 10/s, url: https://new.example, header: {X-Version: "2"}}
  steps:
    - {at: 10s, scale: orders, to: 1}
    - {at: 30s, scale: orders, back: true}
  expect:
    - {arm: base, metric: lost, is: 0}
`

func TestTarget(t *testing.T) {
	s, err := decode(attached)
	require.NoError(t, err)
	old, other := s.Spec.Load[0], s.Spec.Load[1]
	require.Equal(t, "orders", old.Workload)
	require.EqualValues(t, "http://orders.example:8080", old.URL, "the target's, without the slash")
	require.EqualValues(t, "https://new.example", other.URL, "its own")
	require.Equal(t, Request{Method: "GET", Path: "/"}, other.Request, "no path of the demo's")
	require.Equal(t, "X-Pod", other.InstanceHeader)
	require.Equal(t, &traffic.Answer{Status: []traffic.Statuses{{From: 200, To: 299}, {From: 404, To: 404}}, JSONPath: "$.status", Equals: "UP"}, old.OK.Traffic())
	require.Nil(t, (*Answer)(nil).Traffic())
}

func TestTargetSaysWhatIsWrong(t *testing.T) {
	cases := []struct{ name, old, new, want string }{
		{"no namespace", "    namespace: shop\n", "", "s.yaml:5: the target has no namespace (add namespace: NAME)"},
		{"no URL", "    url: http://orders.example:8080/\n", "", "s.yaml:5: the target has no url, and stream old none of its own (as url: http://orders.example:8080)"},
		{"no scheme", "http://orders.example:8080/", "orders.example", `s.yaml:8: url: URL "orders.example" is none (write http://orders.example:8080)`},
		{"a query", "8080/", "8080/?x=y", `s.yaml:8: url: URL "http://orders.example:8080/?x=y" is more than scheme, host and path (a request says the rest: GET /path?x=y)`},
		{"a status", "[2xx, 404]", "[2xx, fine]", `s.yaml:9: status "fine" is neither a code nor a range (as 204, 2xx or 200-204)`},
		{"a path", "$.status,", "status,", "s.yaml:9: reading the JSON path \"status\""},
		{"an expression", "equals: UP", `match: "("`, "s.yaml:9: reading the expression"},
		{"equals alone", "jsonPath: $.status, ", "", "s.yaml:9: equals belongs to a jsonPath (as {jsonPath: $.status, equals: UP})"},
		{"a header", "X-Pod", `"X Pod"`, `s.yaml:10: "X Pod" is no header's name (as X-Pod)`},
		{"manifests too", "  target:", "  manifests: [mse-demo.yaml]\n  target:", "s.yaml:5: a scenario has manifests or a target, not both (the target is there already)"},
		{"observe and steps", "    namespace", "    observe: true\n    namespace", "s.yaml:15: observe does nothing to the target, and these steps would (leave out one of them)"},
		{"a tag", "{name: old,", "{name: old, tag: gray,", "s.yaml:12: a service that is none of ours knows no tags (write header: {X-Version: gray})"},
		{"back and to", "to: 1", "to: 1, back: true", "s.yaml:15: back belongs to scale, instead of to (as {scale: orders, back: true})"},
		{"back of nothing", "scale: orders, back: true", "restart: orders, back: true", "s.yaml:16: back belongs to scale, instead of to (as {scale: orders, back: true})"},
		{"another workload", "{name: old,", "{name: old, workload: others,", "s.yaml:12: the load goes to the target (leave it out)"},
		{"half a registry", "    namespace", "    nacos: {address: n:8848}\n    namespace", "s.yaml:6: the registry has no service (as nacos: {address: nacos.example:8848, service: orders})"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(attached, c.old, c.new, 1)
			require.NotEqual(t, attached, text)
			_, err := decode(text)
			require.ErrorContains(t, err, c.want)
			require.True(t, input.IsInvalid(err))
		})
	}
}

// TestForeignWordsOfTheChain: what only a service that is none of ours needs is
// refused of the demo's own.
func TestForeignWordsOfTheChain(t *testing.T) {
	for field, want := range map[string]string{
		"url: http://x":       "s.yaml:20: url belongs to a scenario with a target (a workload of the manifests is reached by its Service)",
		"ok: {status: 200}":   "s.yaml:20: ok is of a service that is none of ours: the chain's answers are checked whole (name it by workload)",
		"instanceHeader: X-P": "s.yaml:20: instanceHeader is of a service that is none of ours: the chain tells its trail (name it by workload)",
	} {
		_, err := decode(strings.Replace(good, "rate: 100/s", "rate: 100/s\n      "+field, 1))
		require.EqualError(t, err, want)
	}
}
