package loadgen

import (
	"bytes"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
)

// TestShardsPaceOneSchedule: what one of three sends or skips, none of the
// others does, and each of its requests comes when it is due.
func TestShardsPaceOneSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := traffic.Stream{Name: "s", Rate: 100, Duration: time.Second}
		zero := time.Now()
		seen := make([]int, s.Count())
		var wg sync.WaitGroup
		var mu sync.Mutex
		for i := range uint64(3) {
			wg.Go(func() {
				take := func(seq uint64) {
					require.Equal(t, i, seq%3)
					mu.Lock()
					seen[seq]++
					mu.Unlock()
				}
				p := newPacer(newSchedule(s, traffic.Shard{Index: i, Count: 3}, 100*time.Millisecond), zero, take)
				timer := time.NewTimer(time.Hour)
				for hit := uint64(0); p.pace(t.Context(), timer, hit); hit++ {
					seq, ok := p.claim(hit)
					require.True(t, ok)
					if i != 1 {
						require.Equal(t, s.Due(seq), time.Since(zero))
					}
					take(seq)
					if i == 1 && hit == 3 {
						time.Sleep(300 * time.Millisecond) // this one falls behind
					}
				}
				p.finish(time.Now(), false)
			})
		}
		wg.Wait()
		for seq, n := range seen {
			require.Equal(t, 1, n, "request %d", seq)
		}
	})
}

// TestShardsWriteOneLog: generators on machines whose clocks differ write what
// one would have written.
func TestShardsWriteOneLog(t *testing.T) {
	var mu sync.Mutex
	asked := map[uint64]int{}
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		seq, err := strconv.ParseUint(r.Header.Get(seqHeader), 10, 64)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		asked[seq]++
		mu.Unlock()
	})
	s := traffic.Stream{Name: "s", Arm: "base", Rate: 200, Duration: 505 * time.Millisecond, Path: "/"}
	few := traffic.Stream{Name: "few", Arm: "base", Rate: 1, Duration: time.Second, Path: "/few"}
	few.Timeout = time.Second
	ahead := 5 * time.Second                                               // of the record's clock
	zero := record.At(time.Now().Add(100*time.Millisecond + ahead)).Time() // as a job has it: without a monotonic clock
	logs := make([]bytes.Buffer, 3)
	events := make([]bytes.Buffer, 3)
	all := make([]Stats, 3)
	var last [3]Progress
	var wg sync.WaitGroup
	for i := range logs {
		wg.Go(func() {
			stats, err := Run(t.Context(), Config{
				Streams: []traffic.Stream{s, few}, Target: url, Zero: zero, Out: &logs[i], MaxLateness: time.Minute,
				Shard: traffic.Shard{Index: uint64(i), Count: 3}, ClockOffset: record.Micros(ahead / time.Microsecond),
				Events: record.NewEventWriter(&events[i]), Progress: func(p Progress) { last[i] = p },
			})
			require.NoError(t, err)
			all[i] = stats
		})
	}
	wg.Wait()
	seen, due := map[uint64]bool{}, uint64(0)
	for i := range logs {
		require.Len(t, all[i].Streams, 2)
		require.False(t, all[i].Interrupted, "its part was all there is")
		require.Equal(t, all[i].Streams[0].Due+all[i].Streams[1].Due, last[i].Due)
		due += all[i].Streams[0].Due
		require.InDelta(t, 0, all[i].Streams[0].RateErrorPercent, 50, "by its own part of the rate: of the whole it would be a third")
		reqs, tail, err := record.ReadRequests(&logs[i])
		require.NoError(t, err)
		require.True(t, tail.Complete)
		for _, r := range reqs {
			if r.Stream == few.Name {
				require.Zero(t, i, "the others have none of it")
				continue
			}
			require.EqualValues(t, i, r.Seq%3)
			require.False(t, seen[r.Seq])
			seen[r.Seq] = true
			require.Equal(t, record.At(zero.Add(s.Due(r.Seq))), r.Due, "by the record's clock")
			require.GreaterOrEqual(t, r.Sent, r.Due)
			require.Less(t, r.Done.Sub(r.Due), ahead)
		}
		es, _, err := record.ReadEvents(&events[i])
		require.NoError(t, err)
		require.Greater(t, es[len(es)-1].At, record.At(zero), "events too")
	}
	require.Equal(t, s.Count(), due)
	require.Len(t, seen, int(s.Count()))
	for seq := range s.Count() {
		want := 1
		if seq == 0 {
			want = 2 // of few, too
		}
		require.Equal(t, want, asked[seq], "request %d reached the target", seq)
	}
}

func TestNoShardOfItsNumber(t *testing.T) {
	_, err := Run(t.Context(), Config{Shard: traffic.Shard{Index: 2, Count: 2}})
	require.ErrorContains(t, err, "shard 2 of 2")
}
