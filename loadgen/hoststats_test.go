package loadgen

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestHostStats(t *testing.T) {
	require.Equal(t, 1230*time.Millisecond, *parseSteal([]byte("cpu  1 2 3 4 5 6 7 123 9 0\ncpu0 1\n")))
	require.Nil(t, parseSteal([]byte("cpu 1 2")))
	require.Equal(t, 123456*time.Microsecond, *parsePressure([]byte("some avg10=0.00 avg60=0.00 avg300=0.00 total=123456\nfull total=1\n")))
	require.Nil(t, parsePressure([]byte("nonsense")))
	s := readHost().statsSince()
	require.Positive(t, s.Wall)
	require.Equal(t, processCPU() == nil, s.CPU == nil)

	before, after := 3*time.Second, 5*time.Second
	require.Equal(t, 2*time.Second, *difference(&after, &before))
	require.Nil(t, difference(&after, nil), "what was not read is not known")
}
