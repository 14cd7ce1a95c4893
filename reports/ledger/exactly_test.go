package ledger_test

import (
	"bytes"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen"
	"zeroloss/loadgen/faultserver"
	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
	"zeroloss/reports/ledger"
	"zeroloss/scenarios/plan"
)

// TestExactlyKThroughTheWholeInstrument: a real server loses k requests of
// each stream in a given way, the real generator records them, and the ledger
// says exactly k of that class; those that Go's transport sent again are
// masked, and not lost.
func TestExactlyKThroughTheWholeInstrument(t *testing.T) {
	for _, c := range []struct {
		fault faultserver.Fault
		class record.Class
	}{
		{faultserver.FIN, record.EOF},
		{faultserver.RST, record.ResetBeforeByte},
		{faultserver.RSTMidBody, record.ResetMidBody},
		{faultserver.Truncated, record.Truncated},
		{faultserver.Status503, record.Status5xx},
		{faultserver.StallFirstByte, record.TimeoutFirstByte},
		{faultserver.StallBody, record.TimeoutBody},
	} {
		for _, k := range []int{1, 5, 50} {
			t.Run(fmt.Sprintf("%s/%d", c.fault, k), func(t *testing.T) {
				t.Parallel()
				hidden := c.fault == faultserver.FIN || c.fault == faultserver.RST
				chosen := map[string]func(faultserver.Arrival) faultserver.Fault{}
				for _, path := range []string{"/get", "/post"} {
					chosen[path] = faultserver.LoseFirst(k, c.fault, func(a faultserver.Arrival) bool {
						if hidden && a.Path == "/get" {
							return a.Reused()
						}
						return a.Seq%2 == 1
					})
				}
				s, err := faultserver.Start(func(a faultserver.Arrival) faultserver.Fault { return chosen[a.Path](a) }, nil)
				require.NoError(t, err)
				cfg := loadgen.Config{Streams: streams(3*k+40, c.class), Target: s.URL()}
				if hidden {
					cfg.MaxWorkers = 1 // each but the first finds a used connection
				}
				l := account(t, cfg)
				require.NoError(t, s.Close())
				for _, a := range l.Arms {
					if hidden && a.Name == "get" {
						require.Zero(t, a.Lost)
						require.Equal(t, map[string]int{"client->target": k}, a.MaskedByHop)
						continue
					}
					require.Equal(t, k, a.Lost, a.Name)
					require.Equal(t, map[record.Class]int{c.class: k}, a.ByClass)
					require.Equal(t, map[record.Class]int{c.class: k}, a.ByClientClass)
					require.Empty(t, a.MaskedByHop)
				}
			})
		}
	}
}

func TestExactlyKRefusedThroughTheWholeInstrument(t *testing.T) {
	for _, k := range []int{1, 5, 50} {
		t.Run(fmt.Sprint(k), func(t *testing.T) {
			t.Parallel()
			refusing, release, err := faultserver.RefusingAddr()
			require.NoError(t, err)
			s, err := faultserver.Start(func(faultserver.Arrival) faultserver.Fault { return faultserver.None }, nil)
			require.NoError(t, err)
			l := account(t, loadgen.Config{
				Streams: streams(2*k+40, record.Refused), Target: s.URL(),
				Divert: func(_ string, seq uint64) string {
					if seq%2 == 1 && seq < uint64(2*k) {
						return refusing
					}
					return ""
				},
			})
			require.NoError(t, s.Close())
			require.NoError(t, release())
			for _, a := range l.Arms {
				require.Equal(t, map[record.Class]int{record.Refused: k}, a.ByClass)
				require.Equal(t, k, a.Lost)
				require.Empty(t, a.MaskedByHop)
			}
		})
	}
}

// streams are a GET on kept connections and a POST, each an arm of its own.
func streams(n int, class record.Class) []traffic.Stream {
	const rate = 400
	s := traffic.Stream{Rate: rate, Duration: time.Duration(n) * time.Second / rate, Timeout: 20 * time.Second, Connections: traffic.KeepAlive}
	if class == record.TimeoutFirstByte || class == record.TimeoutBody {
		s.Timeout = 1500 * time.Millisecond
	}
	get, post := s, s
	get.Name, get.Arm, get.Path = "get", "get", "/get"
	post.Name, post.Arm, post.Path, post.Method, post.Body = "post", "post", "/post", "POST", "a body"
	return []traffic.Stream{get, post}
}

// account sends the streams and closes the account of what was recorded.
func account(t *testing.T, c loadgen.Config) *ledger.Ledger {
	t.Helper()
	var log bytes.Buffer
	c.Out, c.Zero, c.MaxLateness = &log, time.Now().Add(20*time.Millisecond), time.Minute
	c.Dial = new(net.Dialer).DialContext // a busy machine must not add losses of its own
	_, err := loadgen.Run(t.Context(), c)
	require.NoError(t, err)
	requests, tail, err := record.ReadRequests(&log)
	require.NoError(t, err)
	require.True(t, tail.Complete)
	l := ledger.Build(ledger.Input{
		Plan: &plan.Plan{Streams: c.Streams, Arms: []plan.Arm{{Name: "get"}, {Name: "post"}}},
		Zero: record.At(c.Zero), End: record.At(time.Now()), Requests: requests,
	})
	require.Empty(t, l.Defects)
	for i, a := range l.Arms {
		require.Equal(t, int(c.Streams[i].Count()), a.Sent)
		require.Nil(t, a.Masked, "whether the server itself lost anything is not seen")
	}
	return l
}
