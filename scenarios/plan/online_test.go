package plan

import (
	"fmt"
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
		ten     = "delay: 10s"
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
		got := workload(t, p, "spring-cloud-c").Settings.Online
		require.Equal(t, c.want, settings.Online{Delay: got.Delay, HealthPath: got.HealthPath}, "%s with rule %q", c.labels, c.rule)
		require.Equal(t, c.beaten, told(p, "goes before the rule: the rule's delay does nothing there"), "%s with rule %q", c.labels, c.rule)
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
		require.Equal(t, c.want, workload(t, p, "spring-cloud-c").Settings.Online.Warmup, "%s with rule %q", c.labels, c.rule)
		require.Equal(t, c.beaten, told(p, "goes before the rule"), "%s with rule %q", c.labels, c.rule)
	}
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
