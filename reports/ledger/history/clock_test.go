package history

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
)

// Of several load pods the worst clock is the client's.
func TestClientClock(t *testing.T) {
	var events []record.Event
	for pod, within := range map[string]record.Micros{"a-1": 200, "load-1": 700, "load-2": 100} {
		events = append(events, record.Event{Instance: record.Instance{Pod: pod, Incarnation: 1}, Payload: record.ClockOffset{Within: within}})
	}
	c := newClocks(events)
	a, b := record.Instance{Pod: "a-1", Incarnation: 1}, record.Instance{Pod: "b-1", Incarnation: 1}
	require.Equal(t, 900*time.Microsecond, c.Between(record.Instance{}, a))
	require.Equal(t, 200*time.Microsecond, c.Between(b, a))
	require.Zero(t, c.Between(a, a))
	require.Equal(t, 700*time.Microsecond, c.WithHarness(record.Instance{}))
}
