package format

import (
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
	"zeroloss/reports"
	"zeroloss/reports/expect"
	"zeroloss/reports/gate"
	"zeroloss/reports/ledger"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/plan"
)

func TestInt(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -4200: "−4,200"} {
		require.Equal(t, want, Int(n))
	}
}

func TestMs(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0", 90 * time.Microsecond: "0.09", 3100 * time.Microsecond: "3.1", 548 * time.Millisecond: "548", 2 * time.Minute: "120,000"} {
		require.Equal(t, want, Ms(d))
	}
}

func TestShareIsNeverRoundedToCertainty(t *testing.T) {
	for p, want := range map[float64]string{1: "100 %", 0.9999: "over 99 %", 0.95: "95 %", 0.0053: "0.53 %", 0.00043: "0.043 %", 0: "0 %"} {
		require.Equal(t, want, Share(p))
	}
}

func TestBound(t *testing.T) {
	for name, c := range map[string]struct {
		arm  ledger.Arm
		want []string
	}{
		"nothing sent": {ledger.Arm{}, []string{"nothing is known"}},
		"zero":         {ledger.Arm{Sent: 7000, Releases: 1, LossUpper95: 3.0 / 7000, ReleaseLossUpper95: 0.95}, []string{"0 of 1 release", "95 % of releases", "0 of 7,000", "0.043 %"}},
		"no release":   {ledger.Arm{Sent: 7000, LossUpper95: 3.0 / 7000}, []string{"says nothing about releases"}},
		"lossy":        {ledger.Arm{Sent: 7000, Lost: 27, Releases: 2, ByWindow: map[ledger.Window]int{ledger.DrainCut: 1, ledger.StaleRoute: 26}, ByHop: map[string]int{"a->b": 27}}, []string{"In 2 releases: 26 stale-route, 1 drain-cut; at a → b."}},
	} {
		for _, w := range c.want {
			require.Contains(t, Bound(c.arm), w, name)
		}
	}
}

func TestVerdictClaimsContrastOnlyWhereThereIsOne(t *testing.T) {
	with := gate.Result{Verdict: gate.Pass, Expectations: []gate.Outcome{{Expectation: expect.Expectation{Role: expect.Contrast}}}}
	require.Contains(t, Verdict(with), "could have seen a loss")
	require.Contains(t, Verdict(gate.Result{Verdict: gate.Pass}), "nothing shows")
	require.Contains(t, Verdict(gate.Result{}), "proves nothing", "no verdict is no pass")
}

func TestSwitchIsThatOfTheReleased(t *testing.T) {
	of := func(name, mode string) plan.Workload {
		return plan.Workload{Name: name, Settings: settings.Document{Offline: settings.Offline{Mode: mode}}}
	}
	r := &reports.Report{Ledger: &ledger.Ledger{}, Plan: &plan.Plan{
		Workloads:     []plan.Workload{of("b", ""), of("b-gray", settings.Lossless), of("c", settings.Lossless)},
		Arms:          []plan.Arm{{Name: "base", Workloads: []string{"b", "c"}}, {Name: "gray", Workloads: []string{"b-gray", "c"}}},
		ScheduledJobs: []plan.ScheduledJob{{Workload: "b"}, {Workload: "b-gray"}},
	}}
	require.Equal(t, "lossless off (deregister-first)", Switch(r, "base"), "as planned, where nothing was released")
	require.Equal(t, "lossless on", Switch(r, "gray"))
	r.Ledger.Releases = []ledger.Release{{Workload: "c", Arms: []string{"base"}}}
	require.Equal(t, "lossless on", Switch(r, "base"), "as it was")
	r.Plan = nil
	require.Empty(t, Switch(r, "base"))
}

func TestNothingSentIsNotZeroLost(t *testing.T) {
	require.Equal(t, "base sent nothing.", Headline(&ledger.Ledger{Arms: []ledger.Arm{{Name: "base"}}}))
}

func TestStaleRoute(t *testing.T) {
	at := func(d time.Duration) *time.Duration { return &d }
	from, to, ok := StaleRoute(ledger.Release{Deregistered: at(3 * time.Second), LastAttempt: at(4 * time.Second), LastHeard: at(5 * time.Second)})
	require.True(t, ok)
	require.Equal(t, [2]time.Duration{3 * time.Second, 4 * time.Second}, [2]time.Duration{from, to})
	for _, rel := range []ledger.Release{{}, {Deregistered: at(1)}, {LastAttempt: at(1)}, {Deregistered: at(2), LastAttempt: at(1)}} {
		_, _, ok = StaleRoute(rel)
		require.False(t, ok)
	}
}

func TestEnd(t *testing.T) {
	require.Equal(t, time.Second, End(&ledger.Ledger{}))
	require.Equal(t, 70*time.Second, End(&ledger.Ledger{Duration: 69_991 * time.Millisecond}))
	require.Equal(t, 72*time.Second, End(&ledger.Ledger{Duration: 70 * time.Second, Losses: []ledger.Loss{{Done: 71_100 * time.Millisecond}}}))
}

func TestShortPod(t *testing.T) {
	require.Equal(t, "b-gray-1", ShortPod(record.Instance{Pod: "spring-cloud-b-gray-1", Incarnation: 1}))
	require.Equal(t, "web-1/2", ShortPod(record.Instance{Pod: "web-1", Incarnation: 2}))
}

func TestPalette(t *testing.T) {
	form := regexp.MustCompile(`^#[0-9a-f]{6}$`)
	require.Len(t, Windows(), len(ledger.Windows()))
	for i, w := range ledger.Windows() {
		require.Equal(t, string(w), Windows()[i].Name)
	}
	for _, list := range [][]Colour{Phases(), Arms(), Losses(), Inks(), Windows()} {
		seen := map[string]bool{}
		for _, c := range list {
			require.Regexp(t, form, c.Light, c.Name)
			require.Regexp(t, form, c.Dark, c.Name)
			require.False(t, seen[c.Light] && c.Name != "lost", "%s has the colour of another", c.Name)
			seen[c.Light] = true
		}
	}
}

// TestForeignNames: of a service that is none of ours, only its hook is known,
// and of one that was there before not even that.
func TestForeignNames(t *testing.T) {
	r := &reports.Report{Plan: &plan.Plan{
		Workloads: []plan.Workload{{Name: "a", External: true}, {Name: "b", External: true}, {Name: "c", External: true}},
		Control: control.Config{Workloads: []control.Workload{
			{Name: "a"}, {Name: "b", PreStop: &control.Hook{Sleep: 5 * time.Second}}, {Name: "c", PreStop: &control.Hook{Exec: []string{"x"}}},
		}},
	}, Ledger: &ledger.Ledger{}}
	for workload, want := range map[string]string{"a": "no preStop hook", "b": "preStop sleeps 5s", "c": "a preStop hook"} {
		r.Ledger.Releases = []ledger.Release{{Workload: workload, Arms: []string{"x"}}}
		require.Equal(t, want, Switch(r, "x"))
	}
	r.Plan.Target = &plan.Target{}
	require.Equal(t, "none of ours", Switch(r, "x"))
	require.Equal(t, "not predicted", Prediction(ledger.Arm{Unpredicted: true}))
	require.Equal(t, "predicted 2–3", Prediction(ledger.Arm{PredictedLow: 2, PredictedHigh: 3}))
}
