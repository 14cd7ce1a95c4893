package collect_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen"
	"zeroloss/loadgen/collect"
	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
)

// pod is a load pod on two ports of this machine.
func pod(t *testing.T) (c *collect.Client, events string) {
	t.Helper()
	s, err := collect.NewServer(t.TempDir())
	require.NoError(t, err)
	web, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	desk, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan error)
	go func() { over <- s.Serve(ctx, web, desk) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-over) })
	return collect.HTTP("http://" + web.Addr().String()), desk.Addr().String()
}

// phone is a service's end of a connection.
type phone struct {
	t *testing.T
	net.Conn
	in *json.Decoder
}

func dial(t *testing.T, addr string, i record.Instance) (phone, record.Answer) {
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	p := phone{t, c, json.NewDecoder(c)}
	p.say(record.Hello{Hello: i})
	return p, p.hear()
}

func (p phone) say(v any) {
	b, err := json.Marshal(v)
	require.NoError(p.t, err)
	_, err = p.Write(append(b, '\n'))
	require.NoError(p.t, err)
}

func (p phone) hear() (a record.Answer) {
	require.NoError(p.t, p.in.Decode(&a))
	return a
}

// await hears answers until n lines are acknowledged.
func (p phone) await(n int) {
	for p.hear().Received < n {
	}
}

func TestLinesSurviveABrokenConnection(t *testing.T) {
	c, addr := pod(t)
	b := record.Instance{Pod: "b-1", Incarnation: 2}
	p, a := dial(t, addr, b)
	require.Zero(t, a.Received)
	p.say(record.Event{Instance: b, Payload: record.Starting{}})
	p.say(record.Event{Payload: record.Listening{}, Instance: b})
	p.await(2)
	_, err := p.Write([]byte(`{"kind":"torn`))
	require.NoError(t, err)
	require.NoError(t, p.Close())

	p, a = dial(t, addr, b)
	require.Equal(t, 2, a.Received, "the torn line is not there")
	p.say(record.Event{Payload: record.End{}, Instance: b})
	p.await(3)

	require.NoError(t, c.Close(t.Context()))
	got := map[string][]record.Kind{}
	s := &collect.EventSplitter{Line: func(name string, line []byte) error {
		var e record.Event
		require.NoError(t, json.Unmarshal(line, &e))
		got[name] = append(got[name], e.Kind())
		return nil
	}}
	require.NoError(t, c.Follow(t.Context(), "events", s))
	require.Equal(t, map[string][]record.Kind{"b-1.2": {record.KindStarting, record.KindListening, record.KindEnd}}, got)
	state, err := c.State(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]int{"b-1/2": 3}, state.Streams)
}

func TestClock(t *testing.T) {
	c, addr := pod(t)
	p, _ := dial(t, addr, record.Instance{Pod: "a", Incarnation: 1})
	t1 := record.At(time.Now())
	p.say(record.Ping{T1: t1})
	a := p.hear()
	o := record.OffsetOf(a.T1, a.T2, a.T3, record.At(time.Now()))
	require.Equal(t, t1, a.T1)
	require.False(t, o.Significant(), "%+v: one clock", o)
	o, err := c.ClockOffset(t.Context(), 5)
	require.NoError(t, err)
	require.False(t, o.Significant(), "%+v: one clock", o)
}

func TestWords(t *testing.T) {
	c, addr := pod(t)
	b := record.Instance{Pod: "b", Incarnation: 1}
	require.NoError(t, c.SendCommand(t.Context(), record.Instance{Pod: "a", Incarnation: 1}, record.CommandExit), "who is not there has left")
	p, _ := dial(t, addr, b)
	said := make(chan error)
	go func() { said <- c.SendCommand(t.Context(), b, record.CommandExit) }()
	require.Equal(t, record.CommandExit, p.hear().Command)
	require.NoError(t, p.Close())
	require.NoError(t, <-said)
}

// TestNobodyComesInThePlaceOfOneThatLeft: a cluster starts a container again that
// has left, and what that one would say has no end, and is not of the run. Who
// left may still say its last words.
func TestNobodyComesInThePlaceOfOneThatLeft(t *testing.T) {
	c, addr := pod(t)
	b := record.Instance{Pod: "b", Incarnation: 1}
	p, _ := dial(t, addr, b)
	said := make(chan error)
	go func() { said <- c.SendCommand(t.Context(), b, record.CommandExit) }()
	require.Equal(t, record.CommandExit, p.hear().Command)
	require.NoError(t, p.Close())
	require.NoError(t, <-said)

	p, _ = dial(t, addr, b)
	p.say(record.Event{Payload: record.End{}, Instance: b})
	p.await(1)

	again, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer again.Close()
	require.NoError(t, again.SetDeadline(time.Now().Add(10*time.Second)))
	q := phone{t, again, json.NewDecoder(again)}
	q.say(record.Hello{Hello: record.Instance{Pod: "b", Incarnation: 2}})
	require.ErrorIs(t, q.in.Decode(&record.Answer{}), io.EOF, "it is hung up on")
	dial(t, addr, record.Instance{Pod: "c", Incarnation: 1}) // others come as before
	state, err := c.State(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]int{"b/1": 1, "c/1": 0}, state.Streams)
}

// cut breaks every answer of a log after a few bytes.
func cut(c *collect.Client) (front *httptest.Server, breaks *int) {
	n := 0
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := c.Do(r.Context(), r.Method, r.URL.RequestURI(), nil)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer body.Close()
		some := make([]byte, 1000)
		k, _ := body.Read(some)
		w.Write(some[:k])
		n++
	})), &n
}

func TestLoadAndItsLog(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer target.Close()
	c, desk := pod(t)
	_, a := dial(t, desk, record.Instance{Pod: "a", Incarnation: 1})
	require.False(t, a.LoadStarted)
	front, breaks := cut(c)
	defer front.Close()
	var log, events bytes.Buffer
	var wg sync.WaitGroup
	wg.Go(func() { require.NoError(t, collect.HTTP(front.URL).Follow(t.Context(), "requests", &log)) })

	require.NoError(t, c.Load(t.Context(), loadgen.Job{
		Schema: loadgen.JobSchema, Target: target.URL, Requests: "not used",
		Zero:    record.At(time.Now().Add(50 * time.Millisecond)),
		Streams: []traffic.Stream{{Name: "base", Arm: "base", Rate: 200, Duration: 500 * time.Millisecond, Path: "/"}},
	}))
	wg.Wait()
	_, a = dial(t, desk, record.Instance{Pod: "b", Incarnation: 1})
	require.True(t, a.LoadStarted)
	requests, tail, err := record.ReadRequests(&log)
	require.NoError(t, err)
	require.True(t, tail.Complete)
	require.Len(t, requests, 100)
	require.Greater(t, *breaks, 1, "the log came in pieces")

	require.ErrorContains(t, c.Load(t.Context(), loadgen.Job{Schema: loadgen.JobSchema}), "has already been started")
	require.NoError(t, c.Close(t.Context()))
	require.NoError(t, c.Follow(t.Context(), "events", &events))
	require.Contains(t, events.String(), `load {"at":`)
	require.Contains(t, events.String(), `"kind":"load-end"`)
}

func TestFollowEndsWithItsContext(t *testing.T) {
	c, _ := pod(t)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.ErrorIs(t, c.Follow(ctx, "events", &bytes.Buffer{}), context.Canceled)
}
