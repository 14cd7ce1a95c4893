package reports

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/reports/gate"
	"zeroloss/reports/ledger"
	"zeroloss/scenarios/rundir"
)

var update = flag.Bool("update", false, "write the goldens of testdata again")

func TestGoldens(t *testing.T) {
	for name, stage := range map[string]func(s *scene){
		"lossy": func(*scene) {},
		"clean": func(s *scene) { s.lossy = false },
		"unfit": func(s *scene) {
			s.skew = func(r *record.Request) {
				if r.Seq >= 190 && r.Seq < 200 {
					*r = record.Request{Stream: r.Stream, Seq: r.Seq, Due: r.Due, Unsent: true}
				}
			}
		},
	} {
		s := newScene(t)
		stage(s)
		r, err := Assemble(s.write(t))
		require.NoError(t, err)
		for _, f := range Formats() {
			t.Run(name+"/"+f.Name, func(t *testing.T) {
				var b bytes.Buffer
				require.NoError(t, f.Render(&b, r))
				golden(t, filepath.Join("testdata", name+"."+f.Name+".golden"), b.Bytes())
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
	r, err := Assemble(newScene(t).write(t))
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

// What a run directory may look like after an accident ends in a report or in
// a clear error.
func TestAssembleFixtures(t *testing.T) {
	fixtures := filepath.Join("..", "scenarios", "rundir", "testdata")
	_, err := Assemble(filepath.Join(fixtures, "newer"))
	require.ErrorIs(t, err, rundir.ErrNewer)
	_, err = Assemble(filepath.Join(fixtures, "none"))
	require.ErrorIs(t, err, rundir.ErrNotFound)
	r, err := Assemble(filepath.Join(fixtures, "torn"))
	require.NoError(t, err)
	require.Equal(t, gate.Invalid, r.Result.Verdict)
	require.Contains(t, r.Result.Reasons[0], "interrupted")
	for _, f := range Formats() {
		require.NoError(t, f.Render(new(bytes.Buffer), r), f.Name)
	}
}

func TestAnInterruptedRunIsReadableAndInvalid(t *testing.T) {
	dir := newScene(t).write(t)
	log := filepath.Join(dir, rundir.RequestsFile)
	fi, err := os.Stat(log)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(log, fi.Size()-5))
	harness := filepath.Join(dir, rundir.EventsDir, rundir.Harness+".ndjson")
	b, err := os.ReadFile(harness)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(harness, b[:bytes.Index(b, []byte(`"load-end"`))], 0o644))

	r, err := Assemble(dir)
	require.NoError(t, err)
	require.Equal(t, gate.Invalid, r.Result.Verdict)
	require.True(t, r.Result.InstrumentUnfit)
	var text bytes.Buffer
	require.NoError(t, Text(&text, r))
	require.Contains(t, text.String(), "INVALID")
	require.Contains(t, text.String(), "interrupted")
}

// No run at all still renders.
func TestEmptyReport(t *testing.T) {
	r := &Report{Ledger: ledger.Build(ledger.Input{})}
	r.Result = gate.Judge(gate.Criteria{}, r.Ledger, nil)
	for _, f := range Formats() {
		require.NoError(t, f.Render(new(bytes.Buffer), r), f.Name)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestRenderersReportAWriteError(t *testing.T) {
	r, err := Assemble(newScene(t).write(t))
	require.NoError(t, err)
	for _, f := range Formats() {
		require.ErrorContains(t, f.Render(failing{}, r), "disk full", f.Name)
	}
}

func TestJUnitCounts(t *testing.T) {
	for what, c := range map[string]struct {
		stage                     func(s *scene)
		failures, errors, skipped int
	}{
		"a failed gate":  {func(*scene) {}, 1, 0, 0},
		"all well":       {func(s *scene) { s.lossy = false }, 0, 0, 0},
		"unmet contrast": {func(s *scene) { s.lossy = false; s.plan.Expect[1].Is = exactly(9) }, 0, 1, 0},
		"unmet info":     {func(s *scene) { s.lossy = false; s.plan.Expect[2].Is = exactly(9) }, 0, 0, 1},
		"unfit instrument": {func(s *scene) {
			s.skew = func(r *record.Request) { r.Sent += 60_000; r.FirstByte += 60_000; r.Done += 60_000 }
		}, 0, 3, 0},
		"no expectation": {func(s *scene) { s.plan.Expect = nil }, 0, 1, 0},
	} {
		t.Run(what, func(t *testing.T) {
			s := newScene(t)
			c.stage(s)
			r, err := Assemble(s.write(t))
			require.NoError(t, err)
			var b bytes.Buffer
			require.NoError(t, JUnit(&b, r))
			var got junitSuites
			require.NoError(t, xml.Unmarshal(b.Bytes(), &got))
			s0 := got.Suites[0]
			require.Equal(t, []int{c.failures, c.errors, c.skipped}, []int{s0.Failures, s0.Errors, s0.Skipped})
			require.Len(t, s0.Cases, s0.Tests)
			for _, k := range s0.Cases {
				if k.Failure != nil {
					require.Contains(t, k.Failure.Message, "stale-route", "the windows are in the message")
				}
			}
		})
	}
}

func TestTextBoundsWhatItShows(t *testing.T) {
	s := newScene(t)
	s.skew = func(r *record.Request) { // a burst of its own each second
		if r.Seq%3 == 0 {
			r.Class, r.Status, r.Trail, r.FirstByte = record.Classes()[r.Seq/3%15], 0, nil, 0
		}
	}
	r, err := Assemble(s.write(t))
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, Text(&b, r))
	require.Contains(t, b.String(), "more bursts, in the page")
	require.Less(t, strings.Count(b.String(), "\n"), 160)
}

func TestPhrases(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 7000: "7,000", 1234567: "1,234,567", -1234: "-1,234", -123: "-123"} {
		require.Equal(t, want, count(n))
	}
	require.Equal(t, "95 %", percent(0.95))
	require.Equal(t, "25.9 %", percent(0.25887), "a bound is rounded up")
	require.Equal(t, "0.1 %", percent(0.001))
	require.Equal(t, "9.5 ms", span(9500*time.Microsecond))
	require.Equal(t, "548 ms", span(548*time.Millisecond))
	require.Equal(t, "30.0 s", span(30*time.Second))
	require.Equal(t, `a\|b c`, cell("a|b\nc"))
}
