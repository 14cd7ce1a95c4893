package reports_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/reports"
	"zeroloss/reports/gate"
	"zeroloss/reports/internal/reporttest"
	"zeroloss/reports/summary"
	"zeroloss/scenarios/rundir"
)

// split turns the request log of a run into those of n generators that share the
// load.
func split(t *testing.T, s *reporttest.RunDir, n uint64) {
	t.Helper()
	whole, err := os.Open(s.Dir.RequestsPath(""))
	require.NoError(t, err)
	all, tail, err := record.ReadRequests(whole)
	require.NoError(t, err)
	require.NoError(t, whole.Close())
	require.True(t, tail.Complete)
	for i := range n {
		f, err := os.Create(shardLog(s, i))
		require.NoError(t, err)
		w, err := record.NewRequestWriter(f)
		require.NoError(t, err)
		for k := range all {
			if all[k].Seq%n != i {
				continue
			}
			require.NoError(t, w.Append(&all[k]))
			if all[k].Seq%100 < n {
				require.NoError(t, w.Flush())
			}
		}
		require.NoError(t, w.Close())
		require.NoError(t, f.Close())
	}
}

func shardLog(s *reporttest.RunDir, i uint64) string {
	if i == 0 {
		return s.Dir.RequestsPath("")
	}
	return s.Dir.RequestsPath(fmt.Sprint(i))
}

func judged(t *testing.T, dir string) (string, *reports.Report) {
	t.Helper()
	r, err := reports.Assemble(dir)
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, summary.Render(&b, document(t, r)))
	return b.String(), r
}

// TestShardsAreJudgedAsOneLog: the logs of several generators give the same summary
// as the log of one.
func TestShardsAreJudgedAsOneLog(t *testing.T) {
	for _, n := range []uint64{2, 3, 7} {
		s := reporttest.NewRunDir(t)
		s.Edit = func(r *record.Request) {
			if r.Seq%97 == 5 { // a little of everything
				*r = record.Request{Stream: r.Stream, Seq: r.Seq, Due: r.Due, Unsent: true}
			}
		}
		dir := s.Write(t)
		one, before := judged(t, dir)
		require.NotZero(t, before.Ledger.Arms[0].Lost)
		require.NotZero(t, before.Ledger.Arms[0].Unsent)
		split(t, s, n)
		several, after := judged(t, dir)
		require.Equal(t, one, several, "%d logs", n)
		require.ElementsMatch(t, before.Points, after.Points)
	}
}

// TestEachShardCounts: a run is incomplete if one of its logs is.
func TestEachShardCounts(t *testing.T) {
	damages := map[string]struct {
		damage func(t *testing.T, s *reporttest.RunDir)
		want   string
	}{
		"torn": {func(t *testing.T, s *reporttest.RunDir) {
			b, err := os.ReadFile(shardLog(s, 1))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(shardLog(s, 1), b[:len(b)-40], 0o644))
		}, "requests-1.log:"},
		"without an end": {func(t *testing.T, s *reporttest.RunDir) {
			f, err := os.Create(shardLog(s, 1))
			require.NoError(t, err)
			w, err := record.NewRequestWriter(f)
			require.NoError(t, err)
			require.NoError(t, w.Flush())
			require.NoError(t, f.Close())
		}, "requests-1.log: has no end"},
		"missing": {func(t *testing.T, s *reporttest.RunDir) { require.NoError(t, os.Remove(shardLog(s, 1))) },
			"stream base: 166 requests missing among the first 499"},
		"the last is missing": {func(t *testing.T, s *reporttest.RunDir) { require.NoError(t, os.Remove(shardLog(s, 2))) },
			"stream base: 166 requests missing among the first 500"},
		"there twice": {func(t *testing.T, s *reporttest.RunDir) {
			b, err := os.ReadFile(shardLog(s, 1))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(s.Dir.Join("requests-9.log"), b, 0o644))
		}, "two generators wrote it"},
	}
	for name, c := range damages {
		t.Run(name, func(t *testing.T) {
			s := reporttest.NewRunDir(t)
			dir := s.Write(t)
			split(t, s, 3)
			_, sound := judged(t, dir)
			require.NotEqual(t, gate.Invalid, sound.Result.Verdict)
			c.damage(t, s)
			_, r := judged(t, dir)
			require.Equal(t, gate.Invalid, r.Result.Verdict)
			require.Contains(t, strings.Join(r.Ledger.Defects, "\n"), c.want)
		})
	}
}

// TestTheLoadEndsWithItsLastShard: a release is under load as long as any generator
// sends.
func TestTheLoadEndsWithItsLastShard(t *testing.T) {
	s := reporttest.NewRunDir(t)
	dir := s.Write(t)
	_, before := judged(t, dir)
	require.Len(t, before.Ledger.Releases, 1)
	early := record.Instance{Pod: "load-1", Incarnation: 1}
	s.WriteEvents(t, "load-1", []record.Event{{At: reporttest.Taken - 1, Instance: early, Payload: record.LoadEnd{}}, {At: reporttest.Taken, Payload: record.End{}, Instance: early}})
	_, after := judged(t, dir)
	require.Len(t, after.Ledger.Releases, 1)
	require.Equal(t, before.Ledger.Arms, after.Ledger.Arms)
	run, err := rundir.Open(dir)
	require.NoError(t, err)
	require.Empty(t, run.Torn)
	require.Empty(t, run.Incomplete)
}
