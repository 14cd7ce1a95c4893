package manifests

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/internal/input"
)

const aBudget = good + `---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: b}
spec:
  minAvailable: 1
  selector: {matchLabels: {app: b}}
`

func load(text string) (*Set, error) {
	return Load([]input.Source{{Name: "m.yaml", Data: []byte(text)}}, Options{})
}

func TestBudget(t *testing.T) {
	s, err := load(aBudget)
	require.NoError(t, err)
	require.Len(t, s.PodDisruptionBudgets, 1)
	require.Equal(t, []string{"b"}, s.PodDisruptionBudgets[0].Workloads)
	require.Equal(t, 43, s.PodDisruptionBudgets[0].Line)
	require.Empty(t, s.Warnings)
}

func TestBadBudget(t *testing.T) {
	for name, c := range map[string]struct{ old, new, want string }{
		"neither":       {"  minAvailable: 1\n", "", `m.yaml:44: PodDisruptionBudget "b" must have either minAvailable or maxUnavailable (for example minAvailable: 1)`},
		"both":          {"minAvailable: 1", "minAvailable: 1\n  maxUnavailable: 1", `m.yaml:44: PodDisruptionBudget "b" must have either minAvailable or maxUnavailable (for example minAvailable: 1)`},
		"words":         {"minAvailable: 1", "minAvailable: most", `m.yaml:45: minAvailable must be a number or a percentage, got "most" (for example 1 or 25%)`},
		"negative":      {"minAvailable: 1", "minAvailable: -1", "m.yaml:45: minAvailable must be at least 0, got -1"},
		"unknown field": {"minAvailable: 1", "minAvailabel: 1", `m.yaml:45: unknown field "minAvailabel" in spec (did you mean minAvailable?)`},
		"old version":   {"policy/v1\n", "policy/v1beta1\n", `m.yaml:41: unsupported apiVersion "policy/v1beta1" of a PodDisruptionBudget (write apiVersion: policy/v1)`},
		"kind":          {"kind: PodDisruptionBudget", "kind: PodDisruptionBudgt", `m.yaml:42: unknown kind "PodDisruptionBudgt" (did you mean PodDisruptionBudget?)`},
	} {
		_, err := load(replaced(t, aBudget, c.old, c.new))
		require.EqualError(t, err, c.want, name)
	}
	s, err := load(replaced(t, aBudget, "selector: {matchLabels: {app: b}}\n", "selector: {matchLabels: {app: c}}\n"))
	require.NoError(t, err)
	require.Contains(t, s.Warnings, Finding{File: "m.yaml", Line: 43, Text: `PodDisruptionBudget "b" selects no pods and has no effect`})
}

func TestRoleOf(t *testing.T) {
	for image, want := range map[string]Role{
		"example.com/spring-cloud-b:2": B, "spring-cloud-zuul@sha256:0": Gateway, "example.com/shop:3": A, "example.com/else": "",
	} {
		got, ok := RoleOf(image, map[string]string{"shop": "service a"})
		require.Equal(t, want, got, image)
		require.Equal(t, want != "", ok, image)
	}
}

// replaced spoils the last place, as the documents before it are others'.
func replaced(t *testing.T, text, old, with string) string {
	t.Helper()
	i := strings.LastIndex(text, old)
	require.GreaterOrEqual(t, i, 0)
	return text[:i] + with + text[i+len(old):]
}
