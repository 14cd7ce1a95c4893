package loadpods

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
	"zeroloss/scenarios/rundir"
)

// localPod is a load pod on this machine.
func localPod(t *testing.T) (*collect.Client, string) {
	t.Helper()
	s, err := collect.NewServer(t.TempDir())
	require.NoError(t, err)
	web, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	events, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan error)
	go func() { over <- s.Serve(ctx, web, events) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-over) })
	return collect.HTTP("http://" + web.Addr().String()), events.Addr().String()
}

// sendEvents sends events as a service does, and returns when they are kept.
func sendEvents(t *testing.T, addr string, i record.Instance, events ...record.Event) {
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	out, in := json.NewEncoder(c), json.NewDecoder(c)
	require.NoError(t, out.Encode(record.Hello{Hello: i}))
	for _, e := range events {
		require.NoError(t, out.Encode(e))
	}
	for a := (record.Answer{}); a.Received < len(events); {
		require.NoError(t, in.Decode(&a))
	}
}

// onlyPod is the only load pod.
func onlyPod(c *collect.Client) *Pod { return &Pod{client: c, name: "zeroloss-load"} }

func newMirror(t *testing.T, c *collect.Client) (*logMirror, func() []record.Event) {
	dir, err := rundir.Create(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, dir.Close()) })
	var mu sync.Mutex
	var observed []record.Event
	m := &logMirror{dir: dir, pod: onlyPod(c), client: c, observed: func(e record.Event) {
		mu.Lock()
		defer mu.Unlock()
		observed = append(observed, e)
	}}
	return m, func() []record.Event {
		mu.Lock()
		defer mu.Unlock()
		return observed
	}
}

// ahead is the offset of a clock that is 5 ms behind the load pod's.
var ahead = record.Event{At: 3, Payload: record.ClockOffset{Ahead: 5000, Within: 100}}

func TestMirrorKeepsAllAndCorrectsClocks(t *testing.T) {
	client, events := localPod(t)
	m, observed := newMirror(t, client)
	m.harness = 2000
	m.start(t.Context(), func(err error) { require.NoError(t, err) })
	b, c := record.Instance{Pod: "b-1", Incarnation: 1}, record.Instance{Pod: "c-1", Incarnation: 2}
	sendEvents(t, events, b, record.Event{At: 10_000, Instance: b, Payload: record.Starting{}}, ahead)
	sendEvents(t, events, c, record.Event{At: 20_000, Instance: c, Payload: record.Starting{}}, record.Event{At: 21_000, Instance: c, Payload: record.MachineInput{}})
	require.NoError(t, m.finish(t.Context()))

	read := func(name string) (out []record.Micros) {
		f, err := os.Open(m.dir.EventsPath(name))
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
	require.Len(t, observed(), 3, "inputs and outputs of machines are nothing to act upon")
	require.Equal(t, record.Micros(8000), observed()[0].At, "by the harness's clock")
	require.NoFileExists(t, m.dir.RequestsPath(""), "the load never began")
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
		require.NoError(t, Pods{{clock: tt.clock}}.Sink(w).Event(record.Event{At: 1000, Payload: record.Stalled{Since: 1000}}))
		require.Equal(t, tt.want, w.events[0].At)
		require.Equal(t, tt.want, w.events[0].Payload.(record.Stalled).Since)
	}
}

func TestLoad(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer target.Close()
	client, _ := localPod(t)
	m, _ := newMirror(t, client)
	m.start(t.Context(), func(err error) { require.NoError(t, err) })
	p := &plan.Plan{Streams: []traffic.Stream{{Name: "base", Arm: "base", Rate: 100, Duration: 200 * time.Millisecond, Path: "/"}}}
	l := NewLoad(p, Pods{onlyPod(client)}, func() (string, error) { return target.URL, nil }, nil)
	over := make(chan error, 1)
	l.Start(t.Context(), time.Now().Add(20*time.Millisecond), func(err error) { over <- err })
	require.NoError(t, <-over)
	require.Len(t, l.Progress(), 1)
	require.EqualValues(t, 20, l.Progress()[0].Sent)
	require.NoError(t, m.finish(t.Context()))
	f, err := os.Open(m.dir.RequestsPath(""))
	require.NoError(t, err)
	defer f.Close()
	requests, tail, err := record.ReadRequests(f)
	require.NoError(t, err)
	require.True(t, tail.Complete)
	require.Len(t, requests, 20)

	l.Start(t.Context(), time.Now(), func(err error) { over <- err })
	require.ErrorContains(t, <-over, "already been started", "a load pod has one load")
}

func TestStoppedLoadEnds(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer target.Close()
	client, _ := localPod(t)
	p := &plan.Plan{Streams: []traffic.Stream{{Name: "base", Arm: "base", Rate: 10, Duration: time.Hour, Path: "/"}}}
	l := NewLoad(p, Pods{onlyPod(client)}, func() (string, error) { return target.URL, nil }, nil)
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

// A load pod that is gone is reported, and what was copied is kept.
func TestMirrorReportsALoadPodThatIsGone(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	m, _ := newMirror(t, collect.HTTP(gone.URL))
	m.start(t.Context(), func(error) {})
	require.ErrorIs(t, m.finish(t.Context()), run.ErrEnvironment)
}

func TestShiftLines(t *testing.T) {
	text := `{"at":1000,"kind":"push","subscriber":"a","firstChange":500,"reason":"change"}` + "\n" + `torn` + "\n"
	require.Equal(t, `{"at":990,"kind":"push","subscriber":"a","firstChange":490,"reason":"change"}`+"\n"+`torn`+"\n", string(shiftLines([]byte(text), -10)))
}
