package traffic

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestShard(t *testing.T) {
	for _, c := range []struct {
		shard Shard
		n     uint64   // the stream's requests
		seqs  []uint64 // the shard's
	}{
		{Shard{}, 3, []uint64{0, 1, 2}},
		{Shard{Count: 1}, 3, []uint64{0, 1, 2}},
		{Shard{Index: 0, Count: 3}, 7, []uint64{0, 3, 6}},
		{Shard{Index: 1, Count: 3}, 7, []uint64{1, 4}},
		{Shard{Index: 2, Count: 3}, 7, []uint64{2, 5}},
		{Shard{Index: 2, Count: 3}, 2, nil},
		{Shard{Index: 4, Count: 5}, 0, nil},
	} {
		require.NoError(t, c.shard.Check())
		require.EqualValues(t, len(c.seqs), c.shard.Requests(c.n), "%+v of %d", c.shard, c.n)
		for k, seq := range c.seqs {
			require.Equal(t, seq, c.shard.Seq(uint64(k)))
		}
	}
	require.InDelta(t, 100.0/3, Shard{Index: 1, Count: 3}.Rate(100), 1e-9)
	require.Equal(t, 100.0, Shard{}.Rate(100))
	require.ErrorContains(t, Shard{Index: 3, Count: 3}.Check(), "shard 3 of 3")
	require.Error(t, Shard{Index: 1}.Check())
}

// TestShardsAreTheWhole: whatever the rate, the duration and the number of
// shards, each request is one shard's, and at each instant as many are due of
// the shards as of the whole.
func TestShardsAreTheWhole(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, s := range streams(200) {
		of := 1 + rng.Uint64N(9)
		count := s.Count()
		sent := make([]byte, count)
		var at time.Duration
		if s.Duration > 0 {
			at = s.Start + time.Duration(rng.Int64N(int64(s.Duration)))
		}
		var due uint64
		for i := range of {
			shard := Shard{Index: i, Count: of}
			for k := range shard.Requests(count) {
				sent[shard.Seq(k)]++
			}
			n := shard.Requests(s.DueBy(at))
			due += n
			if n > 0 {
				require.LessOrEqual(t, s.Due(shard.Seq(n-1)), at)
			}
			if n < shard.Requests(count) {
				require.Greater(t, s.Due(shard.Seq(n)), at)
			}
		}
		require.Equal(t, s.DueBy(at), due, "%+v in %d", s, of)
		once := bytes.Repeat([]byte{1}, int(count))
		require.True(t, bytes.Equal(once, sent), "each request of %+v is one shard's of %d", s, of)
	}
}
