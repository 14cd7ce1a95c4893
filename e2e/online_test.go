//go:build online

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/reports/expect"
	"zeroloss/reports/summary"
	"zeroloss/scenarios"
)

// onlineCase is a scenario of coming online and the highest --speed at which it
// still keeps its margin and has enough requests in its window for an estimate.
// --speed changes neither the cost of a cold instance nor the request timeout,
// so at a higher speed fewer requests warm an instance.
type onlineCase struct {
	scenario string
	speed    float64
	short    float64                            // in CI's part, which is -short; 0: it is not in it
	shows    func(*testing.T, *summary.Summary) // beside the verdict; may be nil
}

func onlineCases() []onlineCase {
	return []onlineCase{
		{"warmup", 10, 10, followsCurve},
		{"cold-start", 1, 1.5, coldInstancesTimeOut},
		{"edas-preheat", 5, 0, followsCurve},
		{"polaris-online", 4, 0, nil},
		{"too-early", 1, 0, nil},
		{"delay-trap", 1.5, 0, nil},
		{"skew", 3, 0, nil},
		{"ungoverned", 4, 0, nil},
		{"all-cold", 1.5, 0, coldInstancesTimeOut},
	}
}

// TestOnline runs the scenarios of coming online in the local runtime. `make
// online` runs it; ARGS='-run Online/warmup -count 10' runs one scenario ten times.
func TestOnline(t *testing.T) {
	for _, c := range onlineCases() {
		t.Run(c.scenario, func(t *testing.T) {
			speed := c.speed
			if testing.Short() {
				speed = c.short
			}
			if speed == 0 {
				t.Skip("skipped: -short is CI's part; make online has it all")
			}
			c.show(t, speed)
		})
	}
}

func (c onlineCase) show(t *testing.T, speed float64) {
	args := []string{c.scenario, "--speed", fmt.Sprint(speed), "--json"}
	a := measure(t, c.scenario, 4*time.Minute, func() *running {
		return start(t, zeroloss, filepath.Join(t.TempDir(), "run"), args...)
	}, nil)
	a.passed(t) // fails if no attempt measured anything
	var s summary.Summary
	require.NoError(t, json.Unmarshal(a.stdout.Bytes(), &s))
	require.Equal(t, "pass", s.Verdict)
	for _, name := range slices.Sorted(maps.Keys(s.Arms)) {
		arm := s.Arms[name]
		t.Logf("  %s: lost %d of %d, timed out %d, early %s, ready before registered %s", name,
			arm.Lost, arm.Sent, timeouts(arm), valueOrNull(arm.EarlyRequests), valueOrNull(arm.ReadyBeforeRegistered))
		require.Equal(t, "0", valueOrNull(arm.EarlyRequests), "%s: nobody is called before it is registered", name)
	}
	require.Equal(t, "0", valueOrNull(s.Arms["gray"].ReadyBeforeRegistered), "ready means registered; base has not asked for it")
	for _, w := range s.Warmups {
		if w.Exponent != nil {
			t.Logf("  %s for %v: exponent %.3f (%.3f to %.3f) of %s, %d requests", w.Instance, w.Arms,
				w.Exponent.Value, w.Exponent.Low, w.Exponent.High, valueOrNull(w.DeclaredExponent), w.Requests)
		}
	}
	if c.shows != nil {
		c.shows(t, &s)
	}
}

// followsCurve checks that the interval of the exponent contains the configured
// exponent, but not the neighbouring integers.
func followsCurve(t *testing.T, s *summary.Summary) {
	require.Len(t, s.Warmups, 1)
	w := s.Warmups[0]
	require.NotNil(t, w.Exponent, w.Unmeasured)
	require.NotNil(t, w.DeclaredExponent)
	require.GreaterOrEqual(t, w.Requests, 2400, "as many as the promise is made for")
	require.LessOrEqual(t, w.Exponent.Low, *w.DeclaredExponent)
	require.GreaterOrEqual(t, w.Exponent.High, *w.DeclaredExponent)
	require.Greater(t, w.Exponent.Low, *w.DeclaredExponent-1)
	require.Less(t, w.Exponent.High, *w.DeclaredExponent+1)
}

// coldInstancesTimeOut checks that requests to an instance without warm-up time
// out.
func coldInstancesTimeOut(t *testing.T, s *summary.Summary) {
	require.GreaterOrEqual(t, timeouts(s.Arms["base"]), 50)
	require.Zero(t, timeouts(s.Arms["gray"]))
}

func timeouts(a summary.Arm) int {
	return a.ByClass[record.TimeoutConnect] + a.ByClass[record.TimeoutFirstByte] + a.ByClass[record.TimeoutBody]
}

// valueOrNull formats a number, or says that it was not measured.
func valueOrNull[T any](v *T) string {
	if v == nil {
		return "not measured"
	}
	return fmt.Sprint(*v)
}

// TestOnlineIsShownWhole checks that onlineCases contains every scenario with an
// expectation about coming online.
func TestOnlineIsShownWhole(t *testing.T) {
	var promised []string
	for _, name := range scenarios.Names() {
		p, err := scenarios.Prepare(scenarios.Request{Scenario: name, Seed: 1})
		require.NoError(t, err)
		if slices.ContainsFunc(p.Plan.Expect, func(e expect.Expectation) bool { return e.Metric == expect.EarlyRequests }) {
			promised = append(promised, name)
		}
	}
	var shown []string
	for _, c := range onlineCases() {
		shown = append(shown, c.scenario)
	}
	require.ElementsMatch(t, promised, shown)
	require.True(t, slices.ContainsFunc(onlineCases(), func(c onlineCase) bool { return c.short > 0 }), "CI's part is not empty")
}
