package reports_test

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/reports"
	"zeroloss/reports/gate"
	"zeroloss/reports/internal/reporttest"
	"zeroloss/reports/ledger"
	"zeroloss/scenarios/rundir"
)

// account is what a run directory is judged to show, in figures.
type account struct {
	Verdict   gate.Verdict
	Reasons   int
	Arms      map[string]armAccount
	Releases  []string // instance and reason, by time
	Instances int
	Defects   int
	Notes     int
	Expected  map[string]gate.Verdict // by expectation
}

type armAccount struct {
	Due, Unsent, Sent, OK, Lost, Releases int
	ByClass                               map[record.Class]int  `json:",omitempty"`
	ByWindow                              map[ledger.Window]int `json:",omitempty"`
}

func accountOf(r *reports.Report) account {
	l := r.Ledger
	out := account{
		Verdict: r.Result.Verdict, Reasons: len(r.Result.Reasons), Arms: map[string]armAccount{}, Expected: map[string]gate.Verdict{},
		Instances: len(l.Instances), Defects: len(l.Defects), Notes: len(l.Notes),
	}
	for _, a := range l.Arms {
		out.Arms[a.Name] = armAccount{a.Due, a.Unsent, a.Sent, a.OK, a.Lost, a.Releases, a.ByClass, a.ByWindow}
	}
	for _, x := range l.Releases {
		out.Releases = append(out.Releases, x.Instance.String()+" "+x.Reason)
	}
	for _, e := range r.Result.Expectations {
		out.Expected[e.Expectation.Name] = e.Verdict
	}
	return out
}

// checkedIn are the run directories in the repository that can be opened, and
// one that is made here.
func checkedIn(t *testing.T) map[string]*rundir.Run {
	out := map[string]*rundir.Run{}
	for _, dir := range []string{"rundir/testdata/clean", "rundir/testdata/lossy", "rundir/testdata/torn", "replay/testdata/attached", "replay/testdata/offline", "replay/testdata/rolling"} {
		run, err := rundir.Open(filepath.Join("..", "scenarios", filepath.FromSlash(dir)))
		require.NoError(t, err)
		out[dir] = run
	}
	run, err := rundir.Open(reporttest.NewRunDir(t).Write(t))
	require.NoError(t, err)
	out["reporttest"] = run
	return out
}

// TestCheckedInRuns: what the run directories in the repository show does not
// change, whatever their files are called and however they are read.
func TestCheckedInRuns(t *testing.T) {
	got := map[string]account{}
	for dir, run := range checkedIn(t) {
		got[dir] = accountOf(reports.FromRun(run, gate.Criteria{}, run.Plan.Expect))
	}
	b, err := json.MarshalIndent(got, "", "  ")
	require.NoError(t, err)
	golden(t, filepath.Join("testdata", "checkedin.golden"), append(b, '\n'))
}

// TestTextIsForPeople: without the texts of their events, runs show the same.
func TestTextIsForPeople(t *testing.T) {
	runs := checkedIn(t)
	for _, dir := range slices.Sorted(maps.Keys(runs)) {
		run := runs[dir]
		want := accountOf(reports.FromRun(run, gate.Criteria{}, run.Plan.Expect))
		for i := range run.Events {
			run.Events[i].Text = ""
		}
		require.Equal(t, want, accountOf(reports.FromRun(run, gate.Criteria{}, run.Plan.Expect)), dir)
	}
}
