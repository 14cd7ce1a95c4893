package registrytest_test

import (
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry"
	"zeroloss/demo-services/registry/embedded"
	"zeroloss/demo-services/registry/registrytest"
	"zeroloss/loadgen/record"
)

// TestContract holds the embedded server and, where there is one, a real Nacos
// to the same contract, and shows what each thing took on either.
func TestContract(t *testing.T) {
	var mine, its registrytest.Column
	t.Run("servers", func(t *testing.T) {
		// The real one first, and alone: when it starts it takes all there is.
		t.Run("real", func(t *testing.T) {
			if testing.Short() {
				t.Skip("a real server takes a minute")
			}
			n := registrytest.StartNacos(t)
			t.Logf("up after %v", n.Boot.Round(time.Millisecond))
			t.Parallel()
			its = hold(t, n.Target())
			agree(t, its, delaysOf(t, n.PushLog()), n.Target().PushDelay)
		})
		t.Run("embedded", func(t *testing.T) {
			target, delays := startEmbedded(t)
			t.Parallel()
			mine = hold(t, target)
			agree(t, mine, delays(), target.PushDelay)
		})
	})
	t.Log("\n" + registrytest.Table(mine, its))
}

func hold(t *testing.T, target registrytest.Target) registrytest.Column {
	return registrytest.Column{Name: target.Name, Results: registrytest.Run(t, target)}
}

// agree holds what subscribers measured against the server's own account.
func agree(t *testing.T, c registrytest.Column, server []time.Duration, delay time.Duration) {
	t.Helper()
	ours := c.Pushes()
	mine, its := registrytest.Quantile(ours, 0.5), registrytest.Quantile(server, 0.5)
	t.Logf("from change to callback, as subscribers saw it: %v (median of %d); to acknowledgement, as %s says: %v (median of %d)",
		mine.Round(time.Millisecond), len(ours), c.Name, its.Round(time.Millisecond), len(server))
	if slices.ContainsFunc(c.Results, func(r registrytest.Result) bool { return r.Outcome == "" }) {
		t.Log("not all checks ran: too little to compare")
		return
	}
	require.Greater(t, len(ours), 20)
	require.Greater(t, len(server), len(ours), "a push to each subscriber")
	const tick, slack = 100 * time.Millisecond, 300 * time.Millisecond
	for _, m := range []time.Duration{mine, its} {
		require.GreaterOrEqual(t, m, delay)
		require.LessOrEqual(t, m, delay+tick+slack)
	}
	require.InDelta(t, mine.Seconds(), its.Seconds(), tick.Seconds())
}

// startEmbedded starts our server; what it returns beside tells how long each
// push of a change took, until it was acknowledged.
func startEmbedded(t *testing.T) (registrytest.Target, func() []time.Duration) {
	t.Helper()
	var mu sync.Mutex
	var delays []time.Duration
	s, err := embedded.Start(embedded.Options{
		Timing: registry.Timing{OverlayTTL: registrytest.OverlayTTL},
		OnEvent: func(e record.Event) {
			if p, ok := e.Payload.(record.Push); ok && p.Reason == registry.Changed {
				mu.Lock()
				defer mu.Unlock()
				delays = append(delays, e.At.Sub(p.FirstChange))
			}
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return registrytest.Target{
			Name: "embedded", Host: s.Host(), Port: s.Port(), GRPCPort: s.GRPCPort(), PushDelay: 500 * time.Millisecond,
			Down: func(t testing.TB) { require.NoError(t, s.Down()) },
			Up:   func(t testing.TB) { require.NoError(t, s.Up()) },
		}, func() []time.Duration {
			mu.Lock()
			defer mu.Unlock()
			return delays
		}
}

func delaysOf(t *testing.T, log string) []time.Duration {
	t.Helper()
	f, err := os.Open(log)
	require.NoError(t, err)
	defer f.Close()
	pushes, err := registrytest.ReadPushLog(f)
	require.NoError(t, err)
	var out []time.Duration
	for _, p := range pushes {
		out = append(out, p.Delay)
	}
	return out
}
