package present

import (
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

func TestVerdictClaimsContrastOnlyWhereThereIsOne(t *testing.T) {
	with := gate.Result{Verdict: gate.Pass, Expectations: []gate.Outcome{{Expectation: expect.Expectation{Role: expect.Contrast}}}}
	require.Contains(t, verdictMeaning(with), "able to detect losses")
	require.Contains(t, verdictMeaning(gate.Result{Verdict: gate.Pass}), "nothing shows")
	require.Contains(t, verdictMeaning(gate.Result{}), "proves nothing", "no verdict is no pass")
}

func TestShutdownIsThatOfTheReleased(t *testing.T) {
	of := func(name, mode string) plan.Workload {
		return plan.Workload{Name: name, Settings: settings.Document{Offline: settings.Offline{Mode: mode}}}
	}
	r := &reports.Report{Ledger: &ledger.Ledger{}, Plan: &plan.Plan{
		Workloads:     []plan.Workload{of("b", ""), of("b-gray", settings.Lossless), of("c", settings.Lossless)},
		Arms:          []plan.Arm{{Name: "base", Workloads: []string{"b", "c"}}, {Name: "gray", Workloads: []string{"b-gray", "c"}}},
		ScheduledJobs: []plan.ScheduledJob{{Workload: "b"}, {Workload: "b-gray"}},
	}}
	require.Equal(t, "lossless off (deregister-first)", shutdown(r, "base"), "as planned, where nothing was released")
	require.Equal(t, "lossless on", shutdown(r, "gray"))
	r.Ledger.Releases = []ledger.Release{{Workload: "c", Arms: []string{"base"}}}
	require.Equal(t, "lossless on", shutdown(r, "base"), "as it was")
	r.Plan = nil
	require.Empty(t, shutdown(r, "base"))
}

func TestNothingSentIsNotZeroLost(t *testing.T) {
	require.Equal(t, "base sent nothing.", headline(&ledger.Ledger{Arms: []ledger.Arm{{Name: "base"}}}))
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

func TestRunEnd(t *testing.T) {
	require.Equal(t, time.Second, RunEnd(&ledger.Ledger{}))
	require.Equal(t, 70*time.Second, RunEnd(&ledger.Ledger{Duration: 69_991 * time.Millisecond}))
	require.Equal(t, 72*time.Second, RunEnd(&ledger.Ledger{Duration: 70 * time.Second, Losses: []ledger.Loss{{Done: 71_100 * time.Millisecond}}}))
}

func TestShortPod(t *testing.T) {
	require.Equal(t, "b-gray-1", ShortPod(record.Instance{Pod: "spring-cloud-b-gray-1", Incarnation: 1}))
	require.Equal(t, "web-1/2", ShortPod(record.Instance{Pod: "web-1", Incarnation: 2}))
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
		require.Equal(t, want, shutdown(r, "x"))
	}
	r.Plan.Target = &plan.Target{}
	require.Equal(t, "external service", shutdown(r, "x"))
	require.Equal(t, "not predicted", Prediction(ledger.Arm{Unpredicted: true}))
	require.Equal(t, "predicted 2–3", Prediction(ledger.Arm{PredictedLow: 2, PredictedHigh: 3}))
}

func TestOnlyAReportWithALedgerIsPresented(t *testing.T) {
	for _, r := range []*reports.Report{nil, {}} {
		_, err := New(r)
		require.ErrorIs(t, err, ErrNoLedger)
	}
	_, err := New(&reports.Report{Ledger: &ledger.Ledger{}})
	require.NoError(t, err)
}

func TestBounds(t *testing.T) {
	for name, c := range map[string]struct {
		arm  ledger.Arm
		want []string
	}{
		"nothing sent": {ledger.Arm{}, []string{"No request was sent, so nothing is known."}},
		"zero": {ledger.Arm{Sent: 7000, Releases: 1, LossUpper95: 3.0 / 7000, ReleaseLossUpper95: 0.95}, []string{
			"0 of 1 release lost requests: at 95 % confidence, up to 95 % of releases lose requests.",
			"0 of 7,000 requests lost: at 95 % confidence, up to 0.0429 % of requests are lost (1 in 2,333).",
		}},
		"no release": {ledger.Arm{Sent: 7000, LossUpper95: 3.0 / 7000}, []string{
			"No instance was released, so this says nothing about releases.",
			"0 of 7,000 requests lost: at 95 % confidence, up to 0.0429 % of requests are lost (1 in 2,333).",
		}},
	} {
		require.Equal(t, c.want, bounds(&ledger.Ledger{}, c.arm), name)
	}
	lossy := ledger.Arm{Sent: 7000, Lost: 27, Releases: 2, ByWindow: map[ledger.Window]int{ledger.DrainCut: 1, ledger.StaleRoute: 26}, ByHop: map[string]int{"a->b": 27}}
	require.Equal(t, "In 2 releases: 26 stale-route, 1 drain-cut; at a→b.", whereLost(lossy))
}

func TestLossGroups(t *testing.T) {
	b1, b2 := record.Instance{Pod: "b-1", Incarnation: 1}, record.Instance{Pod: "b-2", Incarnation: 1}
	at := func(s float64, arm string, rel record.Instance) ledger.Loss {
		return ledger.Loss{Due: time.Duration(s * float64(time.Second)), Arm: arm, Hop: "a->b", Class: record.Refused, Callee: rel, Release: rel, Window: ledger.StaleRoute}
	}
	groups := lossGroups([]ledger.Loss{at(1, "base", b1), at(1.2, "gray", b2), at(1.9, "base", b1), at(3.9, "base", b1), at(6, "base", b1), at(6, "base", record.Instance{})})
	var sizes []int
	for _, g := range groups {
		sizes = append(sizes, len(g.Losses))
	}
	require.Equal(t, []int{3, 1, 1, 1}, sizes, "each loss is in one group; a pause of more than 2 s begins another")
	require.Equal(t, "base: a→b refused, addressed to b-1/1 (stale-route)", groups[0].Title)
	require.Equal(t, "3 requests lost, +1.000 s to +3.900 s", groups[0].Extent)
	require.Equal(t, "1 request lost, +1.200 s", groups[1].Extent)
	require.Equal(t, "base: a→b refused (stale-route)", groups[3].Title)
	elsewhere := at(1, "base", b1)
	elsewhere.Release = b2
	require.Equal(t, "base: a→b refused, addressed to b-1/1, during the release of b-2/1 (stale-route)", lossGroups([]ledger.Loss{elsewhere})[0].Title)
}

func TestUnmeasuredIsNotZero(t *testing.T) {
	r := &reports.Report{Ledger: &ledger.Ledger{Arms: []ledger.Arm{{Name: "base", Releases: 1}}}}
	cells := map[string]string{}
	table := figures(r)
	for _, g := range table.Groups {
		for _, row := range g.Rows {
			cells[row.Label] = row.Cells[0]
		}
	}
	require.Equal(t, NotMeasured, cells[MaskedLabel])
	require.Equal(t, NotMeasured, cells["longest stale route"])
	require.Equal(t, noValue, cells["longest outage"], "no request was ok")
	require.Equal(t, MaskedNote, table.Note)
}

func TestQualityCountsTheChecksThatAreMet(t *testing.T) {
	q := quality(&ledger.Ledger{Generator: ledger.Generator{Due: 500, Unsent: 10, RateErrorPercent: -2}, Defects: []string{"x"}}, gate.Criteria{})
	require.Equal(t, "3 of 6 checks met", q.Summary)
	require.Equal(t, Check{"requests not sent", "10 of 500 due", "at most 0.1 %", false}, q.Checks[0])
	require.Equal(t, "not ok", q.Checks[0].Word())
	withClocks := quality(&ledger.Ledger{Clock: ledger.Clock{Measured: 2, Uncertainty: time.Second, WorstClock: "load-1"}}, gate.Criteria{})
	require.Contains(t, withClocks.Checks, Check{"least precise clock (load-1)", "±1.0 s", "at most ±125 ms", false})
}

func TestParagraphs(t *testing.T) {
	require.Equal(t, []string{"one two", "- a\n- b", "end"}, paragraphs("one\ntwo\n\n- a\n- b\n\n\nend\n"))
}

func TestCommandCanBePasted(t *testing.T) {
	require.Equal(t, `zeroloss run 'my file.yaml' --set 'a=b c' 'it'\''s'`, command(reports.Meta{Command: []string{"zeroloss", "run", "my file.yaml", "--set", "a=b c", "it's"}}))
	require.Equal(t, "zeroloss run offline --runtime local --seed 7 --speed 2", command(reports.Meta{Scenario: "offline", Runtime: "local", Seed: 7, Speed: 2}))
}

func TestAxisTime(t *testing.T) {
	for seconds, want := range map[float64]string{0: "0 s", 10: "+10 s", -5: "−5 s"} {
		require.Equal(t, want, AxisTime(seconds, 5))
	}
	require.Equal(t, "+0.5 s", AxisTime(0.5, 0.5))
}

func TestAxisStep(t *testing.T) {
	for want, step := range map[float64]float64{0.03: 0.05, 1: 1, 1.2: 2, 3: 5, 7: 10, 40: 50, 51: 100} {
		require.InDelta(t, step, AxisStep(want), 1e-9)
	}
}
