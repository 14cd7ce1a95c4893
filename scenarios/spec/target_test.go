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
    - {at: 30s, scale: orders, restore: true}
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
	require.Equal(t, &traffic.Answer{Status: []traffic.StatusRange{{From: 200, To: 299}, {From: 404, To: 404}}, JSONPath: "$.status", Equals: "UP"}, old.OK.Traffic())
	require.Nil(t, (*Answer)(nil).Traffic())
}

func TestTargetSaysWhatIsWrong(t *testing.T) {
	cases := []struct{ name, old, new, want string }{
		{"no namespace", "    namespace: shop\n", "", "s.yaml:5: the target has no namespace (add namespace: NAME)"},
		{"no URL", "    url: http://orders.example:8080/\n", "", "s.yaml:5: neither the target nor stream old has a url (add url: http://orders.example:8080)"},
		{"no scheme", "http://orders.example:8080/", "orders.example", `s.yaml:8: url: invalid URL "orders.example" (write http://HOST:PORT, as in http://orders.example:8080)`},
		{"a query", "8080/", "8080/?x=y", `s.yaml:8: url: URL "http://orders.example:8080/?x=y" must consist of scheme, host and path only (move the query to request: GET /path?x=y)`},
		{"a status", "[2xx, 404]", "[2xx, fine]", `s.yaml:9: status "fine" is neither a code nor a range (for example 204, 2xx or 200-204)`},
		{"a path", "$.status,", "status,", "s.yaml:9: reading the JSON path \"status\""},
		{"an expression", "equals: UP", `match: "("`, "s.yaml:9: reading the expression"},
		{"equals alone", "jsonPath: $.status, ", "", "s.yaml:9: equals requires jsonPath (for example {jsonPath: $.status, equals: UP})"},
		{"a header", "X-Pod", `"X Pod"`, `s.yaml:10: invalid header name "X Pod" (for example X-Pod)`},
		{"manifests too", "  target:", "  manifests: [mse-demo.yaml]\n  target:", "s.yaml:5: a scenario cannot have both manifests and a target (remove manifests: the target is deployed already)"},
		{"observe and steps", "    namespace", "    observe: true\n    namespace", "s.yaml:15: a target with observe cannot have steps (remove one of them)"},
		{"a tag", "{name: old,", "{name: old, tag: gray,", "s.yaml:12: tag cannot be used with an external service (send a header instead, such as header: {X-Version: gray})"},
		{"back and to", "to: 1", "to: 1, restore: true", "s.yaml:15: restore is only valid with scale, and instead of to (for example {scale: orders, restore: true})"},
		{"back of nothing", "scale: orders, restore: true", "restart: orders, restore: true", "s.yaml:16: restore is only valid with scale, and instead of to (for example {scale: orders, restore: true})"},
		{"another workload", "{name: old,", "{name: old, workload: others,", "s.yaml:12: workload must be the target (omit it)"},
		{"half a registry", "    namespace", "    nacos: {address: n:8848}\n    namespace", "s.yaml:6: the registry has no service (for example nacos: {address: nacos.example:8848, service: orders})"},
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

// TestFieldsOfExternalStreams: what only a service that is none of ours needs is
// refused of the demo's own.
func TestFieldsOfExternalStreams(t *testing.T) {
	for field, want := range map[string]string{
		"url: http://x":       "s.yaml:20: url is only valid with a target (a workload of the manifests is reached through its Service)",
		"ok: {status: 200}":   "s.yaml:20: ok is only valid with an external service: responses of the demo services are verified completely (name the external service in workload)",
		"instanceHeader: X-P": "s.yaml:20: instanceHeader is only valid with an external service: demo services report their instances (name the external service in workload)",
	} {
		_, err := decode(strings.Replace(good, "rate: 100/s", "rate: 100/s\n      "+field, 1))
		require.EqualError(t, err, want)
	}
}
