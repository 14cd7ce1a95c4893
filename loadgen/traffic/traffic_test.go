package traffic

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func streams(n int) []Stream {
	rng := rand.New(rand.NewPCG(1, 2))
	all := []Stream{
		{Rate: 100, Duration: 70 * time.Second},
		{Rate: 500, Duration: time.Minute, Start: -time.Second},
		{Rate: 1.0 / 3, Duration: 10 * time.Second, Start: time.Second},
		{Rate: 3, Duration: time.Nanosecond},
	}
	for len(all) < n {
		all = append(all, Stream{
			Rate:     0.01 + 3000*rng.Float64()*rng.Float64(),
			Duration: time.Duration(1 + rng.Int64N(int64(time.Minute))),
			Start:    time.Duration(rng.Int64N(int64(10*time.Second))) - 5*time.Second,
		})
	}
	return all
}

func TestDueByIsTheInverseOfDue(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, s := range streams(300) {
		count := s.Count()
		require.Positive(t, count)
		for range 20 {
			n := rng.Uint64N(count)
			require.Equal(t, n+1, s.DueBy(s.Due(n)), "%+v", s)
			require.Equal(t, n, s.DueBy(s.Due(n)-1), "%+v", s)
		}
	}
}

func TestCountIsWhatFallsIntoTheDuration(t *testing.T) {
	for _, s := range streams(300) {
		count := s.Count()
		require.Less(t, s.Due(count-1), s.Start+s.Duration, "%+v", s)
		require.GreaterOrEqual(t, s.Due(count), s.Start+s.Duration, "%+v", s)
		require.Equal(t, count, s.DueBy(s.Start+s.Duration), "%+v", s)
		require.Equal(t, count, s.DueBy(s.Start+2*s.Duration), "%+v", s)
		require.Zero(t, s.DueBy(s.Start-1))
	}
	require.Equal(t, uint64(7000), Stream{Rate: 100, Duration: 70 * time.Second}.Count())
	require.Zero(t, Stream{Rate: 100}.Count())
	require.Zero(t, Stream{Duration: time.Second}.Count())
}

func TestDueDoesNotDrift(t *testing.T) {
	s := Stream{Rate: 300, Duration: time.Hour}
	require.InDelta(t, time.Hour, s.Due(300*3600), float64(time.Microsecond))
	for n := range uint64(10_000) {
		require.Less(t, s.Due(n), s.Due(n+1))
	}
}
