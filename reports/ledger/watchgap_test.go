package ledger

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
)

// addWatchGap adds a watch gap from one second to another; to 0
// is that it is not seen again. It is told late when that begins, as runs do.
func addWatchGap(in *Input, of string, from, to float64) {
	in.Events = append(in.Events, record.Event{At: sec(from + 1), Payload: record.WatchGap{Resource: of, Since: sec(from)}})
	if to != 0 {
		in.Events = append(in.Events, record.Event{At: sec(to), Payload: record.WatchGap{Resource: of, Since: sec(from), Duration: sec(to).Sub(sec(from))}})
	}
}

// TestWatchGaps: A goes at 5 s and its end is seen at 5.4.
func TestWatchGaps(t *testing.T) {
	cases := map[string]struct {
		from, to float64
		lost     float64 // when a request fails
		says     string  // "" is a note, and no defect
	}{
		"over the release":            {4, 24, 0, "the cluster (pods) was not watched from 4.0 s to 24.0 s (watch gap), and orders-a/1 was taken out: the time and the cause are unknown; run again"},
		"it began meanwhile":          {5.2, 7, 0, "orders-a/1 was taken out"},
		"all was told after it":       {3, 4.9, 0, "orders-a/1 was taken out"},
		"long before":                 {1, 3, 0, ""},
		"long after":                  {6.5, 9, 0, ""},
		"over a loss":                 {6.5, 9, 8, "and 1 request failed"},
		"a loss just after it":        {6.5, 7.5, 8, "and 1 request failed"},
		"a loss long after it":        {6, 6.5, 8, ""},
		"a loss before it":            {8.5, 9, 8, ""},
		"to the end, after the loss":  {6.5, 0, 6, ""},
		"to the end, before the loss": {6.5, 0, 8, "not watched from 6.5 s to the end (watch gap), and 1 request failed"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			in := externalRun()
			addWatchGap(&in, "pods", c.from, c.to)
			if c.lost != 0 {
				fail(&in, c.lost, record.Refused, 0, time.Millisecond)
			}
			l := Build(in)
			if c.says == "" {
				require.Empty(t, l.Defects)
				require.Len(t, l.Notes, 1)
				require.Contains(t, l.Notes[0].Text, "the cluster (pods) was not watched from")
				return
			}
			require.Len(t, l.Defects, 1)
			require.Contains(t, l.Defects[0], c.says)
			require.Empty(t, l.Notes)
		})
	}
}

// TestOverlappingWatchGapsAreJoined, where several watches see nothing at once.
func TestOverlappingWatchGapsAreJoined(t *testing.T) {
	in := externalRun()
	addWatchGap(&in, "pods", 6.5, 8)
	addWatchGap(&in, "its API server", 6.4, 7)
	addWatchGap(&in, "pods", 8, 8.5)
	addWatchGap(&in, "endpointslices", 9, 9.5)
	addWatchGap(&in, "events", 20, 21)
	l := Build(in)
	require.Empty(t, l.Defects)
	require.Len(t, l.Notes, 2)
	require.Equal(t, "the cluster (its API server, pods) was not watched from 6.4 s to 8.5 s", l.Notes[0].Text)
	require.Equal(t, "the cluster (endpointslices) was not watched from 9.0 s to 9.5 s", l.Notes[1].Text)
}
