package compare

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/reports"
	"zeroloss/reports/gate"
	"zeroloss/reports/ledger"
)

// ran is a run of one arm, with one release that lost so many requests.
func ran(arm string, lost int, v gate.Verdict) *reports.Report {
	r := &reports.Report{Ledger: &ledger.Ledger{}, Result: gate.Result{Verdict: v}}
	if v != gate.Pass {
		r.Result.Reasons = []string{"because"}
	}
	r.Ledger.Arms = []ledger.Arm{{Name: arm, Sent: 1000, Lost: lost, Releases: 1}}
	r.Ledger.Releases = []ledger.Release{{Arms: []string{arm}, LostByArm: map[string]int{arm: lost}}}
	return r
}

func TestRunsAreCompared(t *testing.T) {
	cases := map[string]struct {
		runs     []*reports.Report
		contrast string
		verdict  gate.Verdict
		says     []string
	}{
		"one of each": {
			[]*reports.Report{ran("before", 30, gate.Pass), ran("after", 0, gate.Pass)}, "before", gate.Pass,
			[]string{
				"pass: the worst verdict of 2 runs\n",
				"before      1             30     30   1,000          1                    1\n",
				"after: at 95 % confidence, up to 95 % of releases lose requests\n",
				"no claim of significance: it requires 5 runs of each arm",
			},
		},
		"the worst verdict wins, and says why": {
			[]*reports.Report{ran("before", 30, gate.Invalid), ran("after", 2, gate.Fail), ran("after", 0, gate.Pass)}, "before", gate.Fail,
			[]string{"fail: the worst verdict of 3 runs\n  ! run 1: invalid: because\n  ! run 2: fail: because\n", "after       2            2 0      2   2,000          2                    1\n"},
		},
		"without a contrast nothing is shown": {
			[]*reports.Report{ran("before", 0, gate.Pass), ran("after", 0, gate.Pass)}, "before", gate.Invalid,
			[]string{"invalid: the worst verdict of 2 runs\n  ! no contrast: arm before lost no request in 1 run, so it proves nothing that another arm lost no request\n"},
		},
		"one arm": {
			[]*reports.Report{ran("base", 3, gate.Pass), ran("base", 4, gate.Pass)}, "", gate.Pass,
			[]string{"no claim about a difference: it requires exactly two arms"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := New(c.runs, c.contrast)
			require.Equal(t, c.verdict, r.Verdict)
			require.Nil(t, r.P)
			var b bytes.Buffer
			require.NoError(t, Text(&b, r))
			for _, s := range c.says {
				require.Contains(t, b.String(), s)
			}
		})
	}
}

// TestAClaimRequiresFiveValidRunsOfEach: five against five that do not overlap have
// p = 2/252. One invalid run is enough for no claim.
func TestAClaimRequiresFiveValidRunsOfEach(t *testing.T) {
	var runs []*reports.Report
	for i := range 5 {
		runs = append(runs, ran("before", 20+i, gate.Pass), ran("after", i, gate.Fail))
	}
	r := New(runs, "before")
	require.NotNil(t, r.P)
	require.InDelta(t, 2.0/252, *r.P, 1e-5)
	var b bytes.Buffer
	require.NoError(t, Text(&b, r))
	require.Contains(t, b.String(), "before and after differ by run with p = 0.00794")

	require.Nil(t, New(runs[1:], "before").P, "four of one")
	runs[0].Result.Verdict = gate.Invalid
	require.Nil(t, New(runs, "before").P)
}

// TestAMissingContrastIsNone: runs of the arm after alone prove nothing.
func TestAMissingContrastIsNone(t *testing.T) {
	r := New([]*reports.Report{ran("after", 0, gate.Pass), ran("after", 0, gate.Pass)}, "before")
	require.Equal(t, gate.Invalid, r.Verdict)
	require.Equal(t, []string{"no contrast: no run has arm before, so it proves nothing that another arm lost no request"}, r.Reasons)
}

// TestTooManyRunsForAClaim: the reason is not that there are too few.
func TestTooManyRunsForAClaim(t *testing.T) {
	var runs []*reports.Report
	for i := range 14 {
		runs = append(runs, ran("before", 20+i, gate.Pass), ran("after", 0, gate.Pass))
	}
	var b bytes.Buffer
	require.NoError(t, Text(&b, New(runs, "before")))
	require.Contains(t, b.String(), "no claim of significance: comparing 14 with 14 values: too many arrangements to enumerate")
}
