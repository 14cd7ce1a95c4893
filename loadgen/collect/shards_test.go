package collect_test

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen"
	"zeroloss/loadgen/collect"
	"zeroloss/loadgen/faultserver"
	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
)

// TestTwoPodsLoseExactlyK: what two load pods that share a schedule write down
// is, together, each request once, and of those that were lost on purpose
// each, and no other.
func TestTwoPodsLoseExactlyK(t *testing.T) {
	for _, k := range []int{1, 5, 50} {
		target, err := faultserver.Start(faultserver.LoseFirst(k, faultserver.Status503, func(a faultserver.Arrival) bool {
			return a.Seq%3 == 1 // of either pod
		}), nil)
		require.NoError(t, err)
		s := traffic.Stream{Name: "base", Arm: "base", Rate: 400, Duration: time.Duration(4*k+41) * time.Second / 400, Path: "/", Timeout: 20 * time.Second}
		states, reqs := together(t, 2, loadgen.Job{
			Schema: loadgen.JobSchema, Target: target.URL(), Zero: record.At(time.Now().Add(100 * time.Millisecond)),
			MaxLateness: time.Minute, Streams: []traffic.Stream{s},
		})
		lost := map[uint64]bool{}
		for _, l := range target.Lost() {
			lost[l.Seq] = true
		}
		require.NoError(t, target.Close())
		require.Len(t, lost, k)

		var sent, ok, failed, due uint64
		for _, st := range states {
			due, sent, ok = due+st.Load.Due, sent+st.Load.Sent, ok+st.Load.OK
			failed += st.Load.Failed[record.Status5xx]
		}
		require.Equal(t, s.Count(), due)
		require.Equal(t, s.Count(), sent)
		require.Equal(t, s.Count()-uint64(k), ok)
		require.EqualValues(t, k, failed)

		seen := map[uint64]int{}
		for i, log := range reqs {
			for _, r := range log {
				seen[r.Seq]++
				require.EqualValues(t, i, r.Seq%2)
				require.Equal(t, lost[r.Seq], r.Class == record.Status5xx, "request %d: %s", r.Seq, r.Class)
				require.Equal(t, lost[r.Seq], r.Class != "", "request %d: %s", r.Seq, r.Class)
			}
		}
		require.Len(t, seen, int(s.Count()))
		for seq, n := range seen {
			require.Equal(t, 1, n, "request %d", seq)
		}
	}
}

// together does a job with n load pods, and returns how it went and what they
// wrote.
func together(t *testing.T, n int, job loadgen.Job) ([]collect.State, [][]record.Request) {
	t.Helper()
	states, logs := make([]collect.State, n), make([][]record.Request, n)
	var wg sync.WaitGroup
	for i := range n {
		c, _ := pod(t)
		job.Shard = traffic.Shard{Index: uint64(i), Count: uint64(n)}
		require.NoError(t, c.Load(t.Context(), job))
		wg.Go(func() {
			var log bytes.Buffer
			require.NoError(t, c.Follow(t.Context(), "requests", &log))
			var tail record.RequestTail
			var err error
			logs[i], tail, err = record.ReadRequests(&log)
			require.NoError(t, err)
			require.True(t, tail.Complete)
			for !states[i].Over {
				states[i], err = c.State(t.Context())
				require.NoError(t, err)
			}
		})
	}
	wg.Wait()
	return states, logs
}

// A pod that is told to be a shard that there is not says so, and sends
// nothing.
func TestAShardThatThereIsNot(t *testing.T) {
	c, _ := pod(t)
	require.NoError(t, c.Load(t.Context(), loadgen.Job{
		Schema: loadgen.JobSchema, Target: "http://127.0.0.1:1", Zero: record.At(time.Now()), Shard: traffic.Shard{Index: 2, Count: 2},
		Streams: []traffic.Stream{{Name: "base", Arm: "base", Rate: 1, Duration: time.Second, Path: "/"}},
	}))
	var s collect.State
	for !s.Over {
		var err error
		s, err = c.State(t.Context())
		require.NoError(t, err)
	}
	require.Contains(t, s.Err, "shard 2 of 2")
	require.Nil(t, s.Load)
}
