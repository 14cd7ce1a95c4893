package reports_test

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/reports"
	"zeroloss/reports/gate"
	"zeroloss/reports/internal/reporttest"
	"zeroloss/reports/junit"
	"zeroloss/reports/ledger"
	"zeroloss/reports/markdown"
	"zeroloss/reports/present"
	"zeroloss/reports/summary"
	"zeroloss/reports/text"
	"zeroloss/scenarios/rundir"
)

var update = flag.Bool("update", false, "write the goldens of testdata again")

type format struct {
	name   string
	render func(io.Writer, *present.Document) error
}

func formats() []format {
	return []format{{"text", text.Render}, {"json", summary.Render}, {"junit", junit.Render}, {"markdown", markdown.Render}}
}

func document(t *testing.T, r *reports.Report) *present.Document {
	t.Helper()
	d, err := present.New(r)
	require.NoError(t, err)
	return d
}

func TestGoldens(t *testing.T) {
	for name, stage := range map[string]func(s *reporttest.RunDir){
		"lossy": func(*reporttest.RunDir) {},
		"clean": func(s *reporttest.RunDir) { s.Lossy = false },
		"unfit": func(s *reporttest.RunDir) {
			s.Edit = func(r *record.Request) {
				if r.Seq >= 190 && r.Seq < 200 {
					*r = record.Request{Stream: r.Stream, Seq: r.Seq, Due: r.Due, Unsent: true}
				}
			}
		},
	} {
		s := reporttest.NewRunDir(t)
		stage(s)
		r, err := reports.Assemble(s.Write(t))
		require.NoError(t, err)
		for _, f := range formats() {
			t.Run(name+"/"+f.name, func(t *testing.T) {
				var b bytes.Buffer
				require.NoError(t, f.render(&b, document(t, r)))
				golden(t, filepath.Join("testdata", name+"."+f.name+".golden"), b.Bytes())
			})
		}
	}
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}

func TestAssembleLossy(t *testing.T) {
	r, err := reports.Assemble(reporttest.NewRunDir(t).Write(t))
	require.NoError(t, err)
	require.Equal(t, gate.Fail, r.Result.Verdict)
	a := r.Ledger.Arms[0]
	require.Equal(t, 500, a.Sent)
	require.Equal(t, 27, a.Lost, "each second one for 539 ms, at 100 a second")
	require.Equal(t, gate.Pass, r.Result.Expectations[2].Verdict, "as predicted: "+a.PredictionBasis)
	require.Len(t, r.Points, 500)
	lost := 0
	for _, p := range r.Points {
		if p.Lost {
			lost++
			require.Equal(t, string(record.Refused), p.Class)
		}
	}
	require.Equal(t, 27, lost)
}

// A damaged run directory ends in a report or in a clear error.
func TestAssembleFixtures(t *testing.T) {
	fixtures := filepath.Join("..", "scenarios", "rundir", "testdata")
	_, err := reports.Assemble(filepath.Join(fixtures, "newer"))
	require.ErrorIs(t, err, rundir.ErrOtherVersion)
	_, err = reports.Assemble(filepath.Join(fixtures, "none"))
	require.ErrorIs(t, err, rundir.ErrNotFound)
	r, err := reports.Assemble(filepath.Join(fixtures, "torn"))
	require.NoError(t, err)
	require.Equal(t, gate.Invalid, r.Result.Verdict)
	require.Contains(t, r.Result.Reasons[0], "interrupted")
	for _, f := range formats() {
		require.NoError(t, f.render(new(bytes.Buffer), document(t, r)), f.name)
	}
}

func TestAnInterruptedRunIsReadableAndInvalid(t *testing.T) {
	dir := reporttest.NewRunDir(t).Write(t)
	log := filepath.Join(dir, rundir.RequestsFile)
	fi, err := os.Stat(log)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(log, fi.Size()-5))
	harness := filepath.Join(dir, rundir.EventsDir, rundir.Harness+".ndjson")
	b, err := os.ReadFile(harness)
	require.NoError(t, err)
	before, _, found := bytes.Cut(b, []byte(`"load-end"`))
	require.True(t, found)
	require.NoError(t, os.WriteFile(harness, before, 0o644))

	r, err := reports.Assemble(dir)
	require.NoError(t, err)
	require.Equal(t, gate.Invalid, r.Result.Verdict)
	require.True(t, r.Result.InstrumentUnfit)
	var out bytes.Buffer
	require.NoError(t, text.Render(&out, document(t, r)))
	require.Contains(t, out.String(), "INVALID")
	require.Contains(t, out.String(), "interrupted")
}

// A report without a run can be rendered.
func TestEmptyReport(t *testing.T) {
	r := &reports.Report{Ledger: ledger.Build(ledger.Input{})}
	r.Result = gate.Judge(gate.Criteria{}, r.Ledger, nil)
	for _, f := range formats() {
		require.NoError(t, f.render(new(bytes.Buffer), document(t, r)), f.name)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestRenderersReportAWriteError(t *testing.T) {
	r, err := reports.Assemble(reporttest.NewRunDir(t).Write(t))
	require.NoError(t, err)
	for _, f := range formats() {
		require.ErrorContains(t, f.render(failing{}, document(t, r)), "disk full", f.name)
	}
}
