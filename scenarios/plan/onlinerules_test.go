package plan

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/settings"
)

// labelled is a scenario in which C's labels say so, and with more lines in its
// spec. C is line 9 of it, the rule line 10.
func labelled(labels, lines string) string {
	return minimal("  set: {spring-cloud-c: {switches: {" + labels + "}}}\n" + lines)
}

// TestLabelsAndRules: of what labels and a rule say, the labels' counts, of
// several families' the longest.
func TestLabelsAndRules(t *testing.T) {
	const (
		mse     = `mse.lossless.enable: "true", mse.lossless.delayTime: "4"`
		polaris = `msePilotAutoEnable: "off", spring.cloud.polaris.lossless.enabled: "true"`
		delay   = `, spring.cloud.polaris.lossless.delay-register-interval: "20000"`
		health  = `, spring.cloud.polaris.lossless.health-check-path: "/up"`
		dubbo   = `, dubbo.provider.delay: "5000"`
		ten     = "registerDelay: 10s"
		path    = "healthPath: /rule"
	)
	by := func(path string) settings.Online { return settings.Online{HealthPath: path} }
	after := func(d time.Duration) settings.Online { return settings.Online{Delay: d * time.Second} }
	for _, c := range []struct {
		labels, rule string
		want         settings.Online
		beaten       bool
	}{
		{mse, "", after(4), false},
		{mse, ten, after(4), true},
		{mse, path, after(4), true},
		{mse + dubbo, "", after(5), false},
		{polaris, "", after(30), false},
		{polaris, ten, after(10), false},
		{polaris, path, by("/rule"), false},
		{polaris + delay, "", after(20), false},
		{polaris + delay, ten, after(20), true},
		{polaris + delay, path, after(20), true},
		{polaris + health, "", by("/up"), false},
		{polaris + health, ten, by("/up"), true},
		{polaris + health, path, by("/up"), true},
		{polaris + delay + ", " + mse, "", after(20), false},
		{polaris + delay + ", " + mse, ten, after(20), true},
		{polaris + ", " + mse, "", after(30), false},
		{polaris + ", " + mse, ten, after(30), true},
		{polaris + ", " + mse, path, after(30), true},
		{polaris + dubbo, "", after(30), false},
		{polaris + dubbo, ten, after(10), false},
	} {
		lines := ""
		if c.rule != "" {
			lines = fmt.Sprintf("  governance: [{online: spring-cloud-c, %s, model: none}]\n", c.rule)
		}
		p := compiled(t, labelled(c.labels, lines), Options{})
		got := findWorkload(t, p, "spring-cloud-c").Settings.Online
		require.Equal(t, c.want, settings.Online{Delay: got.Delay, HealthPath: got.HealthPath}, "%s with rule %q", c.labels, c.rule)
		require.Equal(t, c.beaten, told(p, "takes precedence over the rule: its delay has no effect there"), "%s with rule %q", c.labels, c.rule)
	}
}

// TestWarmupLabelsAndRules: a label's window or curve is of MSE's model, where
// the rule has none.
func TestWarmupLabelsAndRules(t *testing.T) {
	const on, window, curve = `mse.lossless.enable: "true"`, `, mse.lossless.warmupTime: "30"`, `, mse.lossless.funcType: "3"`
	const dubbo = `dubbo.provider.warmup: "9000"`
	warm := func(model string, curve float64, window time.Duration) settings.Warmup {
		return settings.Warmup{Model: model, Curve: curve, Window: window * time.Second}
	}
	for _, c := range []struct {
		labels, rule string
		want         settings.Warmup
		beaten       bool
	}{
		{on + window, "", warm("power", 2, 30), false},
		{on + curve, "", warm("power", 3, 120), false},
		{on + window, "model: none", warm("power", 2, 30), true},
		{on + window + curve, "model: none", warm("power", 3, 30), true},
		{on + curve, "model: none", settings.Warmup{}, false}, // a curve of no warm-up
		{on + window, "model: envoy", warm("envoy", 0, 30), true},
		{on + curve, "model: envoy, window: 60s", warm("power", 3, 60), true},
		{on + `, mse.lossless.warmupTime: "0"`, "window: 60s", warm("power", 2, 0), true},
		{`mse.lossless.enable: "false"`, "window: 60s", settings.Warmup{}, true},
		{`mse.lossless.enable: "false"`, "model: none", settings.Warmup{}, false},
		{dubbo, "", warm("linear", 0, 9), false},
		{dubbo, "window: 60s", warm("power", 2, 60), false},
		{dubbo, "model: none", warm("linear", 0, 9), true},
	} {
		lines := ""
		if c.rule != "" {
			lines = fmt.Sprintf("  governance: [{online: spring-cloud-c, %s}]\n", c.rule)
		}
		p := compiled(t, labelled(c.labels, lines), Options{})
		require.Equal(t, c.want, findWorkload(t, p, "spring-cloud-c").Settings.Online.Warmup, "%s with rule %q", c.labels, c.rule)
		require.Equal(t, c.beaten, told(p, "takes precedence over the rule"), "%s with rule %q", c.labels, c.rule)
	}
}

// TestTheLastRuleWins: the highest version is the latest, whatever the order of
// the scenario; where no order can be told, that is a problem.
func TestTheLastRuleWins(t *testing.T) {
	const late, soon = "{at: 40s, rule: {online: spring-cloud-c, window: 20s}}", "{at: 20s, rule: {online: spring-cloud-c, window: 10s}}"
	for _, order := range []string{late + ", " + soon, soon + ", " + late} {
		p := compiled(t, minimal("  steps: ["+order+"]\n"), Options{})
		for _, st := range p.Steps {
			o, ok := p.OnlineUnder("spring-cloud-c", rulesVersion(st))
			require.True(t, ok)
			require.Equal(t, map[int]time.Duration{2: 10 * time.Second, 3: 20 * time.Second}[rulesVersion(st)], o.Warmup.Window)
			require.Equal(t, map[int]time.Duration{2: 20 * time.Second, 3: 40 * time.Second}[rulesVersion(st)], st.At)
		}
		require.Equal(t, []int{2, 3}, []int{p.Rules[0].Version, p.Rules[1].Version})
	}
	const event = "{after: spring-cloud-c.ready, rule: {online: spring-cloud-%s, window: 10s}}"
	_, err := compile(t, minimal("  steps:\n    - "+late+"\n    - "+fmt.Sprintf(event, "c")+"\n"), Options{})
	require.EqualError(t, err, "s.yaml:11: the order of step rule spring-cloud-c and step rule spring-cloud-c (line 10) is not known, but both set rules for spring-cloud-c (use at instead of after in both)")
	p := compiled(t, minimal("  steps: ["+late+", "+fmt.Sprintf(event, "b")+"]\n"), Options{})
	require.Empty(t, p.Warnings, "they are for different workloads")

	text := strings.Replace(minimal("  steps: ["+late+"]\n"), "70s}", "70s, cycles: 2}", 1)
	require.True(t, told(compiled(t, text, Options{}), "the second cycle starts with the rules of the first one's end"))
}

// TestARuleReachesWhatIsGoverned, and nothing else.
func TestARuleReachesWhatIsGoverned(t *testing.T) {
	const alone = `  set: {spring-cloud-b: {switches: {msePilotAutoEnable: "off", profiler.micro.service.http.server.enable: "true"}}}
  governance: [{online: spring-cloud-b, version: base, window: 20s, registerDelay: 5s, aligned: true}]
  steps: [{at: 10s, rule: {online: spring-cloud-b, version: base, window: 10s, registerDelay: 5s}}]
`
	p := compiled(t, minimal(alone), Options{})
	require.Equal(t, settings.Online{HealthEvery: 5 * time.Second}, findWorkload(t, p, "spring-cloud-b").Settings.Online)
	require.Equal(t, 20002, pods(t, p, "spring-cloud-b").Readiness.TCPPort, "at 55199 nobody would answer")
	require.Empty(t, p.Rules[0].Online)
	require.True(t, told(p, "spring-cloud-b is not governed by MSE or Polaris: the rule has no effect on it"))
	require.Len(t, p.Warnings, 3, "the rule's, the step's and the manifest's: %+v", p.Warnings)

	p = compiled(t, minimal(strings.Replace(alone, "off", "on", 1)), Options{})
	require.Equal(t, 5*time.Second, findWorkload(t, p, "spring-cloud-b").Settings.Online.Delay)
	require.Equal(t, 55199, pods(t, p, "spring-cloud-b").Readiness.HTTPGet.Port)
	require.Len(t, p.Rules[0].Online, 1)
	require.Empty(t, p.Warnings)
}

// TestWhatARuleChangesOnLocalOnly is told where kube may carry the plan out.
func TestWhatARuleChangesOnLocalOnly(t *testing.T) {
	for lines, want := range map[string]bool{
		"  steps: [{at: 10s, rule: {online: spring-cloud-c, registerDelay: 5s}}]\n":                                                                          true,
		"  steps: [{at: 10s, rule: {online: spring-cloud-c, healthPath: /up}}]\n":                                                                            true,
		"  governance: [{online: spring-cloud-c, registerDelay: 5s}]\n  steps: [{at: 10s, rule: {online: spring-cloud-c, window: 5s}}]\n":                    true,
		"  governance: [{online: spring-cloud-c, registerDelay: 5s}]\n  steps: [{at: 10s, rule: {online: spring-cloud-c, window: 5s, registerDelay: 5s}}]\n": false,
		"  steps: [{at: 10s, rule: {online: spring-cloud-c, window: 5s}}]\n":                                                                                 false,
		"  runtimes: [local]\n  steps: [{at: 10s, rule: {online: spring-cloud-c, registerDelay: 5s}}]\n":                                                     false,
		"  set: {spring-cloud-c: {registerDelay: 7s}}\n  steps: [{at: 10s, rule: {online: spring-cloud-c, registerDelay: 5s}}]\n":                            false,
	} {
		p := compiled(t, minimal(lines), Options{})
		require.Equal(t, want, told(p, "on kube, step rule spring-cloud-c changes only the warm-up of spring-cloud-c"), lines)
	}
}

// TestAHealthPathIsNoneOfTheChain: every request would be answered as a probe.
func TestAHealthPathIsNoneOfTheChain(t *testing.T) {
	for lines, want := range map[string]string{
		"  governance: [{online: spring-cloud-c, healthPath: /c}]\n":                                               "s.yaml:9: health path /c of spring-cloud-c is a path of its requests: all of them would be answered with UP (use another path, such as /actuator/health)",
		"  steps: [{at: 9s, rule: {online: spring-cloud-zuul, healthPath: /A/up}}]\n":                              "s.yaml:9: health path /A/up of spring-cloud-zuul is a path of its requests: all of them would be answered with UP (use another path, such as /actuator/health)",
		"  governance: [{online: spring-cloud-b, version: gray, healthPath: /b2c}]\n":                              "s.yaml:9: health path /b2c of spring-cloud-b-gray is a path of its requests: all of them would be answered with UP (use another path, such as /actuator/health)",
		"  governance: [{online: spring-cloud-c, healthPath: /b}]\n":                                               "",
		"  governance: [{online: spring-cloud-c, healthPath: /c}]\n  set: {spring-cloud-c: {registerDelay: 3s}}\n": "",
	} {
		_, err := compile(t, minimal(lines), Options{})
		if want == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, want)
		}
	}
	_, err := compile(t, labelled(`spring.cloud.polaris.lossless.enabled: "true", spring.cloud.polaris.lossless.health-check-path: "/c"`, ""), Options{})
	require.ErrorContains(t, err, "mse-demo.yaml:")
	require.ErrorContains(t, err, "health path /c of spring-cloud-c")
}

// TestSecondsThatNoSpeedDivides are told.
func TestSecondsThatNoSpeedDivides(t *testing.T) {
	for _, c := range []struct {
		model string
		speed float64
		want  string
	}{
		{"polaris", 1, ""},
		{"polaris", 2, ""},
		{"polaris", 3, "the warm-up model polaris of spring-cloud-c counts whole seconds and keeps a weight for 5s at any speed: over 20s the weights are a few steps"},
		{"polaris-mirror", 10, "over 6s the weights are a few steps"},
		{"dubbo-go-seconds", 10, "the warm-up model dubbo-go-seconds of spring-cloud-c counts whole seconds at any speed: over 6s"},
		{"dubbo-go", 10, ""},
		{"power", 10, ""},
	} {
		p := compiled(t, minimal("  governance: [{online: spring-cloud-c, window: 60s, model: "+c.model+"}]\n"), Options{Speed: c.speed})
		require.Equal(t, c.want != "", told(p, "the weights are a few steps"), "%s at %v: %+v", c.model, c.speed, p.Warnings)
		require.True(t, c.want == "" || told(p, c.want), "%+v", p.Warnings)
	}
}

// TestAlignedOfPolaris: switched off, its port answers offline alone, and a pod
// that is asked there is told of. What set says of readiness goes before a rule.
func TestAlignedOfPolaris(t *testing.T) {
	const polaris = `preStop: "curl -X PUT http://localhost:28080/offline && sleep 20", switches: {msePilotAutoEnable: "off", spring.cloud.polaris.lossless.enabled: "true"}`
	of := func(aligned, readiness string) *Plan {
		return compiled(t, minimal("  set: {spring-cloud-b: {"+polaris+readiness+"}}\n  governance: [{online: spring-cloud-b, version: base, registerDelay: 1s"+aligned+"}]\n"), Options{})
	}
	port := func(p *Plan) settings.Polaris { return findWorkload(t, p, "spring-cloud-b").Settings.Polaris }

	p := of(", aligned: false", "")
	require.Equal(t, settings.Polaris{On: true, AdminPort: 28080, NoReadiness: true}, port(p))
	require.Empty(t, p.Warnings)
	require.Equal(t, settings.Polaris{On: true, AdminPort: 28080}, port(of("", "")))
	require.True(t, told(of(", aligned: false", ", readiness: {httpGet: 28080/online}"), "uses port 28080, which neither its switches nor its rule open"))

	const over = "the readiness probe in set for spring-cloud-b takes precedence over the rule: aligned has no effect"
	require.Empty(t, of(", aligned: true", ", readiness: {httpGet: 28080/online}").Warnings, "they say the same")
	for _, readiness := range []string{"{tcpSocket: 20002}", "{tcpSocket: 28080}", "{httpGet: 55199/readiness}", "none"} {
		require.True(t, told(of(", aligned: true", ", readiness: "+readiness), over), readiness)
	}
}

// TestWhoPollsIsWaitedFor: for one round.
func TestWhoPollsIsWaitedFor(t *testing.T) {
	p := compiled(t, minimal("  set: {spring-cloud-b: {cache: poll30}, spring-cloud-c: {initialPods: cold, registerDelay: 10s}}\n"), Options{Speed: 2})
	require.Equal(t, 20*time.Second, p.StartupTime(false))
}

// TestAStepMayLeaveOneAlone: what a step says is looked at as well.
func TestAStepMayLeaveOneAlone(t *testing.T) {
	p := compiled(t, minimal("  set: {spring-cloud-c: {replicas: 1}}\n  steps: [{at: 10s, rule: {online: spring-cloud-c, window: 20s}}]\n"), Options{})
	require.Len(t, p.Warnings, 1)
	require.Contains(t, p.Warnings[0].Text, "spring-cloud-c has one instance")
	require.Equal(t, 10, p.Warnings[0].Line)
}

// TestWhatTheRunEndsBefore is told, with what it means.
func TestWhatTheRunEndsBefore(t *testing.T) {
	for lines, want := range map[string]string{
		"  set: {spring-cloud-c: {registerDelay: 1h}}\n":                                                       "register after 1h0m, but the run ends after 1m10s: none of them registers",
		"  set: {spring-cloud-c: {startupTime: 30s, registerDelay: 40s}}\n":                                    "register after 1m10s, but",
		"  governance: [{online: spring-cloud-c, window: 2m}]\n":                                               "are warm after 2m, but the run ends after 1m10s: no warm-up completes",
		"  governance: [{online: spring-cloud-c, window: 70s}]\n":                                              "",
		"  set: {spring-cloud-c: {switches: {mse.lossless.enable: \"true\"}}}\n":                               "are warm after 2m, but the run",
		"  steps: [{at: 60s, rule: {online: spring-cloud-c, window: 20s}}]\n":                                  "are warm after 20s, but the run ends after 10s",
		"  steps: [{after: spring-cloud-c.ready, rule: {online: spring-cloud-c, registerDelay: 30s}}]\n":       "",
		"  time: {cycles: 2, duration: 70s}\n  governance: [{online: spring-cloud-c, window: 2m}]\n":           "",
		"  time: {speed: 2, duration: 70s}\n  set: {spring-cloud-c: {registerDelay: 20s, startupTime: 51s}}\n": "register after 35.5s, but the run ends after 35s",
	} {
		text := minimal(lines)
		if strings.HasPrefix(lines, "  time:") {
			text = strings.Replace(text, "  time: {start: \"00:04:50\", duration: 70s}\n", "", 1)
		}
		p := compiled(t, text, Options{})
		require.Equal(t, want != "", told(p, "new instances of spring-cloud-c"), "%s: %+v", lines, p.Warnings)
		require.True(t, want == "" || told(p, want), "%s: %+v", lines, p.Warnings)
	}
}

// TestByTimeAndByHealth: set goes before a health path, another label's delay
// does not, and either is told.
func TestByTimeAndByHealth(t *testing.T) {
	const up = `spring.cloud.polaris.lossless.enabled: "true", spring.cloud.polaris.lossless.health-check-path: "/up"`
	p := compiled(t, labelled(up+`, dubbo.provider.delay: "5000"`, ""), Options{})
	require.Equal(t, settings.Online{HealthPath: "/up", HealthEvery: 5 * time.Second}, findWorkload(t, p, "spring-cloud-c").Settings.Online)
	require.True(t, told(p, "registers when /up answers: the delay of 5s from another label has no effect"))

	p = compiled(t, minimal("  set: {spring-cloud-c: {registerDelay: 7s, switches: {"+up+"}}}\n"), Options{})
	require.Equal(t, settings.Online{Delay: 7 * time.Second, HealthEvery: 5 * time.Second}, findWorkload(t, p, "spring-cloud-c").Settings.Online)
	require.Empty(t, p.Warnings, "a difference is meant to be one")

	p = compiled(t, minimal("  set: {spring-cloud-c: {registerDelay: 7s}}\n  governance: [{online: spring-cloud-c, healthPath: /up}]\n"), Options{})
	require.Equal(t, settings.Online{Delay: 7 * time.Second, HealthEvery: 5 * time.Second}, findWorkload(t, p, "spring-cloud-c").Settings.Online)
	require.True(t, told(p, "takes precedence over the rule: its health path /up is not checked"))
}

// TestARequestThatTakesTooLong times out, though there is a worker for it at once.
func TestARequestThatTakesTooLong(t *testing.T) {
	p := compiled(t, minimal("  set: {spring-cloud-c: {coldStartCost: 1s, coldStartRequests: 100}}\n"), Options{})
	c := p.ColdStarts()[0]
	require.Equal(t, "spring-cloud-c", c.Workload)
	require.InDelta(t, 20, c.TimedOut, 1, "those that cost more than the 800 ms of its callers: %+v", c)
	require.Contains(t, p.String(), "overloaded: about 20 requests time out")

	p = compiled(t, minimal("  set: {spring-cloud-c: {coldStartCost: 1s, coldStartRequests: 100}, spring-cloud-b: {callTimeout: 1100ms}, spring-cloud-b-gray: {callTimeout: 1100ms}}\n"), Options{})
	require.Contains(t, p.String(), "keeps up", "the first 64 find a worker at once, the others wait for 360 ms at most and cost no more")
	p = compiled(t, minimal("  set: {spring-cloud-c: {coldStartCost: 1s, coldStartRequests: 100, workers: 20}, spring-cloud-b: {callTimeout: 1100ms}, spring-cloud-b-gray: {callTimeout: 1100ms}}\n"), Options{})
	require.Contains(t, p.String(), "overloaded", "they wait for a worker")
}

// TestComingsOfGroups: what a model makes of all together is what is sent.
func TestComingsOfGroups(t *testing.T) {
	shares := func(model string, replicas int) (out [][]float64) {
		t.Helper()
		p := compiled(t, minimal(fmt.Sprintf("  set: {spring-cloud-c: {replicas: %d}}\n  governance: [{online: spring-cloud-c, model: %s, window: 60s}]\n", replicas, model)), Options{})
		for _, c := range p.ColdStarts() {
			var of []float64
			for _, a := range c.Points {
				of = append(of, math.Round(1000*a.Rate/200)/1000)
			}
			out = append(out, of)
		}
		return out
	}
	half, third := []float64{.5, .5, .5, .5, .5, .5}, []float64{.333, .333, .333, .333, .333, .333}
	require.Equal(t, [][]float64{{0, .091, .2, .333, .429, .5}}, shares("polaris", 2))
	require.Equal(t, [][]float64{half}, shares("polaris-guard", 2), "half of them would warm up, and none does")
	require.Equal(t, [][]float64{{0, .048, .111, .2, .273, .333}}, shares("polaris-guard", 3))
	require.Equal(t, [][]float64{{0, .05, .125, .25, .375, .5}, half}, shares("polaris-remainder", 2), "as it stands in the list")
	require.Equal(t, [][]float64{{0, .033, .083, .167, .25, .333}, third}, shares("polaris-remainder", 3))
}

// TestComingsOfTheCold: those that a run begins with have no warm neighbours.
func TestComingsOfTheCold(t *testing.T) {
	p := compiled(t, minimal("  set: {spring-cloud-c: {initialPods: cold, work: 20ms, coldStartCost: 500ms, coldStartRequests: 100, workers: 6}}\n  governance: [{online: spring-cloud-c, window: 30s}]\n"), Options{})
	all := p.ColdStarts()
	require.Equal(t, []bool{true, false}, []bool{all[0].AllNew, all[1].AllNew})
	require.InDelta(t, 100, all[0].Points[0].Rate, 1e-9, "half of 200/s from the first second")
	require.Greater(t, all[0].TimedOut, 50.0)
	require.Zero(t, all[1].TimedOut)
	require.Regexp(t, `power 2 over 30s, all 2 new .* overloaded: about \d+ requests time out on each\n`, p.String())

	p = compiled(t, minimal("  set: {spring-cloud-c: {initialPods: cold, replicas: 1, work: 20ms, coldStartCost: 500ms, coldStartRequests: 100}}\n"), Options{})
	require.Len(t, p.ColdStarts(), 1)
	require.Contains(t, p.String(), "no warm-up, the only instance")
}

// told tells whether a warning says so.
func told(p *Plan, text string) bool {
	for _, w := range p.Warnings {
		if strings.Contains(w.Text, text) {
			return true
		}
	}
	return false
}
