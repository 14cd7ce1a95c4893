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

// TestContract checks the embedded server and, if there is one, a real Nacos
// against the same contract, and shows how long each check took on either.
func TestContract(t *testing.T) {
	var ours, nacos registrytest.Column
	t.Run("servers", func(t *testing.T) {
		// Start the real one first and alone: it uses all CPUs while it starts.
		t.Run("real", func(t *testing.T) {
			if testing.Short() {
				t.Skip("a real server takes a minute")
			}
			n := registrytest.StartNacos(t)
			t.Logf("up after %v", n.Boot.Round(time.Millisecond))
			t.Parallel()
			nacos = runContract(t, n.Target())
			requireAgreement(t, nacos, delaysOf(t, n.PushLog()), n.Target().PushDelay)
		})
		t.Run("embedded", func(t *testing.T) {
			target, delays := startEmbedded(t)
			t.Parallel()
			ours = runContract(t, target)
			requireAgreement(t, ours, delays(), target.PushDelay)
		})
	})
	t.Log("\n" + registrytest.Table(ours, nacos))
}

func runContract(t *testing.T, target registrytest.Target) registrytest.Column {
	return registrytest.Column{Name: target.Name, Results: registrytest.Run(t, target)}
}

// requireAgreement compares what subscribers measured with the server's own log.
func requireAgreement(t *testing.T, c registrytest.Column, server []time.Duration, delay time.Duration) {
	t.Helper()
	clients := c.Pushes()
	clientMedian, serverMedian := registrytest.Quantile(clients, 0.5), registrytest.Quantile(server, 0.5)
	t.Logf("from change to callback, at subscribers: %v (median of %d); to acknowledgement, logged by %s: %v (median of %d)",
		clientMedian.Round(time.Millisecond), len(clients), c.Name, serverMedian.Round(time.Millisecond), len(server))
	if slices.ContainsFunc(c.Results, func(r registrytest.Result) bool { return r.Outcome == "" }) {
		t.Log("not all checks ran: too few measurements to compare")
		return
	}
	require.Greater(t, len(clients), 20)
	require.Greater(t, len(server), len(clients), "a push to each subscriber")
	const tick, slack = 100 * time.Millisecond, 300 * time.Millisecond
	for _, m := range []time.Duration{clientMedian, serverMedian} {
		require.GreaterOrEqual(t, m, delay)
		require.LessOrEqual(t, m, delay+tick+slack)
	}
	require.InDelta(t, clientMedian.Seconds(), serverMedian.Seconds(), tick.Seconds())
}

// startEmbedded starts an embedded server. The function that it returns tells how
// long each push of a change took until its acknowledgement.
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
