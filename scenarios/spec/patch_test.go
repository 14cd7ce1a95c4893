package spec

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// changed is a scenario that tries a change on a target.
const changed = `apiVersion: zeroloss/v1
kind: Scenario
metadata: {name: mine, title: Mine}
spec:
  target:
    namespace: shop
    deployment: orders
    url: http://orders.example:8080
    change:
      spec: {template: {spec: {terminationGracePeriodSeconds: 60}}}
  load:
    - {name: all, rate: 10/s}
  steps:
    - {at: 10s, restart: orders}
  expect:
    - {arm: after, metric: lost, is: 0}
`

func TestAChange(t *testing.T) {
	for _, arms := range []string{"", "  arms: interleaved\n"} {
		s, err := decode(strings.Replace(changed, "  load:\n", arms+"  load:\n", 1))
		require.NoError(t, err)
		require.JSONEq(t, `{"spec":{"template":{"spec":{"terminationGracePeriodSeconds":60}}}}`, string(s.Spec.Target.Change))
	}
}

func TestAChangeSaysWhatIsWrong(t *testing.T) {
	cases := []struct{ name, old, new, want string }{
		{"replicas", "spec: {template", "spec: {replicas: 2, template", "s.yaml:10: change has replicas, which are no part of it (a step scales: {at: 10s, scale: NAME, to: 2})"},
		{"a selector", "spec: {template", "spec: {selector: {}, template", "s.yaml:10: change has selector, which cannot be tried in turn"},
		{"metadata", "      spec:", "      metadata: {labels: {a: b}}\n      spec:", `s.yaml:10: change has "metadata": only the Deployment's spec is changed, and taken back`},
		{"a word", "    change:\n      spec: {template: {spec: {terminationGracePeriodSeconds: 60}}}\n", "    change: sleep\n", "s.yaml:9: change is a value, not a patch (as kubectl patch takes it: {spec: {template: {spec: {…}}}})"},
		{"no step", "  steps:\n    - {at: 10s, restart: orders}\n", "", "s.yaml:9: nothing is released under load: without a step no run can tell what the change is worth (as steps: [{at: 10s, restart: orders}])"},
		{"only watched", "    change:", "    observe: true\n    change:", "s.yaml:10: observe does nothing to the target, and a change would (leave out one of them)"},
		{"an arm", "{name: all,", "{name: all, arm: mine,", "s.yaml:12: every stream of a target with a change is of both arms, before and after (leave arm out)"},
		{"at the same moment", "  load:", "  arms: concurrent\n  load:", "s.yaml:11: a target is as it is, or changed: these arms cannot be concurrent (leave arms out)"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(changed, c.old, c.new, 1)
			require.NotEqual(t, changed, text)
			_, err := decode(text)
			require.ErrorContains(t, err, c.want)
		})
	}
}
