package manifests

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/internal/input"
)

// pod is a Deployment with these labels, annotations and environment.
func pod(labels, annotations, env string) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: b}
spec:
  selector: {matchLabels: {app: b}}
  template:
    metadata:
      labels: {app: b, %s}
      annotations: {%s}
    spec:
      containers: [{name: b, image: spring-cloud-b, env: [%s]}]
`, labels, annotations, env)
}

func resolve(t *testing.T, labels, annotations, env string) (Workload, []Finding) {
	t.Helper()
	s, err := Load([]input.Source{{Name: "m.yaml", Data: []byte(pod(labels, annotations, env))}}, Options{})
	require.NoError(t, err)
	return s.Workloads[0], s.Warnings
}

func ptr[T any](v T) *T { return &v }

func TestEverySwitchFromEveryPlace(t *testing.T) {
	cases := []struct {
		name, value string
		want        Switches
	}{
		{"msePilotAutoEnable", "on", Switches{Governed: ptr(true)}},
		{"msePilotCreateAppName", "shop", Switches{AppName: "shop"}},
		{"alicloud.service.tag", "gray", Switches{Tag: "gray"}},
		{"micro.service.shutdown.server.enable", "false", Switches{OfflineServer: ptr(false)}},
		{"profiler.micro.service.http.server.enable", "false", Switches{HTTPServer: ptr(false)}},
		{"profiler.micro.service.graceful.shutdown.enable", "False", Switches{GracefulShutdown: ptr(false)}},
		{"profiler.micro.service.tag.trace.enable", "true", Switches{TraceTag: ptr(true)}},
		{"mse.lossless.enable", "true", Switches{LosslessOnline: ptr(true)}},
		{"mse.lossless.warmupTime", "120", Switches{WarmupTime: ptr(120 * time.Second)}},
		{"mse.lossless.funcType", "2", Switches{WarmupCurve: ptr(2.0)}},
		{"mse.lossless.delayTime", "20", Switches{DelayTime: ptr(20 * time.Second)}},
		{"mse.lossless.notice", "true", Switches{Notice: ptr(true)}},
		{"polarismesh.cn/javaagent", "true", Switches{PolarisAgent: ptr(true)}},
		{"polarismesh.cn/javaagentFrameworkName", "spring-cloud", Switches{}},
		{"polarismesh.cn/javaagentFrameworkVersion", "hoxton", Switches{}},
		{"polarismesh.cn/javaagentVersion", "1.7.0", Switches{}},
		{"spring.cloud.polaris.lossless.enabled", "true", Switches{Polaris: ptr(true)}},
		{"spring.cloud.polaris.lossless.delay-register-interval", "30000", Switches{PolarisDelay: ptr(30 * time.Second)}},
		{"spring.cloud.polaris.lossless.health-check-path", "/up", Switches{HealthPath: "/up"}},
		{"spring.cloud.polaris.lossless.health-check-interval", "5000", Switches{HealthInterval: ptr(5 * time.Second)}},
		{"spring.cloud.polaris.lossless.port", "28080", Switches{}},
		{"dubbo.provider.delay", "1500", Switches{DubboDelay: ptr(1500 * time.Millisecond)}},
		{"dubbo.service.delay", "1500", Switches{DubboDelay: ptr(1500 * time.Millisecond)}},
		{"dubbo.provider.warmup", "600000", Switches{DubboWarmup: ptr(10 * time.Minute)}},
		{"dubbo.service.warmup", "600000", Switches{DubboWarmup: ptr(10 * time.Minute)}},
		{"spring.cloud.nacos.discovery.server-addr", "nacos-server:8848", Switches{RegistryAddress: "nacos-server:8848"}},
		{"dubbo.registry.address", "nacos://nacos-server:8848", Switches{RegistryAddress: "nacos://nacos-server:8848"}},
	}
	covered := []string{polarisConfig}
	for _, c := range cases {
		covered = append(covered, c.name)
		pair := fmt.Sprintf("%q: %q", c.name, c.value)
		places := map[string][3]string{
			"label": {pair}, "annotation": {"", pair}, "variable": {"", "", fmt.Sprintf("{name: %q, value: %q}", c.name, c.value)},
		}
		if !strings.Contains(c.name, "javaagent") {
			places["agent's JSON"] = [3]string{"", fmt.Sprintf(`%q: '{%q: %q}'`, polarisConfig, c.name, c.value)}
		}
		for place, at := range places {
			t.Run(c.name+" as "+place, func(t *testing.T) {
				w, _ := resolve(t, at[0], at[1], at[2])
				require.Equal(t, c.want, w.Switches)
			})
		}
	}
	for _, name := range switchNames() {
		require.Contains(t, covered, name, "a row of the table without a test")
		require.True(t, family(name) || name == "spring.cloud.nacos.discovery.server-addr", "%s belongs to no family", name)
	}
}

func TestLabelTakesPrecedence(t *testing.T) {
	w, warnings := resolve(t, `alicloud.service.tag: blue`, `alicloud.service.tag: gray`, `{name: alicloud.service.tag, value: green}`)
	require.Equal(t, "blue", w.Tag)
	require.Len(t, warnings, 2)
	require.Equal(t, `alicloud.service.tag is set to "blue" as label and to "gray" as annotation; the label takes precedence`, warnings[1].Text)
}

func TestUnknownSwitches(t *testing.T) {
	for name, nearest := range map[string]string{
		"mse.lossless.warmuptime":                  "did you mean mse.lossless.warmupTime?",
		"msePilotAutoEnabled":                      "did you mean msePilotAutoEnable?",
		"micro.service.shutdown.server.enabled":    "did you mean micro.service.shutdown.server.enable?",
		"spring.cloud.polaris.lossless.enable":     "did you mean spring.cloud.polaris.lossless.enabled?",
		"alicloud.service.tags":                    "did you mean alicloud.service.tag?",
		"profiler.micro.service.http.server.enabe": "did you mean profiler.micro.service.http.server.enable?",
	} {
		_, warnings := resolve(t, "", fmt.Sprintf("%q: x", name), "")
		require.Equal(t, []Finding{{"m.yaml", 9, fmt.Sprintf("unknown switch %q has no effect", name), nearest}}, warnings)
	}
	_, warnings := resolve(t, "", `prometheus.io/scrape: "true"`, `{name: JAVA_HOME, value: /jre}`)
	require.Empty(t, warnings, "names outside the families are not switches")
}

func TestSwitchesThatNeedAnother(t *testing.T) {
	_, warnings := resolve(t, `mse.lossless.warmupTime: "60"`, "", "")
	require.Len(t, warnings, 1)
	require.Contains(t, warnings[0].Fix, "mse.lossless.enable")
	_, warnings = resolve(t, "", `spring.cloud.polaris.lossless.health-check-path: /up`, "")
	require.Len(t, warnings, 1)
}

func TestRegistryHost(t *testing.T) {
	for address, want := range map[string]string{
		"": "", "nacos-server": "nacos-server", "nacos-server:8848": "nacos-server", "nacos://nacos-server:8848?group=x": "nacos-server",
		"http://10.0.0.5:8848/nacos": "10.0.0.5",
	} {
		require.Equal(t, want, Switches{RegistryAddress: address}.Host(), address)
	}
}

func TestTableHasNoNameTwice(t *testing.T) {
	names := switchNames()
	slices.Sort(names)
	require.Equal(t, len(names), len(slices.Compact(names)))
}
