package service

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
)

func TestStall(t *testing.T) {
	due := time.UnixMicro(1_700_000_000_000_000)
	_, ok := stallEvent(due, due.Add(minStall-1))
	require.False(t, ok, "so late is everybody now and then")
	e, ok := stallEvent(due, due.Add(310*time.Millisecond))
	require.True(t, ok)
	require.Equal(t, record.Event{Payload: record.Stalled{Since: record.At(due), Duration: 310 * time.Millisecond}}, e)
}
