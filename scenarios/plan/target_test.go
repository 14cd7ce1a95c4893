package plan

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/internal/input"
	"zeroloss/loadgen/traffic"
	"zeroloss/manifests"
	"zeroloss/scenarios/spec"
)

func compileText(t *testing.T, text string, names ...string) (*Plan, error) {
	t.Helper()
	s, err := spec.Decode(input.Source{Name: "s.yaml", Data: []byte(text)})
	require.NoError(t, err)
	set := &manifests.Set{}
	if len(names) > 0 {
		var sources []input.Source
		for _, n := range names {
			src, ok := manifests.Open(n)
			require.True(t, ok)
			sources = append(sources, src)
		}
		set, err = manifests.Load(sources, manifests.Options{})
		require.NoError(t, err)
	}
	return Compile(s, set, Options{Seed: 1})
}

const onTarget = `apiVersion: zeroloss/v1
kind: Scenario
metadata: {name: mine, title: Mine}
spec:
  target: {namespace: shop, deployment: orders, url: "http://o:80", instanceHeader: X-Pod}
  time: {duration: 20s}
  load:
    - {name: old, arm: old, rate: 10/s}
    - {name: new, arm: new, rate: 10/s, url: "http://n:80", ok: {status: 204}}
  steps:
    - {at: 5s, scale: orders, to: 1}
    - {at: 10s, scale: orders, restore: true}
  expect:
    - {arm: old, metric: lost, is: 0}
    - {arm: old, metric: releases, is: ">= 1", role: contrast}
`

func TestATargetIsPlanned(t *testing.T) {
	p, err := compileText(t, onTarget)
	require.NoError(t, err)
	require.Equal(t, &Target{Namespace: "shop", Deployment: "orders"}, p.Target)
	require.Equal(t, []string{AttachRuntime}, p.Runtimes)
	require.False(t, p.UsesRegistry())
	require.Empty(t, p.Registry.Workload)
	require.Empty(t, p.Warnings, "two arms, and a contrast")
	require.Equal(t, 20.0, p.TotalRate())
	require.Equal(t, []string{"scale to 1 replicas", "scale back"}, p.TargetChanges())
	require.Equal(t, []Arm{{Name: "old", Workloads: []string{"orders"}}, {Name: "new", Workloads: []string{"orders"}}}, p.Arms)
	require.Len(t, p.Workloads, 1)
	require.True(t, p.Workloads[0].External)
	require.True(t, p.Control.Workloads[0].External)
	require.Equal(t, traffic.Stream{
		Name: "new", Arm: "new", Rate: 10, Method: "GET", Path: "/", Connections: "keep-alive", Timeout: 2500 * time.Millisecond,
		Duration: 20 * time.Second, Workload: "orders", Target: "http://n:80", InstanceHeader: "X-Pod",
		Answer: &traffic.Answer{Status: []traffic.StatusRange{{From: 204, To: 204}}},
	}, p.Streams[1])
	require.EqualError(t, p.CheckRuntime("kube"), "mine has a target, which is deployed already\n  attach to it with: zeroloss attach FILE")
	text := p.String()
	require.Contains(t, text, "in namespace shop")
	require.Contains(t, text, "step: scale orders to 1")
	require.Contains(t, text, "step: scale orders\n", "how many it had, is not known yet")
	require.NotContains(t, text, "registry")
}

func TestATargetAloneIsNoContrast(t *testing.T) {
	text := strings.Replace(onTarget, "    - {name: new, arm: new, rate: 10/s, url: \"http://n:80\", ok: {status: 204}}\n", "", 1)
	p, err := compileText(t, text)
	require.NoError(t, err)
	require.Len(t, p.Warnings, 1)
	require.Contains(t, p.Warnings[0].Text, "there is only one arm")
}

func TestATargetThatIsOnlyWatched(t *testing.T) {
	at := strings.Index(onTarget, "  steps:")
	end := strings.Index(onTarget, "  expect:")
	text := strings.Replace(onTarget[:at]+onTarget[end:], "namespace: shop", "namespace: shop, observe: true", 1)
	p, err := compileText(t, text)
	require.NoError(t, err, "releases are expected of somebody else")
	require.Empty(t, p.TargetChanges())
	require.True(t, p.Target.Observe)
}

func TestWhatCannotBeHadOfATarget(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"kill", "scale: orders, to: 1", "kill: orders", "s.yaml:11: step kill cannot be used with orders: it is an external service (use restart or scale)"},
		{"another workload", "scale: orders, to: 1", "restart: order", `s.yaml:11: step restart: no manifest has a workload "order" (did you mean orders?)`},
		{"a prediction", "is: 0}", "is: predicted}", "s.yaml:14: is: losses of an external service are not predicted: its callers, and when they hear of a release, are unknown (compare with a number)"},
		{"masked", "metric: lost", "metric: masked", "s.yaml:14: metric: masked is not measured for an external service (lost, releases, p99 and longestOutage are)"},
		{"speed", "duration: 20s", "duration: 20s, speed: 2", "s.yaml:6: speed must be 1 with a target: a cluster cannot be sped up (omit speed)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(onTarget, c.old, c.new, 1)
			require.NotEqual(t, onTarget, text)
			_, err := compileText(t, text)
			require.EqualError(t, err, c.want)
		})
	}
}

const onPlain = `apiVersion: zeroloss/v1
kind: Scenario
metadata: {name: mine, title: Mine}
spec:
  manifests: [plain-demo.yaml]
  runtimes: [kube]
  set: {plain-with: {replicas: 2}}
  load:
    - {name: without, arm: without, workload: plain-without, rate: 10/s}
  steps: [{at: 5s, restart: plain-without}]
  expect: [{arm: without, metric: lost, is: ">= 1", hop: "client->plain", role: contrast}]
`

func TestAPlainServiceIsPlanned(t *testing.T) {
	p, err := compileText(t, onPlain, "plain-demo.yaml")
	require.NoError(t, err)
	require.Empty(t, p.Corrections)
	require.Empty(t, p.Warnings)
	require.Equal(t, "plain-without", p.Streams[0].Service)
	require.Equal(t, Entry{Workload: "plain-without", Service: "plain-without", Port: 80}, p.Entry)
	require.Equal(t, 5*time.Second, p.Control.Workloads[1].PreStop.Sleep)
	require.Equal(t, 2, p.Workloads[1].Replicas)
	require.False(t, p.UsesRegistry())
}

func TestWhatCannotBeHadOfAPlainService(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"everywhere", "  runtimes: [kube]\n", "", "s.yaml:4: plain-with is an external service, which requires a cluster to route requests to it (add runtimes: [kube])"},
		{"what only ours heed", "{replicas: 2}", "{offline: kill}", "s.yaml:7: plain-with is an external service: only preStop, grace, replicas and readiness can be set (remove the other fields)"},
		{"an unknown one", "workload: plain-without", "workload: plain-wihout", `s.yaml:9: stream without: no manifest has a workload "plain-wihout" (did you mean plain-without?)`},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(onPlain, c.old, c.new, 1)
			require.NotEqual(t, onPlain, text)
			_, err := compileText(t, text, "plain-demo.yaml")
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestGood(t *testing.T) {
	require.Equal(t, "2xx", successWords(nil))
	require.Equal(t, "2xx, $.status is UP", successWords(&traffic.Answer{JSONPath: "$.status", Equals: "UP"}))
	require.Equal(t, "200-299, 404, body matches ^ok", successWords(&traffic.Answer{Status: []traffic.StatusRange{{From: 200, To: 299}, {From: 404, To: 404}}, Match: "^ok"}))
}

// TestAChangeMakesTwoArmsThatTakeTurns: the whole scenario has both, a run one.
func TestAChangeMakesTwoArmsThatTakeTurns(t *testing.T) {
	text := `apiVersion: zeroloss/v1
kind: Scenario
metadata: {name: mine, title: Mine}
spec:
  target: {namespace: shop, deployment: orders, url: "http://o:80", change: {spec: {minReadySeconds: 5}}}
  time: {duration: 20s}
  load: [{name: all, rate: 10/s}]
  steps: [{at: 5s, restart: orders}]
  expect:
    - {arm: before, metric: releases, is: ">= 1", role: contrast}
    - {arm: after, metric: lost, is: 0}
`
	s, err := spec.Decode(input.Source{Name: "s.yaml", Data: []byte(text)})
	require.NoError(t, err)
	for only, arms := range map[string][]string{"": {spec.ArmBefore, spec.ArmAfter}, spec.ArmBefore: {spec.ArmBefore}, spec.ArmAfter: {spec.ArmAfter}} {
		p, err := Compile(s, &manifests.Set{}, Options{Arm: only})
		require.NoError(t, err)
		require.Equal(t, only, p.Target.Arm)
		require.JSONEq(t, `{"spec":{"minReadySeconds":5}}`, string(p.Target.Change))
		require.Empty(t, p.Warnings)
		require.Equal(t, 10.0, p.TotalRate(), "they are not on together")
		require.Equal(t, []string{"patch its pods and revert the patch", "restart"}, p.TargetChanges())
		var names, streams, held []string
		for _, a := range p.Arms {
			names = append(names, a.Name)
			require.Equal(t, []string{"orders"}, a.Workloads)
		}
		for _, x := range p.Streams {
			streams = append(streams, x.Name)
		}
		for _, e := range p.Expect {
			held = append(held, e.Arm)
		}
		require.Equal(t, arms, names)
		require.Equal(t, arms, held)
		for i, x := range streams {
			require.Equal(t, "all-"+arms[i], x)
		}
	}
	_, err = compileText(t, strings.Replace(text, "arm: after", "arm: base", 1))
	require.ErrorContains(t, err, "base")
}

func TestASecretIsWarnedOf(t *testing.T) {
	for header, warned := range map[string]bool{`{Authorization: Bearer x}`: true, `{Authorization: "Bearer ${TOKEN}"}`: false, `{X-Version: "2"}`: false} {
		p, err := compileText(t, strings.Replace(onTarget, "{name: old, arm: old,", "{name: old, arm: old, header: "+header+",", 1))
		require.NoError(t, err)
		require.Len(t, p.Warnings, map[bool]int{true: 1, false: 0}[warned])
		if warned {
			require.Equal(t, "header Authorization of stream old is stored in the run directory and in reports in plain text", p.Warnings[0].Text)
			require.Equal(t, 8, p.Warnings[0].Line)
		}
	}
}
