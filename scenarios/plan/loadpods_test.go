package plan

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/traffic"
)

func TestLoadPods(t *testing.T) {
	stream := func(rate float64, start, duration time.Duration) traffic.Stream {
		return traffic.Stream{Rate: rate, Start: start, Duration: duration}
	}
	const minute = time.Minute
	for name, c := range map[string]struct {
		streams []traffic.Stream
		want    int
	}{
		"none":             {nil, 1},
		"little":           {[]traffic.Stream{stream(100, 0, minute), stream(100, 0, minute)}, 1},
		"as much as one":   {[]traffic.Stream{stream(1000, 0, minute), stream(1000, 0, minute)}, 1},
		"a bit more":       {[]traffic.Stream{stream(1000, 0, minute), stream(1000.5, 0, minute)}, 2},
		"much":             {[]traffic.Stream{stream(5000, 0, minute)}, 3},
		"one by one":       {[]traffic.Stream{stream(1500, 0, minute), stream(1500, minute, minute)}, 1},
		"overlapping":      {[]traffic.Stream{stream(1500, 0, minute), stream(1500, minute-1, minute)}, 2},
		"three, two apart": {[]traffic.Stream{stream(1500, 0, 2*minute), stream(1500, minute, minute), stream(1500, 2*minute, minute)}, 2},
	} {
		require.Equal(t, c.want, (&Plan{Streams: c.streams}).LoadPods(), name)
	}
}
