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
		{"replicas", "spec: {template", "spec: {replicas: 2, template", "s.yaml:10: change contains replicas (scale in a step instead: {at: 10s, scale: NAME, to: 2})"},
		{"a selector", "spec: {template", "spec: {selector: {}, template", "s.yaml:10: change contains selector, which cannot be applied and reverted (write a patch as for kubectl patch: {spec: {template: {spec: {…}}}})"},
		{"metadata", "      spec:", "      metadata: {labels: {a: b}}\n      spec:", `s.yaml:10: change contains "metadata": only the Deployment's spec can be changed (write a patch as for kubectl patch: {spec: {template: {spec: {…}}}})`},
		{"a word", "    change:\n      spec: {template: {spec: {terminationGracePeriodSeconds: 60}}}\n", "    change: sleep\n", "s.yaml:9: change must be a patch, got a value (write a patch as for kubectl patch: {spec: {template: {spec: {…}}}})"},
		{"no step", "  steps:\n    - {at: 10s, restart: orders}\n", "", "s.yaml:9: a change requires a step: nothing is released under load (add steps: [{at: 10s, restart: orders}])"},
		{"only watched", "    change:", "    observe: true\n    change:", "s.yaml:10: a target cannot have both observe and change (remove one of them)"},
		{"an arm", "{name: all,", "{name: all, arm: mine,", "s.yaml:12: streams of a target with a change belong to both arms, before and after (omit arm)"},
		{"at the same moment", "  load:", "  arms: concurrent\n  load:", "s.yaml:11: a target with a change cannot run its arms concurrently: it is either unchanged or changed (omit arms)"},
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
