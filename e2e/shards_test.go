//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/reports"
	"zeroloss/reports/summary"
	"zeroloss/scenarios/rundir"
)

// sharesLoadBetweenPods checks that three load pods on two nodes send one load,
// and that their logs together are equivalent to the log of one generator.
func sharesLoadBetweenPods(t *testing.T, w *testCluster) {
	var s struct {
		Arms map[string]struct {
			Due, Sent, Unsent, OK, Lost int
			PredictedLost               [2]int
		}
	}
	w.passes(t, 5*time.Minute, &s, func(a attempt) {
		eachRequestOnce(t, a.dir)
		mergedLikeOneLog(t, a.dir)
		require.NoError(t, json.Unmarshal(a.stdout.Bytes(), &s))
		for name, a := range s.Arms {
			require.Equal(t, a.Due, a.Sent+a.Unsent, name)
			require.Equal(t, a.Sent, a.OK+a.Lost, name)
		}
	}, "offline", "--load-pods", "3")
	require.Zero(t, s.Arms["gray"].Lost, "lossless offline is on")
	base := s.Arms["base"]
	require.GreaterOrEqual(t, base.Lost, max(10, base.PredictedLost[0]))
	require.LessOrEqual(t, base.Lost, base.PredictedLost[1])
}

// eachRequestOnce checks that each pod has sent its share, and no request twice.
func eachRequestOnce(t *testing.T, dir string) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(dir, "requests*.log"))
	require.NoError(t, err)
	require.Len(t, logs, 3)
	run, err := rundir.Open(dir)
	require.NoError(t, err)
	require.Empty(t, run.Torn)
	type key struct {
		stream string
		seq    uint64
	}
	seen := map[key]bool{}
	for _, q := range run.Requests {
		require.False(t, seen[key{q.Stream, q.Seq}], "%s %d twice", q.Stream, q.Seq)
		seen[key{q.Stream, q.Seq}] = true
	}
	for _, st := range run.Plan.Streams {
		for seq := range st.Count() {
			require.True(t, seen[key{st.Name, seq}], "%s %d", st.Name, seq)
		}
	}
	events := readStreams(t, dir)
	for _, name := range []string{"load", "load-1", "load-2"} {
		require.NotEmpty(t, events[name], name)
	}
	var clocks []string
	for _, e := range events[rundir.Harness] {
		if e.Kind() == record.KindClockOffset && e.Instance.Pod != "" {
			clocks = append(clocks, e.Instance.Pod)
		}
	}
	require.Equal(t, []string{"load-1", "load-2"}, clocks, "how sure their clocks are is kept")
}

// mergedLikeOneLog checks that the summary of the merged logs is byte-identical.
func mergedLikeOneLog(t *testing.T, dir string) {
	t.Helper()
	one := filepath.Join(t.TempDir(), "one")
	require.NoError(t, os.CopyFS(one, os.DirFS(dir)))
	run, err := rundir.Open(dir)
	require.NoError(t, err)
	for _, name := range []string{"requests.log", "requests-1.log", "requests-2.log"} {
		require.NoError(t, os.Remove(filepath.Join(one, name)))
	}
	f, err := os.Create(filepath.Join(one, rundir.RequestsFile))
	require.NoError(t, err)
	log, err := record.NewRequestWriter(f)
	require.NoError(t, err)
	for i := range run.Requests {
		require.NoError(t, log.Append(&run.Requests[i]))
		if i%100 == 0 {
			require.NoError(t, log.Flush())
		}
	}
	require.NoError(t, log.Close())
	require.NoError(t, f.Close())
	figures := func(dir string) summary.Summary {
		r, err := reports.Assemble(dir)
		require.NoError(t, err)
		return summary.Of(r)
	}
	require.Equal(t, figures(dir), figures(one))
}
