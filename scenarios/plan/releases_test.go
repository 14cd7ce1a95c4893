package plan

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/internal/input"
	"zeroloss/manifests"
	"zeroloss/scenarios/spec"
)

const newB = "registry.example.com/spring-cloud-b:2"

func TestImageSteps(t *testing.T) {
	p := compiled(t, minimal(`  steps:
    - {at: 10s, image: spring-cloud-b, ref: `+newB+`}
    - {at: 20s, pause: spring-cloud-c}
    - {at: 30s, resume: spring-cloud-c}
`), Options{})
	require.Equal(t, Step{Name: "image spring-cloud-b", At: 10 * time.Second, Line: 10, Action: SetImage{"spring-cloud-b", newB}}, p.Steps[0])
	require.Contains(t, p.String(), "step: image spring-cloud-b to "+newB+"\n")
	require.Contains(t, p.String(), "step: pause spring-cloud-c\n")
	require.Equal(t, "registry.cn-shanghai.aliyuncs.com/yizhan/spring-cloud-b:0.1-SNAPSHOT", pods(t, p, "spring-cloud-b").Image)
}

func TestDrainSteps(t *testing.T) {
	p := compiled(t, minimal("  runtimes: [kube]\n  steps: [{at: 10s, drain: spring-cloud-b}]\n"), Options{})
	require.True(t, p.HasDrain())
	require.Equal(t, []string{"spring-cloud-b", "spring-cloud-b-gray"}, p.DrainedWorkloads(), "all versions")
	require.Contains(t, p.String(), "step: drain spring-cloud-b: cordon the node that runs spring-cloud-b, spring-cloud-b-gray, and evict their pods\n")
	require.Contains(t, compiled(t, minimal("  steps: [{at: 10s, restart: spring-cloud-b}]\n"), Options{}).String(), "step: restart")
}

// What a step cannot mean is told; and only what takes an instance out counts
// as a release, which an expectation of releases is held against.
func TestRolloutsAreFollowed(t *testing.T) {
	for name, c := range map[string]struct {
		steps, warning string
		releases       bool
	}{
		"an image":          {"[{at: 1s, image: spring-cloud-b, ref: " + newB + "}]", "", true},
		"the same":          {"[{at: 1s, image: spring-cloud-b, ref: registry.cn-shanghai.aliyuncs.com/yizhan/spring-cloud-b:0.1-SNAPSHOT}]", "spring-cloud-b has this image already: nothing is rolled out", false},
		"twice the same":    {"[{at: 1s, image: spring-cloud-b, ref: " + newB + "}, {at: 2s, image: spring-cloud-b, ref: " + newB + "}]", "spring-cloud-b has this image already", true},
		"paused":            {"[{at: 2s, restart: spring-cloud-b}, {at: 1s, pause: spring-cloud-b}]", "spring-cloud-b is paused: the step takes effect when it is resumed", false},
		"and resumed":       {"[{at: 1s, pause: spring-cloud-b}, {at: 2s, restart: spring-cloud-b}, {at: 3s, resume: spring-cloud-b}]", "", true},
		"resumed only":      {"[{at: 1s, resume: spring-cloud-b}]", "spring-cloud-b is not paused: the step has no effect", false},
		"paused some time":  {"[{after: base.ready, restart: spring-cloud-b}, {at: 1s, pause: spring-cloud-b}]", "", true},
		"out and in again":  {"[{at: 1s, scale: spring-cloud-b, to: 4}, {at: 2s, scale: spring-cloud-b, to: 3}]", "", true},
		"out":               {"[{at: 1s, scale: spring-cloud-b, to: 4}]", "", false},
		"a drain":           {"[{at: 1s, drain: spring-cloud-b-gray}]", "", true},
		"paused and scaled": {"[{at: 1s, pause: spring-cloud-b}, {at: 2s, scale: spring-cloud-b, to: 1}]", "", true},
	} {
		text := minimal("  runtimes: [kube]\n  steps: " + c.steps + "\n")
		text = replaceTime(text)
		p := compiled(t, text, Options{})
		if c.warning != "" {
			require.Contains(t, p.String(), c.warning, name)
		}
		require.Equal(t, !c.releases, containsWarning(p, "no instance is taken out"), name)
	}
}

func TestAnImageIsThereInTheSecondCycle(t *testing.T) {
	p := compiled(t, minimal("  steps: [{at: 1s, image: spring-cloud-b, ref: "+newB+"}]\n"), Options{})
	require.NotContains(t, p.String(), "second cycle")
	text := minimal("  steps: [{at: 1s, image: spring-cloud-b, ref: " + newB + "}]\n")
	p = compiled(t, cycles(text), Options{})
	require.Contains(t, p.String(), "from the second cycle on the image is unchanged")
}

// replaceTime takes the minimal scenario where no CronHPA job comes.
func replaceTime(text string) string {
	return strings.Replace(text, `start: "00:04:50", duration: 70s`, `start: "00:03:00", duration: 50s`, 1)
}

func cycles(text string) string {
	return strings.Replace(text, "duration: 70s", "duration: 70s, cycles: 2", 1)
}

func containsWarning(p *Plan, text string) bool {
	return slices.ContainsFunc(p.Warnings, func(f Finding) bool { return strings.Contains(f.Text, text) })
}

// What a budget means nothing to is told of it; where only a cluster can run
// the scenario, nobody needs to be.
func TestABudgetIsNothingToLocal(t *testing.T) {
	demo, ok := manifests.Open("mse-demo.yaml")
	require.True(t, ok)
	budget, ok := manifests.Open("b-gray-budget.yaml")
	require.True(t, ok)
	m, err := manifests.Load([]input.Source{demo, budget}, manifests.Options{})
	require.NoError(t, err)
	require.Equal(t, []string{"spring-cloud-b-gray"}, m.PodDisruptionBudgets[0].Workloads)
	for lines, told := range map[string]bool{"": true, "  runtimes: [kube]\n": false} {
		s, err := spec.Decode(input.Source{Name: "s.yaml", Data: []byte(minimal(lines))})
		require.NoError(t, err)
		p, err := Compile(s, m, Options{})
		require.NoError(t, err)
		require.Equal(t, told, containsWarning(p, `PodDisruptionBudget "spring-cloud-b-gray" has no effect on the local runtime`))
	}
}

func TestCallTimeout(t *testing.T) {
	p := compiled(t, minimal("  set: {spring-cloud-a: {callTimeout: 5s}}\n"), Options{Speed: 10})
	require.Equal(t, 5*time.Second, findWorkload(t, p, "spring-cloud-a").Settings.Call.Timeout, "what is measured is not divided")
	require.Equal(t, 1200*time.Millisecond, findWorkload(t, p, "spring-cloud-a-gray").Settings.Call.Timeout)
}
