package kube

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/collect"
	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/render"
	"zeroloss/scenarios/rundir"
)

// loadPodHere is a load pod on this machine.
func loadPodHere(t *testing.T) (*collect.Client, string) {
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

// speak sends events as a service does, and returns when they are kept.
func speak(t *testing.T, addr string, i record.Instance, events ...record.Event) {
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	out, in := json.NewEncoder(c), json.NewDecoder(c)
	require.NoError(t, out.Encode(record.Hello{Hello: i}))
	for _, e := range events {
		require.NoError(t, out.Encode(e))
	}
	for a := (record.Answer{}); a.Have < len(events); {
		require.NoError(t, in.Decode(&a))
	}
}

// one is the only load pod.
func one(c *collect.Client) *shard { return &shard{client: c, pod: render.LoadPod} }

func newCopier(t *testing.T, c *collect.Client) (*copier, func() []record.Event) {
	dir, err := rundir.Create(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, dir.Close()) })
	var mu sync.Mutex
	var heard []record.Event
	k := &copier{dir: dir, shard: one(c), client: c, hear: func(e record.Event) {
		mu.Lock()
		defer mu.Unlock()
		heard = append(heard, e)
	}}
	return k, func() []record.Event {
		mu.Lock()
		defer mu.Unlock()
		return heard
	}
}

// ahead is the offset of a clock that is 5 ms behind the load pod's.
var ahead = record.Event{At: 3, Kind: record.KindClockOffset, N: 5000, Data: mustJSON(record.Offset{Ahead: 5000, Within: 100})}

func TestCopierKeepsAllAndCorrectsClocks(t *testing.T) {
	client, desk := loadPodHere(t)
	k, heard := newCopier(t, client)
	k.clock = record.Offset{Ahead: 2000, Within: 10}
	k.begin(t.Context(), func(err error) { require.NoError(t, err) })
	b, c := record.Instance{Pod: "b-1", Incarnation: 1}, record.Instance{Pod: "c-1", Incarnation: 2}
	speak(t, desk, b, record.Event{At: 10_000, Kind: record.KindStarting, Instance: b}, ahead)
	speak(t, desk, c, record.Event{At: 20_000, Kind: record.KindStarting, Instance: c}, record.Event{At: 21_000, Kind: record.KindMachineInput, Instance: c})
	require.NoError(t, k.finish(t.Context()))

	read := func(name string) (out []record.Micros) {
		f, err := os.Open(k.dir.EventsPath(name))
		require.NoError(t, err)
		defer f.Close()
		events, _, err := record.ReadEvents(f)
		require.NoError(t, err)
		for _, e := range events {
			out = append(out, e.At)
		}
		return out
	}
	require.Equal(t, []record.Micros{15_000, 5003}, read("b-1.1"), "moved to the load pod's clock")
	require.Equal(t, []record.Micros{20_000, 21_000}, read("c-1.2"), "nothing is known of its clock, and nothing moved")
	require.Len(t, heard(), 3, "steps of machines are nothing to act upon")
	require.Equal(t, record.Micros(8000), heard()[0].At, "by the harness's clock")
	require.NoFileExists(t, k.dir.RequestsPath(""), "the load never began")
}

// written is a sink that keeps events.
type written struct{ events []record.Event }

func (w *written) Event(e record.Event) error { w.events = append(w.events, e); return nil }
func (w *written) Progress(run.Progress)      {}

func TestHarnessWritesByTheLoadPodsClock(t *testing.T) {
	for _, tt := range []struct {
		clock record.Offset
		want  record.Micros
	}{
		{record.Offset{Ahead: 2000, Within: 10}, 3000},
		{record.Offset{Ahead: -20, Within: 50}, 1000}, // less than can be told apart
	} {
		w := &written{}
		require.NoError(t, (&copier{clock: tt.clock}).sink(w).Event(record.Event{At: 1000, Since: 1000}))
		require.Equal(t, tt.want, w.events[0].At)
		require.Equal(t, tt.want, w.events[0].Since)
	}
}

func TestLoadFromTheHarnessSide(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer target.Close()
	client, _ := loadPodHere(t)
	k, _ := newCopier(t, client)
	k.begin(t.Context(), func(err error) { require.NoError(t, err) })
	p := &plan.Plan{Streams: []traffic.Stream{{Name: "base", Arm: "base", Rate: 100, Duration: 200 * time.Millisecond, Path: "/"}}}
	l := &load{plan: p, shards: []*shard{one(client)}, target: func() (string, error) { return target.URL, nil }}
	over := make(chan error, 1)
	l.Start(t.Context(), time.Now().Add(20*time.Millisecond), func(err error) { over <- err })
	require.NoError(t, <-over)
	require.Len(t, l.latest(), 1)
	require.EqualValues(t, 20, l.latest()[0].Sent)
	require.NoError(t, k.finish(t.Context()))
	f, err := os.Open(k.dir.RequestsPath(""))
	require.NoError(t, err)
	defer f.Close()
	requests, tail, err := record.ReadRequests(f)
	require.NoError(t, err)
	require.True(t, tail.Complete)
	require.Len(t, requests, 20)

	l.Start(t.Context(), time.Now(), func(err error) { over <- err })
	require.ErrorContains(t, <-over, "started before", "a load pod has one load")
}

func TestStoppedLoadEnds(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer target.Close()
	client, _ := loadPodHere(t)
	p := &plan.Plan{Streams: []traffic.Stream{{Name: "base", Arm: "base", Rate: 10, Duration: time.Hour, Path: "/"}}}
	l := &load{plan: p, shards: []*shard{one(client)}, target: func() (string, error) { return target.URL, nil }}
	over := make(chan error, 1)
	l.Start(t.Context(), time.Now(), func(err error) { over <- err })
	for s := (collect.State{}); s.Load == nil; {
		var err error
		s, err = client.State(t.Context())
		require.NoError(t, err)
	}
	l.Stop()
	require.NoError(t, <-over)
}

// A load pod that is gone is told, and what there is is kept.
func TestCopierSaysWhenTheLoadPodIsGone(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	k, _ := newCopier(t, collect.HTTP(gone.URL))
	k.begin(t.Context(), func(error) {})
	require.ErrorIs(t, k.finish(t.Context()), run.ErrEnvironment)
}
