package plan

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/scenarios/spec"
)

// withHook compiles the demo with a preStop hook of B, whose adaptive wait is off.
func withHook(t *testing.T, script string) (*Plan, error) {
	t.Helper()
	m := demo(t)
	s := bare(t, m)
	off := false
	b := spec.WorkloadOverride{PreStop: &script, AdaptiveWait: &off, Offline: "lossless"}
	s.Spec.Set = map[string]spec.WorkloadOverride{"spring-cloud-b": b, "spring-cloud-b-gray": b}
	return Compile(s, m, Options{Speed: 1})
}

func TestPlanCountsWhatAHookDoes(t *testing.T) {
	const offline = "curl -s http://127.0.0.1:54199/offline"
	for _, c := range []struct {
		script, shown string
		margin        time.Duration
		warning       string // "": none about the hook
	}{
		{offline + "; sleep 30", "calls /offline, sleeps 30s", 30 * time.Second, ""},
		{"sleep 30; " + offline, "sleeps 30s, calls /offline", 0, ""},
		{"sleep 20; " + offline + "; sleep 30", "sleeps 20s, calls /offline, sleeps 30s", 30 * time.Second, ""},
		{"echo see docs/offline.md; sleep 30", "sleeps 30s", 0, ""},
		{"curl -X PUT http://localhost:28080/offline && sleep 20", "sleeps 20s", 0, "calls /offline on port 28080, which is closed (/offline of this workload is on port 54199)"},
		{"# sleep 60 was too long\n" + offline + "\nsleep 10", "calls /offline, sleeps 10s", 10 * time.Second, ""},
		{offline + "; for i in $(seq 10); do sleep 3; done", "calls /offline, sleeps 30s", 30 * time.Second, ""},
		{offline + "; sleep $(cat /tmp/delay)", "calls /offline, unknown before the run", 0, "is decided in the run: GET 127.0.0.1:54199/offline, sleep unknown"},
		{offline + "; sleep", "calls /offline", 0, `sleep requires a time, so it fails`},
		{offline + "; sleep 300", "calls /offline, sleeps 5m", 90 * time.Second, "sleeps 5m0s, but its grace period"},
		{"sleep 80; " + offline + "; sleep 30", "sleeps 1m20s, calls /offline, sleeps 30s", 10 * time.Second, "sleeps 1m50s, but its grace period"},
	} {
		p, err := withHook(t, c.script)
		require.NoError(t, err, c.script)
		require.Equal(t, c.margin, p.Margin.Shortest, c.script)
		require.Contains(t, p.String(), "  "+c.shown+"  ", c.script)
		var warnings []string
		for _, w := range p.Warnings {
			if strings.Contains(w.Text, "the preStop hook of spring-cloud-b ") || strings.Contains(w.Text, "the preStop hook of spring-cloud-b,") {
				warnings = append(warnings, w.String())
			}
		}
		if c.warning == "" {
			require.Empty(t, warnings, c.script)
			continue
		}
		require.Len(t, warnings, 1, c.script)
		require.Contains(t, warnings[0], c.warning, c.script)
	}
}

func TestHooksThatCannotRunAreProblems(t *testing.T) {
	for script, want := range map[string]string{
		"sleep 1\nnginx -s quit":                        `line 2: "nginx": the command is not available in a run (kill -TERM 1 stops the service)`,
		"/app/prestop.sh":                               `line 1: "/app/prestop.sh"`,
		"curl --bogus http://127.0.0.1:54199/offline":   `line 1: "--bogus": unsupported option --bogus`,
		"kill -USR1 1":                                  `line 1: "-USR1": the service handles only the signal TERM`,
		"curl -s 127.0.0.1:54199/offline > /var/log/x":  `line 1: "/var/log/x": only /tmp can be written (write to /tmp/x`,
		"python3 -c 'import urllib'; jcmd 1 VM.version": `line 1: "jcmd"`,
	} {
		_, err := withHook(t, script)
		require.ErrorContains(t, err, "the preStop hook of spring-cloud-b, ", script)
		require.ErrorContains(t, err, want, script)
		require.NotContains(t, err.Error(), "can never hold", "a hook is no reason to doubt the jobs")
	}
}
