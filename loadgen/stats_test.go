package loadgen

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
)

func TestTally(t *testing.T) {
	y := newTally(traffic.Stream{Name: "s", Rate: 200}, traffic.Shard{Index: 1, Count: 2})
	for i := range 101 {
		due := record.Micros(1_000_000 + 10_000*i)
		r := record.Request{Due: due, Sent: due + record.Micros(i), Done: due + 5000}
		switch {
		case i == 50:
			r = record.Request{Due: due, Unsent: true}
		case i%10 == 0:
			r.Class = record.Refused
		}
		y.add(&r)
	}
	s := y.final()
	require.Equal(t, uint64(101), s.Due)
	require.Equal(t, uint64(100), s.Sent)
	require.Equal(t, uint64(1), s.Unsent)
	require.Equal(t, map[record.Class]uint64{record.Refused: 10}, s.Failed)
	require.Equal(t, uint64(90), s.OK)
	require.Equal(t, 49*time.Microsecond, s.SlipP50)
	require.Equal(t, 99*time.Microsecond, s.SlipP99)
	require.Equal(t, 100*time.Microsecond, s.SlipMax)
	require.InDelta(t, -1.01, s.RateErrorPercent, 0.001) // 99 gaps in 1.0001 s
}

func TestNearestRank(t *testing.T) {
	require.Zero(t, nearestRank(nil, 99))
	require.Equal(t, 7*time.Microsecond, nearestRank([]int32{7}, 50))
	require.Equal(t, 1*time.Microsecond, nearestRank([]int32{1, 2}, 50))
	require.Equal(t, 2*time.Microsecond, nearestRank([]int32{1, 2}, 99))
}
