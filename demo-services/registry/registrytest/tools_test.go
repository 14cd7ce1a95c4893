package registrytest_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry"
	"zeroloss/demo-services/registry/embedded"
	"zeroloss/demo-services/registry/registrytest"
)

// brokenBy is the environment variable that tells a process of this test how its
// server is broken.
const brokenBy = "ZEROLOSS_TEST_BROKEN"

// broken lists servers that violate the contract, and the check that must fail.
var broken = []struct {
	name  string
	check string
	with  embedded.Options
	fault registry.Fault
}{
	{name: "pushes too early", check: "05", with: embedded.Options{Timing: registry.Timing{PushDelay: 100 * time.Millisecond}}},
	{name: "never pushes", check: "06", fault: registry.Fault{Drop: true}},
	{name: "loses overlays", check: "15", with: embedded.Options{Timing: registry.Timing{OverlayTTL: -1}}},
	{name: "retries too early", check: "W3", with: embedded.Options{Timing: registry.Timing{AckTimeout: time.Second}}},
	{name: "ejects too early", check: "W6", with: embedded.Options{ConnIdleLimit: time.Second}},
}

// TestTheContractFires runs checks against broken servers, in processes of their
// own, as they must fail.
func TestTheContractFires(t *testing.T) {
	for _, b := range broken {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestBroken$/^"+b.check)
			cmd.Env = append(os.Environ(), brokenBy+"="+b.name)
			out, err := cmd.CombinedOutput()
			require.ErrorContains(t, err, "exit status 1")
			require.Contains(t, string(out), "--- FAIL: TestBroken/"+b.check)
		})
	}
}

// TestBroken is the test in those processes.
func TestBroken(t *testing.T) {
	for _, b := range broken {
		if b.name == os.Getenv(brokenBy) {
			s, err := embedded.Start(b.with)
			require.NoError(t, err)
			defer s.Close()
			s.SetFault("", b.fault)
			registrytest.Run(t, registrytest.Target{Host: s.Host(), Port: s.Port(), GRPCPort: s.GRPCPort(), PushDelay: 500 * time.Millisecond})
			return
		}
	}
	t.Skip("runs only as a part of TestTheContractFires")
}

func TestTable(t *testing.T) {
	ms := time.Millisecond
	got := registrytest.Table(
		registrytest.Column{Name: "one", Results: []registrytest.Result{
			{ID: "02", Check: "b", Outcome: "ok", Measured: "x", Took: 551 * ms, Pushes: []time.Duration{540 * ms, 551 * ms, 601 * ms}},
			{ID: "01", Check: "a", Outcome: "ok"},
			{ID: "03", Check: "c", Outcome: "skipped"},
			{},
		}},
		registrytest.Column{Name: "two", Results: []registrytest.Result{
			{ID: "01", Check: "a", Outcome: "ok"},
			{ID: "02", Check: "b", Outcome: "failed"},
		}},
		registrytest.Column{},
	)
	require.Equal(t, strings.TrimSpace(`
| # | check | measured | one, ms | two, ms |
|---|---|---|---:|---:|
| 01 | a |  | ok | ok |
| 02 | b | x | 551 | failed |
| 03 | c |  | skipped | – |
| | all pushes | change to callback, p50 / p90 / max | 551 / 601 / 601 (3) | 0 / 0 / 0 (0) |
`), got)
}

func TestReadPushLog(t *testing.T) {
	const log = `2026-01-01 10:00:00,001 INFO [PUSH] Task merge for Service{namespace='public', group='DEFAULT_GROUP', name='b', ephemeral=true, revision=0}

2026-01-01 10:00:00,551 INFO [PUSH-SUCC] 2ms, all delay time 553ms, SLA 551ms, Service{namespace='public', group='DEFAULT_GROUP', name='b', ephemeral=true, revision=1}, originalSize=1, DataSize=1, target=127.0.0.1

2026-01-01 10:00:00,551 INFO [PUSH-SUCC] 1ms, all delay time 540ms for subscriber 127.0.0.1, Service{namespace='public', group='DEFAULT_GROUP', name='b', ephemeral=true, revision=1}, originalSize=1, DataSize=1
`
	got, err := registrytest.ReadPushLog(strings.NewReader(log))
	require.NoError(t, err)
	ms := time.Millisecond
	require.Equal(t, []registrytest.Pushed{{Service: "b", Net: 2 * ms, Delay: 553 * ms, SLA: 551 * ms}}, got)

	_, err = registrytest.ReadPushLog(strings.NewReader("[PUSH-SUCC] 9999999999999999999ms, all delay time 1ms, SLA 1ms, Service{name='b'"))
	require.ErrorContains(t, err, "parsing push log line")
}
