package loadgen_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen"
	"zeroloss/loadgen/faultserver"
	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
)

// kinds are the streams of the instrument's test, by path.
func kinds(n int, timeout time.Duration) []traffic.Stream {
	const rate = 400
	s := traffic.Stream{Rate: rate, Duration: time.Duration(n) * time.Second / rate, Timeout: timeout}
	get, fresh, post := s, s, s
	get.Name, get.Path, get.Connections = "get", "/get", traffic.KeepAlive
	fresh.Name, fresh.Path, fresh.Connections = "new", "/new", traffic.New
	post.Name, post.Path, post.Method, post.Body = "post", "/post", "POST", "a body"
	return []traffic.Stream{get, fresh, post}
}

// send runs the streams against the fault server and returns the log by
// stream.
func send(t *testing.T, c loadgen.Config) map[string][]record.Request {
	var log bytes.Buffer
	c.Out, c.Zero, c.MaxLateness = &log, time.Now().Add(20*time.Millisecond), time.Minute
	if c.Dial == nil { // a busy machine must not add losses of its own
		c.Dial = new(net.Dialer).DialContext
	}
	stats, err := loadgen.Run(t.Context(), c)
	require.NoError(t, err)
	all, tail, err := record.ReadRequests(&log)
	require.NoError(t, err)
	require.True(t, tail.Complete)
	by := map[string][]record.Request{}
	for _, r := range all {
		by[r.Stream] = append(by[r.Stream], r)
	}
	for i, s := range c.Streams {
		require.Equal(t, s.Count(), stats.Streams[i].Due)
		require.Equal(t, s.Count(), stats.Streams[i].Sent)
		require.Len(t, by[s.Name], int(s.Count()))
	}
	return by
}

// check holds a stream's log against what was lost on purpose: the visible
// and the masked, request by request.
func check(t *testing.T, reqs []record.Request, class record.Class, visible, masked map[uint64]bool) {
	seen := map[uint64]bool{}
	for _, r := range reqs {
		require.False(t, seen[r.Seq], "request %d twice", r.Seq)
		seen[r.Seq] = true
		require.False(t, r.Unsent)
		require.GreaterOrEqual(t, r.Sent, r.Due)
		require.GreaterOrEqual(t, r.Done, r.Sent)
		switch {
		case visible[r.Seq]:
			require.Equal(t, class, r.Class, "request %d: %s", r.Seq, r.Error)
			require.Len(t, r.Attempts, 1)
		case masked[r.Seq]:
			require.Empty(t, r.Class, r.Error)
			require.Equal(t, 200, r.Status)
			require.Len(t, r.Attempts, 1)
		default:
			require.Empty(t, r.Class, "request %d: %s", r.Seq, r.Error)
			require.Empty(t, r.Attempts)
			require.Equal(t, "ok", r.Body)
			continue
		}
		require.Equal(t, class, r.Attempts[0].Class)
		require.GreaterOrEqual(t, r.Attempts[0].At, r.Sent)
	}
}

// TestExactlyK: k requests lost in a given way are k records of that class,
// no more and no less; what Go's transport hides is told as masked.
func TestExactlyK(t *testing.T) {
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
				exactlyK(t, c.fault, c.class, k)
			})
		}
	}
}

func exactlyK(t *testing.T, fault faultserver.Fault, class record.Class, k int) {
	hidden := fault == faultserver.FIN || fault == faultserver.RST
	chosen := map[string]func(faultserver.Arrival) faultserver.Fault{}
	for _, path := range []string{"/get", "/new", "/post"} {
		chosen[path] = faultserver.LoseFirst(k, fault, func(a faultserver.Arrival) bool {
			if hidden && a.Path == "/get" {
				return a.Reused()
			}
			return a.Seq%2 == 1
		})
	}
	s, err := faultserver.Start(func(a faultserver.Arrival) faultserver.Fault { return chosen[a.Path](a) }, nil)
	require.NoError(t, err)
	timeout := 20 * time.Second
	if class == record.TimeoutFirstByte || class == record.TimeoutBody {
		timeout = 1500 * time.Millisecond
	}
	c := loadgen.Config{Streams: kinds(3*k+40, timeout), Target: s.URL()}
	if hidden {
		c.MaxWorkers = 1 // one after the other: each but the first finds a used connection
	}
	logs := send(t, c)
	lost := map[string]map[uint64]bool{"/get": {}, "/new": {}, "/post": {}}
	for _, l := range s.Lost() {
		lost[l.Path][l.Seq] = true
	}
	require.NoError(t, s.Close())
	for path, name := range map[string]string{"/get": "get", "/new": "new", "/post": "post"} {
		require.Len(t, lost[path], k, path)
		if hidden && name == "get" {
			check(t, logs[name], class, nil, lost[path])
		} else {
			check(t, logs[name], class, lost[path], nil)
		}
	}
}

func TestExactlyKRefused(t *testing.T) {
	for _, k := range []int{1, 5, 50} {
		t.Run(fmt.Sprint(k), func(t *testing.T) {
			t.Parallel()
			refusing, release, err := faultserver.RefusingAddr()
			require.NoError(t, err)
			defer release()
			s, err := faultserver.Start(func(faultserver.Arrival) faultserver.Fault { return faultserver.None }, nil)
			require.NoError(t, err)
			lost := map[uint64]bool{}
			for i := range k {
				lost[uint64(2*i+1)] = true
			}
			logs := send(t, loadgen.Config{
				Streams: kinds(2*k+40, 20*time.Second), Target: s.URL(),
				Divert: func(_ string, seq uint64) string {
					if lost[seq] {
						return refusing
					}
					return ""
				},
			})
			require.NoError(t, s.Close())
			for _, reqs := range logs {
				check(t, reqs, record.Refused, lost, nil)
				for _, r := range reqs {
					if lost[r.Seq] {
						require.Equal(t, refusing, r.Attempts[0].Addr)
					}
				}
			}
		})
	}
}

// TestMaskedIsSeenOnlyOnReusedConnections: the same fault is visible where
// the transport does not send again.
func TestMaskedIsSeenOnlyOnReusedConnections(t *testing.T) {
	s, err := faultserver.Start(faultserver.LoseFirst(1, faultserver.FIN, func(a faultserver.Arrival) bool { return !a.Reused() }), nil)
	require.NoError(t, err)
	logs := send(t, loadgen.Config{Streams: kinds(10, 20*time.Second)[:1], Target: s.URL()})
	lost := s.Lost()
	require.NoError(t, s.Close())
	require.Len(t, lost, 1)
	check(t, logs["get"], record.EOF, map[uint64]bool{lost[0].Seq: true}, nil)
	u, err := url.Parse(s.URL())
	require.NoError(t, err)
	for _, r := range logs["get"] {
		for _, a := range r.Attempts {
			require.Equal(t, u.Host, a.Addr)
		}
	}
}

// dyingConn fails the first write after its first answer, once for all
// connections: not a byte of that request leaves.
type dyingConn struct {
	net.Conn
	answered atomic.Bool
	died     *atomic.Bool
}

func (c *dyingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.answered.Store(c.answered.Load() || n > 0)
	return n, err
}

func (c *dyingConn) Write(b []byte) (int, error) {
	if c.answered.Load() && c.died.CompareAndSwap(false, true) {
		return 0, syscall.ECONNRESET
	}
	return c.Conn.Write(b)
}

// TestPostIsNeverSentAgain: net/http would resend even a POST of which
// nothing was written, if it could have the body again.
func TestPostIsNeverSentAgain(t *testing.T) {
	for name, masked := range map[string]bool{"get": true, "post": false} {
		t.Run(name, func(t *testing.T) {
			s, err := faultserver.Start(func(faultserver.Arrival) faultserver.Fault { return faultserver.None }, nil)
			require.NoError(t, err)
			var died atomic.Bool
			all := kinds(40, 20*time.Second)
			stream := map[string]traffic.Stream{"get": all[0], "post": all[2]}[name]
			logs := send(t, loadgen.Config{Streams: []traffic.Stream{stream}, Target: s.URL(),
				Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
					c, err := new(net.Dialer).DialContext(ctx, network, addr)
					return &dyingConn{Conn: c, died: &died}, err
				}})
			require.NoError(t, s.Close())
			require.True(t, died.Load())
			lost := map[uint64]bool{}
			for _, r := range logs[name] {
				if len(r.Attempts) > 0 {
					lost[r.Seq] = true
				}
			}
			require.Len(t, lost, 1)
			if masked {
				check(t, logs[name], record.ResetBeforeByte, nil, lost)
			} else {
				check(t, logs[name], record.ResetBeforeByte, lost, nil)
			}
		})
	}
}
