package record_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
)

func TestOffsetOf(t *testing.T) {
	tests := []struct {
		name           string
		t1, t2, t3, t4 record.Micros
		want           record.Offset
		significant    bool
	}{
		{"one clock, 100 µs each way", 1000, 1100, 1150, 1250, record.Offset{Within: 100}, false},
		{"5 ms ahead", 1000, 6100, 6150, 1250, record.Offset{Ahead: 5000, Within: 100}, true},
		{"5 ms behind", 10_000, 5100, 5150, 10_250, record.Offset{Ahead: -5000, Within: 100}, true},
		{"one way slow: wrong by less than it says", 1000, 1010, 1010, 2010, record.Offset{Ahead: -495, Within: 505}, false},
		{"no time at all", 1000, 1000, 1000, 1000, record.Offset{}, false},
	}
	for _, tt := range tests {
		got := record.OffsetOf(tt.t1, tt.t2, tt.t3, tt.t4)
		require.Equal(t, tt.want, got, tt.name)
		require.Equal(t, tt.significant, got.Significant(), tt.name)
	}
}

// Whatever the way there and back takes, the true offset lies within what is
// said.
func FuzzOffsetIsWithinWhatItSays(f *testing.F) {
	f.Add(int64(5000), uint16(10), uint16(1000), uint16(50))
	f.Fuzz(func(t *testing.T, ahead int64, there, back, thinking uint16) {
		ahead %= 1e12
		t1 := record.Micros(1e15)
		t2 := t1 + record.Micros(there) + record.Micros(ahead)
		t3 := t2 + record.Micros(thinking)
		t4 := t3 + record.Micros(back) - record.Micros(ahead)
		o := record.OffsetOf(t1, t2, t3, t4)
		off := o.Ahead - record.Micros(ahead)
		require.LessOrEqual(t, max(off, -off), o.Within)
	})
}

func TestControlLine(t *testing.T) {
	line := func(v any) []byte {
		b, err := json.Marshal(v)
		require.NoError(t, err)
		return b
	}
	h, p, err := record.ControlLine(line(record.Hello{Hello: record.Instance{Pod: "b", Incarnation: 2}}))
	require.NoError(t, err)
	require.Equal(t, record.Instance{Pod: "b", Incarnation: 2}, h.Hello)
	require.Nil(t, p)
	h, p, err = record.ControlLine(line(record.Ping{T1: 7}))
	require.NoError(t, err)
	require.Nil(t, h)
	require.EqualValues(t, 7, p.T1)
	h, p, err = record.ControlLine(line(record.Event{At: 1, Payload: record.End{}}))
	require.NoError(t, err)
	require.Nil(t, h)
	require.Nil(t, p)
	for _, bad := range []string{`{"hello":7}`, `{"ping":"x"}`, `{"hello":`} {
		_, _, err := record.ControlLine([]byte(bad))
		require.Error(t, err, bad)
	}
}

// What is corrected is off by the measurement's own error; what is not, by
// what was measured as well.
func TestDoubt(t *testing.T) {
	require.Equal(t, record.Micros(300), record.Offset{Ahead: -9000, Within: 300}.Uncertainty())
	require.Equal(t, record.Micros(500), record.Offset{Ahead: -200, Within: 300}.Uncertainty())
	require.Zero(t, record.Offset{}.Uncertainty())
}
