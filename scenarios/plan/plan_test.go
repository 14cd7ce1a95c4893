package plan

import (
	"flag"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/settings"
	"zeroloss/internal/input"
	"zeroloss/manifests"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/spec"
)

var update = flag.Bool("update", false, "write the goldens anew")

// demo is the catalogue's own manifest.
func demo(t testing.TB) *manifests.Set {
	t.Helper()
	src, ok := manifests.Open("mse-demo.yaml")
	require.True(t, ok)
	m, err := manifests.Load([]input.Source{src}, manifests.Options{})
	require.NoError(t, err)
	return m
}

// minimal is a scenario over the demo with more lines in its spec.
func minimal(lines string) string {
	return `apiVersion: zeroloss/v1
kind: Scenario
metadata: {name: minimal}
spec:
  manifests: [mse-demo.yaml]
  load: [{name: base, rate: 100/s}, {name: gray, tag: gray, rate: 100/s}]
  expect: [{arm: gray, metric: lost, is: 0}, {arm: base, metric: lost, is: ">= 0", role: contrast}]
  time: {start: "00:04:50", duration: 70s}
` + lines
}

func compile(t testing.TB, text string, o Options) (*Plan, error) {
	t.Helper()
	s, err := spec.Decode(input.Source{Name: "s.yaml", Data: []byte(text)})
	require.NoError(t, err)
	return Compile(s, demo(t), o)
}

func compiled(t testing.TB, text string, o Options) *Plan {
	t.Helper()
	p, err := compile(t, text, o)
	require.NoError(t, err)
	return p
}

func findWorkload(t testing.TB, p *Plan, name string) Workload {
	t.Helper()
	for _, w := range p.Workloads {
		if w.Name == name {
			return w
		}
	}
	t.Fatalf("no workload %q", name)
	return Workload{}
}

func pods(t testing.TB, p *Plan, name string) control.Workload {
	t.Helper()
	for _, w := range p.Control.Workloads {
		if w.Name == name {
			return w
		}
	}
	t.Fatalf("no pods of %q", name)
	return control.Workload{}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func TestOfflineIsAsAgreed(t *testing.T) {
	text, err := os.ReadFile("../offline.yaml")
	require.NoError(t, err)
	p := compiled(t, string(text), Options{Seed: 1})
	golden(t, "offline.txt", p.String())
	b, err := p.JSON()
	require.NoError(t, err)
	golden(t, "offline.json", string(b))
}

func TestJSONRoundTrip(t *testing.T) {
	p := compiled(t, minimal("  steps: [{after: gray.deregistered + 200ms, kill: spring-cloud-b, pods: 2}]\n"), Options{Seed: 7, Speed: 2})
	b, err := p.JSON()
	require.NoError(t, err)
	back, err := Decode(b)
	require.NoError(t, err)
	require.Equal(t, p.String(), back.String())
	again, err := back.JSON()
	require.NoError(t, err)
	require.Equal(t, string(b), string(again))

	_, err = Decode([]byte(`{"schema": "zeroloss.plan/v9"}`))
	require.ErrorIs(t, err, ErrSchema)
	require.ErrorContains(t, err, "another version of zeroloss")
	_, err = Decode([]byte(`{"schema`))
	require.ErrorContains(t, err, "decoding plan")
}

func TestTheSameInputsGiveTheSamePlan(t *testing.T) {
	first, err := compiled(t, minimal(""), Options{Seed: 3}).JSON()
	require.NoError(t, err)
	for range 20 {
		again, err := compiled(t, minimal(""), Options{Seed: 3}).JSON()
		require.NoError(t, err)
		require.Equal(t, string(first), string(again))
	}
}

func TestArmsAndVersions(t *testing.T) {
	p := compiled(t, minimal(""), Options{})
	require.Equal(t, []Arm{
		{Name: "base", Workloads: []string{"spring-cloud-zuul", "spring-cloud-a", "spring-cloud-b", "spring-cloud-c"}},
		{Name: "gray", Tag: "gray", Workloads: []string{"spring-cloud-zuul", "spring-cloud-a-gray", "spring-cloud-b-gray", "spring-cloud-c"}},
	}, p.Arms)
	require.Equal(t, map[string]string{"spring-cloud-a": "gray", "spring-cloud-b": "gray"}, p.Streams[1].Expect, "gateway and C have no gray")
	require.Equal(t, map[string]string{"spring-cloud-zuul": "", "spring-cloud-a": "", "spring-cloud-b": "", "spring-cloud-c": ""}, p.Streams[0].Expect)
	require.Equal(t, []string{"spring-cloud-zuul", "spring-cloud-a", "spring-cloud-b", "spring-cloud-c"}, p.Streams[1].Chain)
	require.Equal(t, Entry{Workload: "spring-cloud-zuul", Service: "zuul-slb", Port: 20000}, p.Entry)
	require.EqualValues(t, 7000, p.Streams[0].Count())
}

func TestSettingsBySwitches(t *testing.T) {
	p := compiled(t, minimal(""), Options{Seed: 9})
	base, gray := findWorkload(t, p, "spring-cloud-b").Settings, findWorkload(t, p, "spring-cloud-b-gray").Settings
	require.Equal(t, settings.MSE{On: true}, base.MSE, "both servers are switched off")
	require.Equal(t, settings.DeregisterFirst, base.Offline.Mode)
	require.Equal(t, settings.MSE{On: true, OfflinePort: 54199, ReadinessPort: 55199}, gray.MSE)
	require.Equal(t, settings.Offline{
		Mode: settings.Lossless, MinWait: 1500 * time.Millisecond, QuietPeriod: time.Second, DrainTimeout: 30 * time.Second, Grace: 90 * time.Second, ConsumerMemory: time.Minute,
	}, gray.Offline)
	require.Equal(t, settings.Consumer{Cache: "push", Balancer: "round-robin", MarkTTL: 2 * time.Minute}, gray.Consumer)
	require.Equal(t, "spring-cloud-c", gray.Next)
	require.Equal(t, 20002, gray.Port)
	require.Equal(t, 800*time.Millisecond, gray.Call.Timeout)
	require.True(t, findWorkload(t, p, "spring-cloud-a").Settings.Lane.TraceTag)
	require.Empty(t, findWorkload(t, p, "spring-cloud-c").Settings.Next)
	require.Equal(t, "spring-cloud-a", findWorkload(t, p, "spring-cloud-zuul").Settings.Next)
	require.Equal(t, settings.Online{HealthEvery: 5 * time.Second}, gray.Online, "registered at once, and no warm-up, unless asked")
}

// TestFamilies resolves each family's switches on a Deployment of its own.
func TestFamilies(t *testing.T) {
	cases := []struct {
		name, annotations string
		want              func(*settings.Document)
	}{
		{"nothing", "", func(d *settings.Document) {
			d.Consumer.Ungoverned = true
		}},
		{"MSE", `msePilotAutoEnable: "on"`, func(d *settings.Document) {
			d.MSE = settings.MSE{On: true, OfflinePort: 54199, ReadinessPort: 55199}
			d.Offline.Mode = settings.Lossless
		}},
		{"MSE, graceful shutdown off", `msePilotAutoEnable: "on", profiler.micro.service.graceful.shutdown.enable: "false"`, func(d *settings.Document) {
			d.MSE = settings.MSE{On: true, ReadinessPort: 55199}
		}},
		{"MSE, online off", `msePilotAutoEnable: "on", mse.lossless.enable: "false"`, func(d *settings.Document) {
			d.MSE = settings.MSE{On: true, OfflinePort: 54199}
			d.Offline.Mode = settings.Lossless
		}},
		{"MSE, warm-up, delay and notice", `msePilotAutoEnable: "on", mse.lossless.enable: "true", mse.lossless.delayTime: "4", mse.lossless.notice: "true"`, func(d *settings.Document) {
			d.MSE = settings.MSE{On: true, OfflinePort: 54199, ReadinessPort: 55199}
			d.Offline.Mode, d.Offline.Notify = settings.Lossless, true
			d.Online.Delay = 4 * time.Second
			d.Online.Warmup = settings.Warmup{Model: "power", Curve: 2, Window: 2 * time.Minute}
		}},
		{"Polaris", `spring.cloud.polaris.lossless.enabled: "true"`, func(d *settings.Document) {
			d.Polaris = settings.Polaris{On: true, AdminPort: 28080}
			d.Offline.Mode = settings.Lossless
			d.Online.Delay = 30 * time.Second
		}},
		{"Polaris by health", `polarismesh.cn/javaagentConfig: '{"spring.cloud.polaris.lossless.enabled": "true", "spring.cloud.polaris.lossless.health-check-path": "/up", "spring.cloud.polaris.lossless.health-check-interval": "2000"}'`, func(d *settings.Document) {
			d.Polaris = settings.Polaris{On: true, AdminPort: 28080}
			d.Offline.Mode = settings.Lossless
			d.Online.HealthPath, d.Online.HealthEvery = "/up", 2*time.Second
		}},
		{"Dubbo", `msePilotAutoEnable: "on", dubbo.provider.warmup: "600000", dubbo.provider.delay: "1500"`, func(d *settings.Document) {
			d.MSE = settings.MSE{On: true, OfflinePort: 54199, ReadinessPort: 55199}
			d.Offline.Mode = settings.Lossless
			d.Online.Delay = 1500 * time.Millisecond
			d.Online.Warmup = settings.Warmup{Model: "linear", Window: 10 * time.Minute}
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			text := `{apiVersion: apps/v1, kind: Deployment, metadata: {name: gw}, spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}, annotations: {` + c.annotations + `}}, spec: {containers: [{name: x, image: spring-cloud-gateway}]}}}}`
			m, err := manifests.Load([]input.Source{{Name: "gw.yaml", Data: []byte(text)}}, manifests.Options{})
			require.NoError(t, err)
			s, err := spec.Decode(input.Source{Name: "s.yaml", Data: []byte(`{apiVersion: zeroloss/v1, kind: Scenario, metadata: {name: x}, spec: {manifests: [gw.yaml], load: [{name: base, rate: 1/s}], expect: [{arm: base, metric: lost, is: 0}]}}`)})
			require.NoError(t, err)
			p, err := Compile(s, m, Options{})
			require.NoError(t, err)
			want := settings.Document{
				Schema: settings.Schema, Version: 1, Role: "gateway", Workload: "gw", Service: "spring-cloud-zuul", Port: 20000, AdminPort: 20900,
				Registry: settings.Registry{Port: 8848, PushDelay: 500 * time.Millisecond},
				Offline:  settings.Offline{Mode: settings.DeregisterFirst, MinWait: 1500 * time.Millisecond, QuietPeriod: time.Second, DrainTimeout: 30 * time.Second, Grace: 30 * time.Second, ConsumerMemory: time.Minute},
				Online:   settings.Online{HealthEvery: 5 * time.Second},
				Consumer: settings.Consumer{Cache: "push", Balancer: "round-robin", MarkTTL: 2 * time.Minute},
				Work:     settings.Work{Workers: 64, Queue: 256},
				Call:     settings.Call{Timeout: 1800 * time.Millisecond, Dial: 300 * time.Millisecond},
			}
			c.want(&want)
			require.Equal(t, want, p.Workloads[0].Settings)
			require.Equal(t, Registry{Workload: "nacos-server", Port: 8848, Implied: true}, p.Registry)
		})
	}
}

// TestRulesOfGovernance: what a label says goes before the rule, what it leaves
// open is the rule's.
func TestRulesOfGovernance(t *testing.T) {
	online := func(w, lines string) settings.Online {
		t.Helper()
		return findWorkload(t, compiled(t, minimal(lines), Options{}), w).Settings.Online
	}
	every := 5 * time.Second
	two := settings.Warmup{Model: "power", Curve: 2, Window: 2 * time.Minute}
	for name, c := range map[string]struct {
		lines string
		want  settings.Online
	}{
		"half a rule":        {"  governance: [{online: spring-cloud-c, window: 60s}]\n", settings.Online{HealthEvery: every, Warmup: settings.Warmup{Model: "power", Curve: 2, Window: time.Minute}}},
		"a version's":        {"  governance: [{online: spring-cloud-c, version: base, curve: 1, registerDelay: 3s}]\n", settings.Online{HealthEvery: every, Delay: 3 * time.Second, Warmup: settings.Warmup{Model: "power", Curve: 1, Window: 2 * time.Minute}}},
		"another's":          {"  governance: [{online: spring-cloud-b, window: 60s}]\n", settings.Online{HealthEvery: every}},
		"by health":          {"  governance: [{online: spring-cloud-c, healthPath: /up, healthEvery: 2s}]\n", settings.Online{HealthEvery: 2 * time.Second, HealthPath: "/up"}},
		"a model's own":      {"  governance: [{online: spring-cloud-c, model: envoy, window: 60s}]\n", settings.Online{HealthEvery: every, Warmup: settings.Warmup{Model: "envoy", Window: time.Minute}}},
		"no rule":            {"  set: {spring-cloud-c: {switches: {mse.lossless.enable: \"true\"}}}\n", settings.Online{HealthEvery: every, Warmup: two}},
		"a label without":    {"  set: {spring-cloud-c: {switches: {mse.lossless.enable: \"true\"}}}\n  governance: [{online: spring-cloud-c, window: 60s}]\n", settings.Online{HealthEvery: every, Warmup: settings.Warmup{Model: "power", Curve: 2, Window: time.Minute}}},
		"none over defaults": {"  set: {spring-cloud-c: {switches: {mse.lossless.enable: \"true\"}}}\n  governance: [{online: spring-cloud-c, model: none}]\n", settings.Online{HealthEvery: every}},
		"Dubbo":              {"  set: {spring-cloud-c: {switches: {dubbo.provider.warmup: \"120000\", dubbo.provider.delay: \"5000\"}}}\n", settings.Online{HealthEvery: every, Delay: 5 * time.Second, Warmup: settings.Warmup{Model: "linear", Window: 2 * time.Minute}}},
		"a difference":       {"  set: {spring-cloud-c: {registerDelay: 7s}}\n  governance: [{online: spring-cloud-c, registerDelay: 3s}]\n", settings.Online{HealthEvery: every, Delay: 7 * time.Second}},
		"too early":          {"  set: {spring-cloud-c: {registerAt: process-start, startupTime: 3s}}\n", settings.Online{HealthEvery: every, Early: true, StartUp: 3 * time.Second}},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, online("spring-cloud-c", c.lines)) })
	}
	p := compiled(t, minimal(`  set: {spring-cloud-c: {switches: {mse.lossless.enable: "true", mse.lossless.warmupTime: "30", mse.lossless.funcType: "3", mse.lossless.delayTime: "4"}}}
  governance: [{online: spring-cloud-c, window: 60s, registerDelay: 5s}]
`), Options{Speed: 2})
	require.Equal(t, settings.Online{HealthEvery: every / 2, Delay: 2 * time.Second, Warmup: settings.Warmup{Model: "power", Curve: 3, Window: 15 * time.Second}}, findWorkload(t, p, "spring-cloud-c").Settings.Online)
	require.Len(t, p.Warnings, 3, "each is told")
	for _, w := range p.Warnings {
		require.Equal(t, 10, w.Line)
		require.Contains(t, w.Text, "takes precedence over the rule")
	}
}

// TestRuleSteps: each has a version, in the order of their time, and says how
// the workloads that it is for come online from then on.
func TestRuleSteps(t *testing.T) {
	p := compiled(t, minimal(`  governance: [{online: spring-cloud-c, window: 60s, registerDelay: 2s}]
  steps:
    - {at: 30s, rule: {online: spring-cloud-c, window: 20s, curve: 1}}
    - {at: 20s, rule: {online: spring-cloud-b, version: gray, model: none}}
`), Options{Speed: 2})
	every := 2500 * time.Millisecond
	require.Equal(t, []RuleSet{
		{Version: 2, Online: map[string]settings.Online{"spring-cloud-b-gray": {HealthEvery: every}}},
		{Version: 3, Online: map[string]settings.Online{"spring-cloud-c": {HealthEvery: every, Warmup: settings.Warmup{Model: "power", Curve: 1, Window: 10 * time.Second}}}},
	}, p.Rules)
	require.Equal(t, Step{Name: "rule spring-cloud-c", At: 15 * time.Second, Line: 11, Action: ApplyRules{3}}, p.Steps[0])
	require.Equal(t, ApplyRules{2}, p.Steps[1].Action)
	require.Equal(t, time.Second, findWorkload(t, p, "spring-cloud-c").Settings.Online.Delay, "until then the governance's")
	_, ok := p.OnlineUnder("spring-cloud-c", 2)
	require.False(t, ok)
	require.Contains(t, p.String(), "step: rule spring-cloud-c, version 3: spring-cloud-c power 1 over 10s, delay 0s\n")
}

// TestBringUp: time zero waits for pods that are new by the plan's own will.
func TestBringUp(t *testing.T) {
	p := compiled(t, minimal(`  set: {spring-cloud-c: {initialPods: cold, startupTime: 3s, registerDelay: 20s}, spring-cloud-b: {registerDelay: 40s}}
  governance: [{online: spring-cloud-a, healthPath: /up, healthEvery: 30s}]
`), Options{Speed: 2})
	require.Equal(t, 11500*time.Millisecond, p.StartupTime(false), "c's")
	require.Equal(t, 30*time.Second, p.StartupTime(true), "a's two rounds")
}

// TestHowInstancesComeIsPrinted, where it is not at once.
func TestHowInstancesComeIsPrinted(t *testing.T) {
	require.NotContains(t, compiled(t, minimal(""), Options{}).String(), "come online")
	text := compiled(t, minimal(`  set:
    spring-cloud-c: {initialPods: cold, startupTime: 3s, registerDelay: 20s, coldStartCost: 500ms, coldStartRequests: 100}
    spring-cloud-b: {registerAt: process-start, startupTime: 2s}
  governance: [{online: spring-cloud-a, version: base, healthPath: /up, window: 60s}]
`), Options{}).String()
	require.Contains(t, text, "spring-cloud-a  registers when /up responds, checked every 5s, warms up: power 2 over 1m\n")
	require.Contains(t, text, "spring-cloud-b  listens after 2s, registers when its process starts, before it listens\n")
	require.Contains(t, text, "spring-cloud-c  listens after 3s, registers 20s later, starts cold: the first request takes 500ms longer, decreasing to 0 after 100 requests, also at the start of the run\n")

	p := compiled(t, minimal("  set: {spring-cloud-a: {registerAt: process-start}}\n  governance: [{online: spring-cloud-a, version: base, healthPath: /up}]\n"), Options{})
	require.Len(t, p.Warnings, 1)
	require.Contains(t, p.Warnings[0].Text, "registerAt: process-start has no effect")
}

// TestAlone: a warm-up beside nobody does nothing, and is told.
func TestAlone(t *testing.T) {
	text := "  governance: [{online: spring-cloud-c, window: 60s}]\n"
	require.Empty(t, compiled(t, minimal(text), Options{}).Warnings)
	p := compiled(t, minimal(text+"  set: {spring-cloud-c: {replicas: 1}}\n"), Options{})
	require.Len(t, p.Warnings, 1)
	require.Contains(t, p.Warnings[0].Text, "spring-cloud-c has one instance")
	require.Equal(t, 9, p.Warnings[0].Line)
}

// TestAligned: the pod is asked whether it is registered.
func TestAligned(t *testing.T) {
	p := compiled(t, minimal("  governance: [{online: spring-cloud-b, version: gray, aligned: false}, {online: spring-cloud-c, aligned: true}]\n  set: {spring-cloud-c: {switches: {msePilotAutoEnable: \"off\", spring.cloud.polaris.lossless.enabled: \"true\"}}}\n"), Options{})
	require.Zero(t, findWorkload(t, p, "spring-cloud-b-gray").Settings.MSE.ReadinessPort)
	require.Equal(t, &control.HTTPGet{Port: 28080, Path: "/readiness", Scheme: "http"}, pods(t, p, "spring-cloud-c").Readiness.HTTPGet)
	require.Equal(t, settings.MSE{}, findWorkload(t, p, "spring-cloud-c").Settings.MSE)

	p = compiled(t, minimal("  governance: [{online: spring-cloud-b, aligned: true}]\n"), Options{})
	require.Equal(t, 20002, pods(t, p, "spring-cloud-b").Readiness.TCPPort)
	require.Len(t, p.Warnings, 1, "base B's label goes before the rule")
	require.Contains(t, p.Warnings[0].Text, "aligned has no effect")
	require.Equal(t, 55199, pods(t, p, "spring-cloud-b-gray").Readiness.HTTPGet.Port)
}

func TestDifferences(t *testing.T) {
	p := compiled(t, minimal(`  set:
    spring-cloud-b:
      {offline: lossless, notify: true, adaptiveWait: false, minWait: 3s, quietPeriod: 2s, drainTimeout: 20s, retry: next-instance, cache: poll30, ungoverned: true,
       balancer: random, markTTL: 60s, keepWhenEmpty: true, connections: new, strict: true, preStop: sleep 5, grace: 40s, replicas: 4,
       readiness: {httpGet: 55199/readiness, period: 2s}, startupTime: 1s, registerDelay: 2s, work: 3ms, coldStartCost: 4ms, coldStartRequests: 5, workers: 6, queue: 7}
    spring-cloud-b-gray: {offline: kill, preStop: none, readiness: none, cache: ttl35}
    spring-cloud-c: {offline: reject, readiness: {tcpSocket: 20003}}
`), Options{})
	b := findWorkload(t, p, "spring-cloud-b").Settings
	require.Equal(t, settings.MSE{On: true, OfflinePort: 54199}, b.MSE)
	require.Equal(t, settings.Offline{Mode: "lossless", Notify: true, NoWait: true, MinWait: 3 * time.Second, QuietPeriod: 2 * time.Second, DrainTimeout: 20 * time.Second, Grace: 40 * time.Second, ConsumerMemory: time.Minute}, b.Offline)
	require.Equal(t, settings.Consumer{Ungoverned: true, Cache: "poll30", CacheFirst: time.Second, CachePeriod: 30 * time.Second, Balancer: "random", MarkTTL: time.Minute, KeepWhenEmpty: true, RetryNextInstance: true}, b.Consumer)
	require.Equal(t, settings.Work{Duration: 3 * time.Millisecond, ColdStartCost: 4 * time.Millisecond, ColdStartRequests: 5, Workers: 6, Queue: 7}, b.Work)
	require.True(t, b.Call.NewConnections)
	require.True(t, b.Lane.Strict)
	require.Equal(t, settings.Online{StartUp: time.Second, Delay: 2 * time.Second, HealthEvery: 5 * time.Second}, b.Online)
	c := pods(t, p, "spring-cloud-b")
	require.Equal(t, 4, c.Replicas)
	require.Equal(t, 40*time.Second, c.Grace)
	require.Equal(t, [2]int{1, 1}, [2]int{c.MaxSurge, c.MaxUnavailable}, "a quarter of four")
	require.Equal(t, &control.Hook{Exec: []string{"/bin/sh", "-c", "sleep 5"}}, c.PreStop)
	require.Equal(t, &control.Probe{HTTPGet: &control.HTTPGet{Port: 55199, Path: "/readiness", Scheme: "http"}, Period: 2 * time.Second, Timeout: time.Second, SuccessThreshold: 1, FailureThreshold: 3}, c.Readiness)

	gray := pods(t, p, "spring-cloud-b-gray")
	require.Nil(t, gray.PreStop)
	require.Nil(t, gray.Readiness)
	require.Equal(t, settings.MSE{On: true, ReadinessPort: 55199}, findWorkload(t, p, "spring-cloud-b-gray").Settings.MSE)
	require.Equal(t, 35*time.Second, findWorkload(t, p, "spring-cloud-b-gray").Settings.Consumer.CachePeriod)
	require.Equal(t, settings.Reject, findWorkload(t, p, "spring-cloud-c").Settings.Offline.Mode)
	require.Equal(t, 20003, pods(t, p, "spring-cloud-c").Readiness.TCPPort)
}

// TestSpeedDividesTheTopologyOnly: sleeps, grace, cron, probes, duration,
// periods; not push delay, network, time-outs and the wait that follows the push.
func TestSpeedDividesTheTopologyOnly(t *testing.T) {
	text := minimal("  set: {spring-cloud-b: {cache: ttl35, registerDelay: 20s, work: 10ms, preStop: sleep 20}}\n  steps: [{at: 20s, restart: spring-cloud-c}, {after: gray.deregistered + 200ms, kill: spring-cloud-c}]\n")
	one, ten := compiled(t, text, Options{}), compiled(t, text, Options{Speed: 10})
	o, p := findWorkload(t, one, "spring-cloud-b").Settings, findWorkload(t, ten, "spring-cloud-b").Settings
	for name, d := range map[string][2]time.Duration{
		"duration":        {one.Duration, ten.Duration},
		"stream":          {one.Streams[0].Duration, ten.Streams[0].Duration},
		"firing":          {one.ScheduledJobs[0].At, ten.ScheduledJobs[0].At},
		"step":            {one.Steps[0].At, ten.Steps[0].At},
		"grace":           {pods(t, one, "spring-cloud-b").Grace, pods(t, ten, "spring-cloud-b").Grace},
		"grace, told":     {o.Offline.Grace, p.Offline.Grace},
		"probe":           {pods(t, one, "spring-cloud-b").Readiness.Period, pods(t, ten, "spring-cloud-b").Readiness.Period},
		"quiet":           {o.Offline.QuietPeriod, p.Offline.QuietPeriod},
		"drain cap":       {o.Offline.DrainTimeout, p.Offline.DrainTimeout},
		"cache":           {o.Consumer.CachePeriod, p.Consumer.CachePeriod},
		"mark":            {o.Consumer.MarkTTL, p.Consumer.MarkTTL},
		"delay":           {o.Online.Delay, p.Online.Delay},
		"consumer memory": {o.Offline.ConsumerMemory, p.Offline.ConsumerMemory},
	} {
		require.Equal(t, d[0]/10, d[1], name)
		require.NotZero(t, d[1], name)
	}
	for name, d := range map[string][2]time.Duration{
		"push delay":    {one.PushDelay, ten.PushDelay},
		"push, told":    {o.Registry.PushDelay, p.Registry.PushDelay},
		"minimum wait":  {o.Offline.MinWait, p.Offline.MinWait},
		"call":          {o.Call.Timeout, p.Call.Timeout},
		"client":        {one.Streams[0].Timeout, ten.Streams[0].Timeout},
		"work":          {o.Work.Duration, p.Work.Duration},
		"probe's limit": {pods(t, one, "spring-cloud-b").Readiness.Timeout, pods(t, ten, "spring-cloud-b").Readiness.Timeout},
		"after":         {one.Steps[1].After.Delay, ten.Steps[1].After.Delay},
	} {
		require.Equal(t, d[0], d[1], name)
		require.NotZero(t, d[1], name)
	}
	require.Equal(t, 100.0, ten.Streams[0].Rate)
	require.Equal(t, []string{"/bin/sh", "-c", "sleep 20"}, pods(t, ten, "spring-cloud-b").PreStop.Exec, "as written: its shell's sleep divides")
	require.Contains(t, ten.String(), "sleeps 2s")
}

func TestMargin(t *testing.T) {
	p := compiled(t, minimal(""), Options{})
	require.Equal(t, Margin{Shortest: 30 * time.Second, Push: 600 * time.Millisecond, Ratio: 50, Workload: "spring-cloud-b-gray"}, p.Margin)
	p = compiled(t, minimal(""), Options{Speed: 16})
	require.InDelta(t, 3.1, p.Margin.Ratio, .1)

	_, err := compile(t, minimal(""), Options{Speed: 20})
	require.EqualError(t, err, "s.yaml:8: speed 20 is too high: spring-cloud-b-gray has 1.5s from deregistering to closing, 2.5 times the push of 600ms; at least 3 times are needed (use a speed of at most 16.6)")

	short := minimal(`  set: {spring-cloud-b-gray: {preStop: "wget http://127.0.0.1:54199/offline; sleep 1", adaptiveWait: false}}` + "\n")
	p = compiled(t, short, Options{})
	require.Equal(t, time.Second, p.Margin.Shortest, "too little, but not by speed: it is what the scenario is about")
	require.Len(t, p.Warnings, 1)
	require.Contains(t, p.Warnings[0].Text, "1.7 times the push")

	p = compiled(t, minimal(`  set: {spring-cloud-b-gray: {preStop: "wget http://127.0.0.1:54199/offline; sleep 60", grace: 50s}}`+"\n"), Options{})
	require.Equal(t, 50*time.Second, p.Margin.Shortest, "grace cuts the sleep")
	require.Contains(t, p.Warnings[0].Text, "the hook will be abandoned")

	p = compiled(t, minimal(`  set: {spring-cloud-b: {offline: lossless, preStop: "wget http://127.0.0.1:54199/offline; sleep 30", readiness: {httpGet: 55199/readiness}}}`+"\n"), Options{})
	require.Len(t, p.Warnings, 1)
	require.Contains(t, p.Warnings[0].Text, "the readiness probe of spring-cloud-b uses port 55199, which neither its switches nor its rule open: its pods never become ready")
	p = compiled(t, minimal(`  set: {spring-cloud-b: {readiness: {httpGet: 55199/readiness}, switches: {profiler.micro.service.http.server.enable: "true"}}}`+"\n"), Options{})
	require.Empty(t, p.Warnings)

	p = compiled(t, strings.Replace(minimal(""), "00:04:50", "00:03:00", 1), Options{})
	require.Empty(t, p.Margin.Workload, "nothing lossless goes")
	require.Contains(t, p.Warnings[0].Text, "no instance is taken out")
}

func TestCapacities(t *testing.T) {
	p := compiled(t, minimal("  set: {spring-cloud-c: {work: 500ms, workers: 32}, spring-cloud-b: {work: 1s}}\n"), Options{})
	var b, c Capacity
	for _, k := range p.Capacities() {
		switch k.Workload {
		case "spring-cloud-b":
			b = k
		case "spring-cloud-c":
			c = k
		}
	}
	require.Equal(t, Capacity{Workload: "spring-cloud-b", Rate: 100, Instances: 2, MinInstances: 1, RatePerInstance: 50, PeakRatePerInstance: 100, Work: time.Second, Limit: 64, PredictedLoss: [2]float64{25, 30}}, b)
	require.Equal(t, Capacity{Workload: "spring-cloud-c", Rate: 200, Instances: 2, MinInstances: 2, RatePerInstance: 100, PeakRatePerInstance: 100, Work: 500 * time.Millisecond, Limit: 64, PredictedLoss: [2]float64{50, 60}}, c)
	require.Len(t, p.Warnings, 2)
	require.Contains(t, p.Warnings[0].Text, "spring-cloud-b would be overloaded (replicas: 1): an instance receives 100/s and can handle 64/s")
}

// TestComings: what a new instance is sent and can do, with a warm-up and
// without; the shares are x²/(x² + n − 1).
func TestComings(t *testing.T) {
	text := minimal(`  set: {spring-cloud-c: {work: 20ms, coldStartCost: 500ms, coldStartRequests: 100, workers: 6}}
  governance: [{online: spring-cloud-a, window: 60s}]
`)
	p := compiled(t, text, Options{})
	all := p.ColdStarts()
	require.Len(t, all, 3, "a, gray a and c")
	var rates []float64
	for _, a := range all[0].Points {
		rates = append(rates, math.Round(10*a.Rate)/10)
	}
	require.Equal(t, []float64{1, 1, 5.7, 20, 35.9, 50}, rates, "100/s at x = 0, .1, .25, .5, .75, 1, weights in hundredths")
	require.Zero(t, all[0].TimedOut)
	c := all[2]
	require.Equal(t, "spring-cloud-c", c.Workload)
	require.InDelta(t, 100, c.Points[0].Rate, 1e-9, "half of 200/s at once")
	require.InDelta(t, 6/.52, c.Points[0].Limit, 1e-9)
	require.InDelta(t, 6/.02, c.Points[5].Limit, 1e-9, "it is warm in the end")
	require.Greater(t, c.TimedOut, 100.0)
	require.Contains(t, p.String(), "overloaded")

	slow := strings.Replace(text, "online: spring-cloud-a", "online: spring-cloud-c", 1)
	p = compiled(t, slow, Options{})
	require.Zero(t, p.ColdStarts()[0].TimedOut)
	require.Contains(t, p.String(), "keeps up")
	require.Greater(t, compiled(t, slow, Options{Speed: 10}).ColdStarts()[0].TimedOut, 0.0, "work is not divided by speed, the window is")
}

func TestCompileBadInput(t *testing.T) {
	cases := []struct{ name, old, new, want string }{
		{"set for nobody", "", "  set: {spring-cloud-bb: {}}\n", `s.yaml:9: set: no manifest has a workload "spring-cloud-bb" (did you mean spring-cloud-b?)`},
		{"step for nobody", "", "  steps: [{at: 1s, kill: spring-cloud-d}]\n", `s.yaml:9: step kill: no manifest has a workload "spring-cloud-d" (did you mean spring-cloud-a?)`},
		{"after nobody", "", "  steps: [{after: grey.ready, kill: spring-cloud-b}]\n", `s.yaml:9: after: "grey" is neither a workload nor an arm (did you mean gray?)`},
		{"a tag that nobody has", "tag: gray", "tag: blue", "s.yaml:6: no workload has the tag \"blue\": the stream would test the base version (known tags: [gray])\ns.yaml:7: no load belongs to arm \"gray\" (known: base, blue)"},
		{"an arm without load", "arm: gray, metric", "arm: grey, metric", `s.yaml:7: no load belongs to arm "grey" (did you mean gray?)`},
		{"more than is sent", "is: 0", `is: ">= 7001"`, "s.yaml:7: is: can never hold: only 7000 requests are sent"},
		{"below zero", "is: 0", `is: "< 0"`, "s.yaml:7: is: can never hold: lost < 0 is below zero"},
		{"a class that cannot occur", "is: 0", `is: 0, class: rejected`, "s.yaml:7: class: rejected cannot occur: no workload of the arm has offline: reject"},
		{"an unknown class", "is: 0", `is: 0, class: [refused, reset-before-bite]`, `s.yaml:7: unknown class "reset-before-bite" (did you mean reset-before-byte?)`},
		{"a rule for nobody", "", "  governance: [{online: spring-cloud-d, window: 3s}]\n", `s.yaml:9: no workload has the service name "spring-cloud-d" (did you mean spring-cloud-a?)`},
		{"a rule for no version", "", "  governance: [{online: spring-cloud-b, version: grey, window: 3s}]\n", `s.yaml:9: service spring-cloud-b has no version "grey" (did you mean gray?)`},
		{"a rule in a step for nobody", "", "  steps: [{at: 3s, rule: {online: spring-cloud-d, window: 3s}}]\n", `s.yaml:9: no workload has the service name "spring-cloud-d" (did you mean spring-cloud-a?)`},
		{"readiness in a step", "", "  steps: [{at: 3s, rule: {online: spring-cloud-c, aligned: true}}]\n", `s.yaml:9: aligned cannot be set by a step: it changes the readiness probe of existing pods (set it under governance)`},
		{"an unknown switch", "", "  set: {spring-cloud-b: {switches: {mse.lossless.warmupTme: \"3\"}}}\n", `s.yaml:9: unknown switch "mse.lossless.warmupTme" (did you mean mse.lossless.warmupTime?)`},
		{"a switch's value", "", "  set: {spring-cloud-b: {switches: {mse.lossless.funcType: \"9\"}}}\n", `s.yaml:9: mse.lossless.funcType: must be between 1 and 5, got "9" (exponent of the warm-up curve)`},
		{"another workload by switch", "", "  set: {spring-cloud-b: {switches: {alicloud.service.tag: blue}}}\n", `s.yaml:9: alicloud.service.tag cannot be overridden: it is the identity of the workload (change the manifest)`},
		{"an image of nobody", "", "  steps: [{at: 3s, image: spring-cloud-b, ref: example.com/sprin-cloud-b:2}]\n", `s.yaml:9: unknown image "example.com/sprin-cloud-b:2": it is not the image of a demo service (did you mean …/spring-cloud-b? or map it with imageRoles: {sprin-cloud-b: a})`},
		{"an image of another", "", "  steps:\n    - {at: 3s, image: spring-cloud-b, ref: spring-cloud-c:2}\n", `s.yaml:10: image "spring-cloud-c:2" is the demo service c, but spring-cloud-b is b (for example registry.cn-shanghai.aliyuncs.com/yizhan/spring-cloud-b:0.1-SNAPSHOT)`},
		{"a pause of nobody", "", "  steps: [{at: 3s, pause: spring-cloud-bb}]\n", `s.yaml:9: step pause: no manifest has a workload "spring-cloud-bb" (did you mean spring-cloud-b?)`},
		{"a drain of nobody", "", "  runtimes: [kube]\n  steps:\n    - {at: 3s, drain: spring-cloud-bb}\n", `s.yaml:11: step drain: no manifest has a workload "spring-cloud-bb" (did you mean spring-cloud-b?)`},
		{"an unknown hop", "is: 0", `is: 0, hop: b->a`, `s.yaml:7: unknown hop "b->a" (did you mean b->c?)`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			text := minimal("")
			if c.old == "" {
				text += c.new
			} else {
				text = strings.Replace(text, c.old, c.new, 1)
			}
			_, err := compile(t, text, Options{})
			require.Error(t, err)
			require.Equal(t, c.want, err.Error())
			require.True(t, input.IsInvalid(err))
		})
	}
	_, err := compile(t, minimal(""), Options{Speed: 1000})
	require.EqualError(t, err, "--speed: speed must be between 0.01 and 100, got 1000")
}

func TestCompileRefusesWhatTheManifestsCannotDo(t *testing.T) {
	const head = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: %s}, spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}, annotations: {msePilotAutoEnable: \"on\"%s}}, spec: {containers: [{name: x, image: %s}]}}}}\n---\n"
	deploy := func(name, annotations, image string) string {
		return strings.NewReplacer("{name: %s}", "{name: "+name+"}", "%s}}, spec", annotations+"}}, spec", "image: %s", "image: "+image).Replace(head)
	}
	cron := "{apiVersion: autoscaling.alibabacloud.com/v1beta1, kind: CronHorizontalPodAutoscaler, metadata: {name: x}, spec: {scaleTargetRef: {kind: Deployment, name: gw},\njobs: [{name: down, targetSize: 0,\nschedule: \"0/5 * * * *\"}]}}\n"
	for name, c := range map[string]struct{ text, want string }{
		"no gateway":  {deploy("b", "", "spring-cloud-b"), "the manifests have no gateway"},
		"two names":   {deploy("gw", "", "spring-cloud-zuul") + deploy("b", "", "spring-cloud-b") + deploy("b2", ", msePilotCreateAppName: other", "spring-cloud-b"), `m.yaml:5: b2 registers as "other", but b, the same demo service, registers as "spring-cloud-b" (all versions of a service must have the same msePilotCreateAppName)`},
		"no schedule": {deploy("gw", "", "spring-cloud-zuul") + cron, `m.yaml:5: job down: parsing schedule "0/5 * * * *"`},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := manifests.Load([]input.Source{{Name: "m.yaml", Data: []byte(c.text)}}, manifests.Options{})
			require.NoError(t, err)
			s, err := spec.Decode(input.Source{Name: "s.yaml", Data: []byte(`{apiVersion: zeroloss/v1, kind: Scenario, metadata: {name: x}, spec: {manifests: [m.yaml], load: [{name: base, rate: 1/s}], expect: [{arm: base, metric: lost, is: 0}]}}`)})
			require.NoError(t, err)
			_, err = Compile(s, m, Options{})
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestCyclesKeepTheLoadOn(t *testing.T) {
	p := compiled(t, strings.Replace(minimal(""), "duration: 70s", "duration: 70s, cycles: 3", 1), Options{Speed: 2})
	require.Equal(t, 35*time.Second, p.Duration)
	require.Equal(t, 105*time.Second, p.Streams[0].Duration)
	require.Contains(t, p.String(), "35s, 3 cycles (1m45s in total), speed 2")
}

// A gate without a contrast holds in a run in which nothing happened.
func TestNoContrastIsToldOf(t *testing.T) {
	text := strings.Replace(minimal(""), `, {arm: base, metric: lost, is: ">= 0", role: contrast}`, "", 1)
	p := compiled(t, text, Options{})
	require.Len(t, p.Warnings, 1)
	require.Contains(t, p.Warnings[0].Text, "no expectation has the role contrast")
	require.Equal(t, 7, p.Warnings[0].Line)
}
