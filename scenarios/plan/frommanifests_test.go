package plan

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/internal/input"
	"zeroloss/manifests"
	"zeroloss/scenarios/spec"
)

func bare(t *testing.T, m *manifests.Set) *spec.Scenario {
	t.Helper()
	src, err := FromManifests(m, []string{"dir/a.yaml", "b.yaml"})
	require.NoError(t, err)
	s, err := spec.Decode(src)
	require.NoError(t, err, string(src.Data))
	return s
}

func TestBareManifests(t *testing.T) {
	m := demo(t)
	s := bare(t, m)
	require.Equal(t, []string{"dir/a.yaml", "b.yaml"}, s.Spec.Manifests)
	require.Equal(t, "00:04:50", s.Spec.Time.Start.Time().Format("15:04:05"), "ten seconds before B's jobs: C's, which come earlier, concern both arms alike")
	require.Equal(t, 110*time.Second, time.Duration(s.Spec.Time.Duration), "10 s, the grace of 90, 10 s")
	var names []string
	for _, e := range s.Spec.Expect {
		names = append(names, e.Parsed().String())
	}
	require.Equal(t, []string{
		"contrast: base lost is >= 12", "info: base lost is predicted",
		"gate: gray lost is 0", "contrast: gray releases is >= 1", "info: gray lost is predicted",
	}, names)

	p, err := Compile(s, m, Options{Speed: 10})
	require.NoError(t, err)
	require.Equal(t, 11*time.Second, p.Duration)
	require.Equal(t, []ScheduledJob{
		{time.Second, "spring-cloud-b", "scale-down", 1}, {time.Second, "spring-cloud-b-gray", "scale-down", 1},
		{2 * time.Second, "spring-cloud-b", "scale-up", 2}, {2 * time.Second, "spring-cloud-b-gray", "scale-up", 2},
	}, p.ScheduledJobs)
}

func TestBareManifestsOfOneVersion(t *testing.T) {
	text := `
{apiVersion: apps/v1, kind: Deployment, metadata: {name: gw}, spec: {selector: {matchLabels: {a: gw}}, template: {metadata: {labels: {a: gw}, annotations: {msePilotAutoEnable: "on"}}, spec: {containers: [{name: x, image: spring-cloud-zuul}]}}}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {replicas: 4, selector: {matchLabels: {a: a}}, template: {metadata: {labels: {a: a}, annotations: {msePilotAutoEnable: "on"}}, spec: {containers: [{name: x, image: spring-cloud-a}]}}}}
---
{apiVersion: autoscaling.alibabacloud.com/v1beta1, kind: CronHorizontalPodAutoscaler, metadata: {name: a}, spec: {scaleTargetRef: {kind: Deployment, name: a}, jobs: [{name: up, targetSize: 9, schedule: "30 * * * * *"}, {name: down, targetSize: 2, schedule: "@every 1m"}]}}
`
	load := func(text string) *manifests.Set {
		m, err := manifests.Load([]input.Source{{Name: "m.yaml", Data: []byte(text)}}, manifests.Options{})
		require.NoError(t, err)
		return m
	}
	s := bare(t, load(text))
	require.Len(t, s.Spec.Load, 1)
	require.Equal(t, "gate: base lost is 0", s.Spec.Expect[0].Parsed().String())

	off := strings.ReplaceAll(text, `msePilotAutoEnable: "on"`, "")
	require.Equal(t, "contrast: base lost is >= 6", bare(t, load(off)).Spec.Expect[0].Parsed().String(), "25/s each, half a second, half of it")

	_, err := FromManifests(load(strings.ReplaceAll(text, "targetSize: 2", "targetSize: 4")), []string{"m.yaml"})
	require.ErrorContains(t, err, "no CronHorizontalPodAutoscaler scales in within a week")
	require.True(t, input.IsInvalid(err))

	_, err = FromManifests(load(strings.ReplaceAll(text, "@every 1m", "sometimes")), []string{"m.yaml"})
	require.ErrorContains(t, err, `m.yaml:6: job down: parsing schedule "sometimes"`)
}
