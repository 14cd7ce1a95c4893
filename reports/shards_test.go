package reports

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/reports/gate"
	"zeroloss/scenarios/rundir"
)

// split makes of a run's one log those of n generators that shared its load.
func (s *scene) split(t *testing.T, n uint64) {
	t.Helper()
	whole, err := os.Open(s.dir.RequestsPath(""))
	require.NoError(t, err)
	all, tail, err := record.ReadRequests(whole)
	require.NoError(t, err)
	require.NoError(t, whole.Close())
	require.True(t, tail.Complete)
	for i := range n {
		f, err := os.Create(s.log(i))
		require.NoError(t, err)
		w, err := record.NewWriter(f)
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

func (s *scene) log(i uint64) string {
	if i == 0 {
		return s.dir.RequestsPath("")
	}
	return s.dir.RequestsPath(fmt.Sprint(i))
}

func judged(t *testing.T, dir string) (string, *Report) {
	t.Helper()
	r, err := Assemble(dir)
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, JSON(&b, r))
	return b.String(), r
}

// TestShardsAreJudgedAsOneLog: the logs of several generators are, to the last
// byte of the summary, the log of one.
func TestShardsAreJudgedAsOneLog(t *testing.T) {
	for _, n := range []uint64{2, 3, 7} {
		s := newScene(t)
		s.skew = func(r *record.Request) {
			if r.Seq%97 == 5 { // a little of everything
				*r = record.Request{Stream: r.Stream, Seq: r.Seq, Due: r.Due, Unsent: true}
			}
		}
		dir := s.write(t)
		one, before := judged(t, dir)
		require.NotZero(t, before.Ledger.Arms[0].Lost)
		require.NotZero(t, before.Ledger.Arms[0].Unsent)
		s.split(t, n)
		several, after := judged(t, dir)
		require.Equal(t, one, several, "%d logs", n)
		require.ElementsMatch(t, before.Points, after.Points)
	}
}

// TestEachShardCounts: a run lacks something where one of its logs does.
func TestEachShardCounts(t *testing.T) {
	spoiled := map[string]struct {
		spoil func(t *testing.T, s *scene)
		want  string
	}{
		"torn": {func(t *testing.T, s *scene) {
			b, err := os.ReadFile(s.log(1))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(s.log(1), b[:len(b)-40], 0o644))
		}, "requests-1.log:"},
		"without an end": {func(t *testing.T, s *scene) {
			f, err := os.Create(s.log(1))
			require.NoError(t, err)
			w, err := record.NewWriter(f)
			require.NoError(t, err)
			require.NoError(t, w.Flush())
			require.NoError(t, f.Close())
		}, "requests-1.log: has no end"},
		"missing": {func(t *testing.T, s *scene) { require.NoError(t, os.Remove(s.log(1))) },
			"stream base: 166 requests of the first 499 not accounted for"},
		"the last is missing": {func(t *testing.T, s *scene) { require.NoError(t, os.Remove(s.log(2))) },
			"stream base: 166 requests of the first 500 not accounted for"},
		"there twice": {func(t *testing.T, s *scene) {
			b, err := os.ReadFile(s.log(1))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(s.dir.Join("requests-9.log"), b, 0o644))
		}, "two loads wrote it"},
	}
	for name, c := range spoiled {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			dir := s.write(t)
			s.split(t, 3)
			_, sound := judged(t, dir)
			require.NotEqual(t, gate.Invalid, sound.Result.Verdict)
			c.spoil(t, s)
			_, r := judged(t, dir)
			require.Equal(t, gate.Invalid, r.Result.Verdict)
			require.Contains(t, strings.Join(r.Ledger.Defects, "\n"), c.want)
		})
	}
}

// TestTheLoadEndsWithItsLastShard: a release that comes when one generator has
// done and another has not is one under load.
func TestTheLoadEndsWithItsLastShard(t *testing.T) {
	s := newScene(t)
	dir := s.write(t)
	_, before := judged(t, dir)
	require.Len(t, before.Ledger.Releases, 1)
	early := record.Instance{Pod: "load-1", Incarnation: 1}
	s.events(t, "load-1", []record.Event{{At: taken - 1, Kind: record.KindLoadEnd, Instance: early}, {At: taken, Kind: record.KindEnd, Instance: early}})
	_, after := judged(t, dir)
	require.Len(t, after.Ledger.Releases, 1)
	require.Equal(t, before.Ledger.Arms, after.Ledger.Arms)
	run, err := rundir.Open(dir)
	require.NoError(t, err)
	require.Empty(t, run.Torn)
	require.Empty(t, run.Incomplete)
}
