//go:build bench

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
)

// benchSummary is the part of summary.json that the figures are read from.
type benchSummary struct {
	Verdict   string   `json:"verdict"`
	Reasons   []string `json:"reasons"`
	Generator struct {
		Due, Sent, Unsent int
		RateErrorPercent  float64 `json:"rateErrorPercent"`
		SlipP99Ms         float64 `json:"slipP99Ms"`
	} `json:"generator"`
	Arms map[string]arm `json:"arms"`
}

type arm struct {
	Due, Unsent, Sent, OK, Lost, Masked, Unexplained int
	PredictedLost                                    []int `json:"predictedLost"`
	StaleRouteMs                                     float64
	ServiceMs                                        struct{ P50, P99, Max float64 } // from sent
}

// outcome is one run of the command.
type outcome struct {
	benchSummary
	dir  string
	code int
	wall time.Duration
}

// runAndRead executes `zeroloss run args…` in a fresh run directory.
func runAndRead(t *testing.T, args ...string) outcome {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	cmd := exec.Command(zeroloss, append([]string{"run", "--out", dir, "--json"}, args...)...)
	var errs strings.Builder
	cmd.Stderr = &errs
	began := time.Now()
	out, err := cmd.Output()
	o := outcome{dir: dir, wall: time.Since(began), code: cmd.ProcessState.ExitCode()}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	require.NoError(t, json.Unmarshal(out, &o.benchSummary), "%s", errs.String())
	return o
}

// steadyScenario is a scenario without a release: the chain under load, nothing else.
func steadyScenario(t *testing.T, rate int, duration time.Duration) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "steady.yaml")
	text := fmt.Sprintf(`apiVersion: zeroloss/v1
kind: Scenario
metadata: {name: steady, title: "The chain under load, nothing released"}
spec:
  manifests: [mse-demo.yaml]
  time: {start: "00:00:30", duration: %s}
  load:
    - {name: base, arm: base, tag: "", rate: %d/s, request: GET /A/a}
  expect:
    - {arm: base, metric: lost, is: 0, role: gate}
`, duration, rate)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

func TestBenchScenarios(t *testing.T) {
	for _, c := range []struct {
		scenario string
		times    int
	}{{"offline", 5}, {"crossover", 3}, {"rolling", 3}, {"crash", 3}, {"sleep-only", 3}} {
		for i := range c.times {
			o := runAndRead(t, c.scenario)
			for _, name := range []string{"base", "gray"} {
				a := o.Arms[name]
				require.Equal(t, a.Sent, a.OK+a.Lost, "%s %s", c.scenario, name)
				t.Logf("%-10s %d: %-7s %5.1fs %s lost %d of %d, predicted %v, masked %d, unexplained %d",
					c.scenario, i+1, o.Verdict, o.wall.Seconds(), name, a.Lost, a.Sent, a.PredictedLost, a.Masked, a.Unexplained)
			}
			if o.Verdict != "pass" {
				t.Errorf("%s run %d: %s %v", c.scenario, i+1, o.Verdict, o.Reasons)
			}
		}
	}
}

func TestBenchPacing(t *testing.T) {
	g := runAndRead(t, steadyScenario(t, 500, time.Minute)).Generator
	t.Logf("500 rps, 60 s, whole chain up: rate error %.3f %%, slip p99 %.2f ms, unsent %d of %d",
		g.RateErrorPercent, g.SlipP99Ms, g.Unsent, g.Due)
}

// TestBenchHighestRate looks for the highest rate at which a run of 10 s is
// not invalid, within 5 %.
func TestBenchHighestRate(t *testing.T) {
	fit := func(rate int) bool {
		o := runAndRead(t, steadyScenario(t, rate, 10*time.Second))
		t.Logf("%5d rps: %-7s slip p99 %.1f ms, rate error %.2f %%, unsent %d, lost %d",
			rate, o.Verdict, o.Generator.SlipP99Ms, o.Generator.RateErrorPercent, o.Generator.Unsent, o.Arms["base"].Lost)
		return o.Verdict != "invalid"
	}
	low, high := 500, 0
	for rate := 1000; high == 0; rate *= 2 {
		if fit(rate) {
			low = rate
		} else {
			high = rate
		}
	}
	for high-low > low/20 {
		if mid := (low + high) / 2; fit(mid) {
			low = mid
		} else {
			high = mid
		}
	}
	t.Logf("highest rate before invalid: %d rps", low)
}

// TestBenchLoadSide compares requests per CPU second with the vegeta command,
// on the same target, in turn.
func TestBenchLoadSide(t *testing.T) {
	target := startBareChain(t, 1)
	vegeta := filepath.Join(t.TempDir(), "vegeta")
	build := exec.Command("go", "build", "-o", vegeta, "github.com/tsenart/vegeta/v12")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)

	const rate, seconds = 3000, 10
	perCPU := func(cmd *exec.Cmd) float64 {
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		u := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		cpu := time.Duration(u.Utime.Nano() + u.Stime.Nano())
		return rate * seconds / cpu.Seconds()
	}
	var ratios []float64
	for i := range 5 {
		ours := perCPU(exec.Command(zeroloss, "load", target, "--rate", fmt.Sprintf("%d/s", rate),
			"--duration", fmt.Sprintf("%ds", seconds), "--out", filepath.Join(t.TempDir(), "log")))
		attack := exec.Command(vegeta, "attack", "-rate", fmt.Sprint(rate), "-duration", fmt.Sprintf("%ds", seconds),
			"-timeout", "2500ms", "-output", filepath.Join(t.TempDir(), "bin"))
		attack.Stdin = strings.NewReader("GET " + target)
		theirs := perCPU(attack)
		ratios = append(ratios, ours/theirs)
		t.Logf("%d: ours %.0f, vegeta %.0f requests per CPU second: ratio %.2f", i+1, ours, theirs, ours/theirs)
	}
	t.Logf("load side: median ratio %.2f (want at least 0.90)", median(ratios))
}

// TestBenchChain compares the chain's median latency with that of a bare
// net/http chain of the same length under the same load, in turn.
func TestBenchChain(t *testing.T) {
	const rate, seconds = 200, 15
	bare := startBareChain(t, 4)
	var ratios []float64
	for i := range 3 {
		ours := runAndRead(t, steadyScenario(t, rate, seconds*time.Second)).Arms["base"].ServiceMs.P50
		cmd := exec.Command(zeroloss, "load", bare, "--rate", fmt.Sprintf("%d/s", rate), "--duration", fmt.Sprintf("%ds", seconds), "--json")
		out, err := cmd.Output()
		require.NoError(t, err, "%s", out)
		var got struct {
			LatencyMs struct{ P50 float64 } `json:"latencyMs"`
		}
		require.NoError(t, json.Unmarshal(out, &got))
		ratios = append(ratios, ours/got.LatencyMs.P50)
		t.Logf("%d: chain p50 %.2f ms, bare %.2f ms: ratio %.2f", i+1, ours, got.LatencyMs.P50, ours/got.LatencyMs.P50)
	}
	t.Logf("chain: median ratio %.2f (want at most 1.30)", median(ratios))
}

// TestBenchChildren tells how quickly a demo service comes up as a child of a
// run, and what it costs idle.
func TestBenchChildren(t *testing.T) {
	o := runAndRead(t, steadyScenario(t, 1, 5*time.Second))
	files, err := filepath.Glob(filepath.Join(o.dir, "events", "spring-cloud-*.ndjson"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	harness := readEvents(t, filepath.Join(o.dir, "events", "harness.ndjson"))
	var listening, registered []float64
	for _, file := range files {
		for _, e := range readEvents(t, file) {
			began := slices.IndexFunc(harness, func(h record.Event) bool {
				return h.Kind() == record.KindContainerStarted && h.Instance == e.Instance
			})
			require.GreaterOrEqual(t, began, 0, "%s was never started", e.Instance)
			took := float64(e.At.Sub(harness[began].At).Microseconds()) / 1000
			switch e.Kind() {
			case record.KindListening:
				listening = append(listening, took)
			case record.KindRegistered:
				registered = append(registered, took)
			}
		}
	}
	t.Logf("%d children started at once: listening after %.0f ms (median), %.0f ms (slowest; want at most 150); registered after %.0f ms, %.0f ms (450)",
		len(files), median(listening), slices.Max(listening), median(registered), slices.Max(registered))
}

// TestBenchIdle prints the resident memory of the parts when nothing happens.
func TestBenchIdle(t *testing.T) {
	port := func(addr string) string { _, p, _ := net.SplitHostPort(addr); return p }
	registryPort := port(freeAddr(t))
	parts := []*exec.Cmd{
		exec.Command(zeroloss, "registry", "--port", registryPort),
		exec.Command(zeroloss, "service", "c", "--registry", "127.0.0.1:"+registryPort, "--port", port(freeAddr(t)), "--offline", "deregister-first"),
	}
	for _, cmd := range parts {
		require.NoError(t, cmd.Start())
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		awaitDial(t, "127.0.0.1:"+registryPort)
	}
	time.Sleep(3 * time.Second) // idle is what is measured
	for _, cmd := range parts {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
		require.NoError(t, err)
		for line := range strings.Lines(string(status)) {
			if strings.HasPrefix(line, "VmRSS") {
				t.Logf("%s idle: %s", cmd.Args[1], strings.Join(strings.Fields(line)[1:], " "))
			}
		}
	}
}

func readEvents(t *testing.T, file string) []record.Event {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	events, _, err := record.ReadEvents(f)
	require.NoError(t, err)
	return events
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}
