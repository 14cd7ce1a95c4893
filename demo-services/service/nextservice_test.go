package service_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/lossless"
	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

// callee is a raw server: serve gets each request with its number on its
// connection, from 0, and returns whether to keep the connection open.
func callee(t *testing.T, serve func(c *net.TCPConn, r *http.Request, nth int) bool) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				br := bufio.NewReader(c)
				for n := 0; ; n++ {
					r, err := http.ReadRequest(br)
					if err != nil {
						return
					}
					b, err := io.ReadAll(r.Body)
					if err != nil {
						return
					}
					r.Body = io.NopCloser(strings.NewReader(string(b)))
					if !serve(c.(*net.TCPConn), r, n) {
						return
					}
				}
			}()
		}
	}()
	return ln.Addr().String()
}

func say(c io.Writer, body string, headers ...string) bool {
	fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n", len(body))
	for i := 0; i < len(headers); i += 2 {
		fmt.Fprintf(c, "%s: %s\r\n", headers[i], headers[i+1])
	}
	fmt.Fprintf(c, "\r\n%s", body)
	return true
}

// consumerOf starts a service that calls "next", which lists addrs.
func (w *testEnv) consumerOf(change func(*settings.Document), addrs ...string) *runningService {
	for _, a := range addrs {
		w.publish("next", a)
	}
	d := w.settings("a")
	d.Next = "next"
	if change != nil {
		change(&d)
	}
	r := w.start(d, forward)
	r.log.await(w.t, record.KindReady)
	if len(addrs) > 0 {
		r.log.awaitHosts(w.t, len(addrs))
	}
	return r
}

func TestMaskedDeliveryIsTold(t *testing.T) {
	w := newTestEnv(t)
	addr := callee(t, func(c *net.TCPConn, _ *http.Request, nth int) bool {
		return nth == 0 && say(c, "ok") // a FIN for the second request of each connection
	})
	r := w.consumerOf(nil, addr)
	first := trail(t, get(t, "http://"+r.addr()+"/"))[0].Call
	require.Equal(t, 1, first.Attempts)
	require.Empty(t, first.Masked)
	require.Equal(t, record.Instance{Pod: "next-x", Incarnation: 1}, first.Callee)

	resp := get(t, "http://"+r.addr()+"/")
	require.Equal(t, 200, resp.StatusCode, "Go's transport hides the loss from the caller")
	second := trail(t, resp)[0].Call
	require.Equal(t, 2, second.Attempts)
	require.Len(t, second.Masked, 1)
	require.Equal(t, record.EOF, second.Masked[0].Class)
	require.Equal(t, addr, second.Masked[0].Addr)
	require.Empty(t, second.Class)
}

func TestPostIsNotSentAgain(t *testing.T) {
	w := newTestEnv(t)
	var got atomic.Int64
	addr := callee(t, func(c *net.TCPConn, r *http.Request, nth int) bool {
		b, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || string(b) != "a body" {
			return false
		}
		got.Add(1)
		return nth == 0 && say(c, "ok")
	})
	r := w.consumerOf(nil, addr)
	post := func() *http.Response {
		resp, err := request(t, http.MethodPost, "http://"+r.addr()+"/", strings.NewReader("a body"))
		require.NoError(t, err)
		return resp
	}
	require.Equal(t, 200, post().StatusCode)
	resp := post()
	require.Equal(t, 502, resp.StatusCode)
	call := trail(t, resp)[0].Call
	require.Equal(t, record.EOF, call.Class)
	require.Equal(t, 1, call.Attempts)
	require.Empty(t, call.Masked)
	require.EqualValues(t, 2, got.Load())
}

func TestFailedCalls(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	for _, c := range []struct {
		name   string
		addr   string
		status int
		want   record.Class
		callee int // its status
	}{
		{"refused", closed.Addr().String(), 502, record.Refused, 0},
		{"fin", callee(t, func(*net.TCPConn, *http.Request, int) bool { return false }), 502, record.EOF, 0},
		{"rst", callee(t, func(c *net.TCPConn, _ *http.Request, _ int) bool { return c.SetLinger(0) != nil }), 502, record.ResetBeforeByte, 0},
		{"silent", callee(t, func(*net.TCPConn, *http.Request, int) bool { return true }), 504, record.TimeoutFirstByte, 0},
		{"cut short", callee(t, func(c *net.TCPConn, _ *http.Request, _ int) bool {
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
			return false
		}), 502, record.Truncated, 200},
		{"stalled", callee(t, func(c *net.TCPConn, _ *http.Request, _ int) bool {
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
			return true
		}), 504, record.TimeoutBody, 200},
		{"5xx", callee(t, func(c *net.TCPConn, _ *http.Request, _ int) bool {
			fmt.Fprint(c, "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")
			return true
		}), 502, record.Status5xx, 503},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newTestEnv(t)
			r := w.consumerOf(func(d *settings.Document) { d.Call.Timeout = 200 * time.Millisecond }, c.addr)
			resp := get(t, "http://"+r.addr()+"/")
			require.Equal(t, c.status, resp.StatusCode)
			hops := trail(t, resp)
			call := hops[0].Call
			require.Equal(t, c.want, call.Class)
			require.Equal(t, c.callee, call.Status)
			require.Equal(t, c.addr, call.Addr)
			require.NotZero(t, call.At)
			_, root, ok := hops.Root()
			require.True(t, ok)
			require.Equal(t, c.want, root)
		})
	}
}

func TestNobodyToCall(t *testing.T) {
	w := newTestEnv(t)
	d := w.settings("a")
	d.Next = "next"
	r := w.start(d, forward)
	resp := get(t, "http://"+r.addr()+"/")
	require.Equal(t, 502, resp.StatusCode)
	call := trail(t, resp)[0].Call
	require.Equal(t, record.NoInstance, call.Class)
	require.Zero(t, call.Attempts)
	require.Equal(t, record.Instance{}, call.Callee)
}

func TestRetryNextInstance(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	for _, retry := range []bool{false, true} {
		t.Run(fmt.Sprint(retry), func(t *testing.T) {
			w := newTestEnv(t)
			good := callee(t, func(c *net.TCPConn, _ *http.Request, _ int) bool { return say(c, "ok") })
			r := w.consumerOf(func(d *settings.Document) { d.Consumer.RetryNextInstance = retry }, good)
			w.publishAs("next", "next-y", closed.Addr().String())
			r.log.awaitHosts(t, 2)
			var failed, masked int
			for range 4 { // round robin: both are called
				resp := get(t, "http://"+r.addr()+"/")
				call := trail(t, resp)[0].Call
				if resp.StatusCode != 200 {
					failed++
				}
				if masked += len(call.Masked); len(call.Masked) > 0 {
					require.Equal(t, record.Refused, call.Masked[0].Class)
					require.Equal(t, closed.Addr().String(), call.Masked[0].Addr)
					require.Equal(t, 2, call.Attempts)
					require.Equal(t, good, call.Addr)
				}
			}
			if retry {
				require.Zero(t, failed)
				require.NotZero(t, masked)
			} else {
				require.Equal(t, []int{2, 0}, []int{failed, masked})
			}
		})
	}
}

func TestTagsTravel(t *testing.T) {
	for _, c := range []struct {
		name     string
		own      string
		trace    bool
		send     []string
		want     string
		conflict bool
	}{
		{"none", "", false, nil, "", false},
		{"header", "", false, []string{"x-mse-tag", "gray"}, "gray", false},
		{"baggage", "", false, []string{"baggage", "a=b,mse-tag=gray"}, "gray", false},
		{"header wins", "", false, []string{"x-mse-tag", "gray", "baggage", "mse-tag=blue"}, "gray", true},
		{"own tag stays", "gray", false, nil, "", false},
		{"own tag leaves with it", "gray", true, nil, "gray", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newTestEnv(t)
			seen := make(chan http.Header, 1)
			addr := callee(t, func(conn *net.TCPConn, r *http.Request, _ int) bool {
				seen <- r.Header
				return say(conn, "ok")
			})
			r := w.consumerOf(func(d *settings.Document) { d.Tag, d.Lane.TraceTag = c.own, c.trace }, addr)
			resp := get(t, "http://"+r.addr()+"/", c.send...)
			require.Equal(t, 200, resp.StatusCode)
			h := <-seen
			require.Equal(t, c.want, h.Get("x-mse-tag"))
			if c.want != "" {
				require.Contains(t, h.Get("baggage"), "mse-tag="+c.want)
			}
			require.Equal(t, net.JoinHostPort(r.doc.IP, "20900"), h.Get(lossless.ConsumerHeader))
			require.Equal(t, c.want, trail(t, resp)[0].Call.Wanted)
			if c.conflict {
				r.log.await(t, record.KindTagConflict)
			}
			require.Equal(t, c.conflict, count(r.log.kinds(), record.KindTagConflict) == 1)
		})
	}
}

func TestMarkerTurnsTheConsumerAway(t *testing.T) {
	w := newTestEnv(t)
	id := lossless.Identity{Instance: record.Instance{Pod: "next-x", Incarnation: 1}}
	var start atomic.Int64
	going := callee(t, func(c *net.TCPConn, _ *http.Request, _ int) bool {
		m := id
		m.Start = start.Load()
		return say(c, "going", lossless.MarkerHeader, m.String())
	})
	staying := callee(t, func(c *net.TCPConn, _ *http.Request, _ int) bool { return say(c, "staying") })
	r := w.consumerOf(nil, going)
	w.publishAs("next", "next-y", staying)
	r.log.awaitHosts(t, 2)
	list := r.log.awaitWhere(t, "list", func(e record.Event) bool { return listOf(e) == 2 })
	start.Store(startOf(t, list, "next-x/1"))
	eventually(t, func() bool { return text(t, get(t, "http://"+r.addr()+"/")) == "going" })
	mark := r.log.await(t, record.KindMarkSet)
	require.Equal(t, record.MarkSet{Marked: record.Instance{Pod: "next-x", Incarnation: 1}, Source: record.SourceMarker}, mark.Payload)
	eventually(t, func() bool { return text(t, get(t, "http://"+r.addr()+"/")) == "staying" })
	for range 6 {
		require.Equal(t, "staying", text(t, get(t, "http://"+r.addr()+"/")))
	}
}

func TestNotice(t *testing.T) {
	w := newTestEnv(t)
	provider := w.settings("next")
	provider.Offline.Notify = true
	provider.MSE = settings.MSE{On: true, OfflinePort: 54199}
	p := w.start(provider, hello)
	p.log.await(t, record.KindReady)
	r := w.consumerOf(nil)
	r.log.awaitHosts(t, 1)
	require.Equal(t, 200, get(t, "http://"+r.addr()+"/").StatusCode) // so that the provider knows its consumer
	require.Equal(t, 200, offline(t, provider, "GET", ":54199").StatusCode)
	notified := p.log.await(t, record.KindNotified)
	require.Equal(t, record.Notified{Consumer: net.JoinHostPort(r.doc.IP, "20900"), Acknowledged: true}, notified.Payload)
	mark := r.log.await(t, record.KindMarkSet)
	require.Equal(t, record.MarkSet{Marked: record.Instance{Pod: "next-1", Incarnation: 1}, Source: record.SourceNotice}, mark.Payload)

	resp, err := request(t, http.MethodPost, "http://"+r.doc.IP+":20900/notify", strings.NewReader("nonsense"))
	require.NoError(t, err)
	require.Equal(t, 400, resp.StatusCode)
}

func TestConsumerThatIsGoneIsMissed(t *testing.T) {
	w := newTestEnv(t)
	provider := w.settings("next")
	provider.Offline.Notify = true
	p := w.start(provider, hello)
	p.log.await(t, record.KindReady)
	require.Equal(t, 200, get(t, "http://"+p.addr()+"/", lossless.ConsumerHeader, "127.0.0.1:1").StatusCode)
	p.term <- syscall.SIGTERM
	require.Equal(t, 0, p.wait())
	require.Equal(t, record.Notified{Consumer: "127.0.0.1:1"}, p.log.await(t, record.KindNotified).Payload)
}
