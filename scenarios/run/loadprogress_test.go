package run

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProgressReader(t *testing.T) {
	var c ProgressReader
	require.Nil(t, c.Latest())
	out := strings.NewReader(`{"streams":[{"name":"base","due":3,"sent":2,"unsent":1,"ok":2}]}` + "\nno JSON\nmore\n")
	require.ErrorContains(t, c.Read(out), "reading the progress of the load generator")
	require.Zero(t, out.Len(), "the process does not block on its output")
	require.Equal(t, []StreamCount{{Stream: "base", Due: 3, Sent: 2, Unsent: 1, OK: 2}}, c.Latest())
}
