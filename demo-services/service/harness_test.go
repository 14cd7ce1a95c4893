package service_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry"
	"zeroloss/demo-services/registry/embedded"
	"zeroloss/demo-services/registry/nacos"
	"zeroloss/demo-services/service"
	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

// eventTimeout is how long a test waits for an event that must come.
const eventTimeout = 10 * time.Second

// testEnv is a registry with quick pushes and the services around it.
type testEnv struct {
	t   *testing.T
	reg *embedded.Server
	net int // of the pods' addresses: 127.net.x.y
	n   int
}

func newTestEnv(t *testing.T) *testEnv {
	t.Parallel()
	reg, err := embedded.Start(embedded.Options{Timing: registry.Timing{PushDelay: 20 * time.Millisecond, Tick: 10 * time.Millisecond}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, reg.Close()) })
	return &testEnv{t: t, reg: reg, net: 64 + rand.IntN(128), n: rand.IntN(60000)}
}

// ip returns an unused loopback address, as the runtime local gives each pod one.
func (w *testEnv) ip() string {
	w.n++
	return fmt.Sprintf("127.%d.%d.%d", w.net, w.n>>8&255, 1+w.n%250)
}

func (w *testEnv) settings(name string) settings.Document {
	return settings.Document{
		Schema: settings.Schema, Role: name, Pod: name + "-1", Incarnation: 1, Workload: name, Service: name,
		IP: w.ip(), AdminPort: 20900, Dir: w.t.TempDir(),
		Registry: settings.Registry{Host: w.reg.Host(), Port: w.reg.Port(), GRPCPort: w.reg.GRPCPort(), PushDelay: 20 * time.Millisecond},
		Offline: settings.Offline{
			Mode: settings.Lossless, MinWait: time.Millisecond, QuietPeriod: 10 * time.Millisecond, Grace: 30 * time.Second,
		},
	}
}

func connectRegistry(ctx context.Context, d settings.Document) (service.Registry, error) {
	return nacos.Connect(ctx, nacos.Options{Host: d.Registry.Host, Port: d.Registry.Port, GRPCPort: d.Registry.GRPCPort, Dir: d.Dir})
}

// publish registers an address as the instance -x of a service.
func (w *testEnv) publish(name, addr string) { w.publishAs(name, name+"-x", addr) }

func (w *testEnv) publishAs(name, pod, addr string) {
	host, port, err := net.SplitHostPort(addr)
	require.NoError(w.t, err)
	var p int
	_, err = fmt.Sscan(port, &p)
	require.NoError(w.t, err)
	c, err := nacos.Connect(w.t.Context(), nacos.Options{Host: w.reg.Host(), Port: w.reg.Port(), GRPCPort: w.reg.GRPCPort(), Dir: w.t.TempDir()})
	require.NoError(w.t, err)
	w.t.Cleanup(func() { require.NoError(w.t, c.Close()) })
	id := record.Instance{Pod: pod, Incarnation: 1}
	require.NoError(w.t, c.Register(w.t.Context(), name, registry.NewHost(host, p, registry.Meta{Instance: id, Start: time.Now()})))
}

// runningService is a service under test.
type runningService struct {
	t    *testing.T
	doc  settings.Document
	log  *eventLog
	term chan os.Signal
	kill context.CancelFunc
	done chan struct{}
	code int
	err  error
}

func (w *testEnv) start(d settings.Document, h service.Handler) *runningService {
	ctx, cancel := context.WithCancel(context.Background())
	r := &runningService{t: w.t, doc: d, log: newEventLog(), term: make(chan os.Signal, 1), kill: cancel, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.code, r.err = service.Run(ctx, service.Options{Settings: d, Handler: h, Connect: connectRegistry, Term: r.term, Events: r.log})
	}()
	w.t.Cleanup(func() {
		cancel()
		<-r.done
	})
	return r
}

func (r *runningService) addr() string { return r.log.await(r.t, record.KindListening).Addr }

func (r *runningService) wait() int {
	r.t.Helper()
	select {
	case <-r.done:
	case <-time.After(eventTimeout):
		require.FailNow(r.t, "the service does not end", "events: %v", r.log.kinds())
	}
	return r.code
}

// get makes a request on a new connection.
func get(t *testing.T, url string, headers ...string) *http.Response {
	t.Helper()
	resp, err := request(t, http.MethodGet, url, nil, headers...)
	require.NoError(t, err)
	return resp
}

func request(t *testing.T, method, url string, body io.Reader, headers ...string) (*http.Response, error) {
	req, err := http.NewRequest(method, url, body)
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	req.Close = true
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	resp.Body = io.NopCloser(bytes.NewReader(b))
	return resp, err
}

func text(t *testing.T, resp *http.Response) string {
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(b)
}

func trail(t *testing.T, resp *http.Response) record.Trail {
	tr, err := record.ParseTrail(resp.Header.Get(record.TrailHeader))
	require.NoError(t, err)
	return tr
}

// eventLog collects event lines and lets a test wait for them.
type eventLog struct {
	mu     sync.Mutex
	events []record.Event
	bell   chan struct{} // closed and replaced at each event
}

func newEventLog() *eventLog { return &eventLog{bell: make(chan struct{})} }

func (l *eventLog) Write(b []byte) (int, error) {
	if strings.Count(string(b), "\n") != 1 || b[len(b)-1] != '\n' {
		return 0, fmt.Errorf("not one line in one write: %q", b)
	}
	var e record.Event
	if err := json.Unmarshal(b, &e); err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
	close(l.bell)
	l.bell = make(chan struct{})
	return len(b), nil
}

func (l *eventLog) all() []record.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.events[:len(l.events):len(l.events)]
}

// kinds lists the kinds of the events, without the steps of state machines.
func (l *eventLog) kinds() []record.Kind {
	var out []record.Kind
	for _, e := range l.all() {
		if e.Kind() != record.KindMachineInput && e.Kind() != record.KindMachineOutput {
			out = append(out, e.Kind())
		}
	}
	return out
}

func (l *eventLog) await(t *testing.T, kind record.Kind) record.Event {
	t.Helper()
	return l.awaitWhere(t, string(kind), func(e record.Event) bool { return e.Kind() == kind })
}

func (l *eventLog) awaitWhere(t *testing.T, what string, is func(record.Event) bool) record.Event {
	t.Helper()
	late := time.After(eventTimeout)
	for {
		l.mu.Lock()
		events, bell := l.events, l.bell
		l.mu.Unlock()
		for _, e := range events {
			if is(e) {
				return e
			}
		}
		select {
		case <-bell:
		case <-late:
			require.FailNow(t, "no event: "+what, "events: %v", l.kinds())
		}
	}
}

// awaitHosts waits until a consumer has a list of n hosts.
func (l *eventLog) awaitHosts(t *testing.T, n int) {
	t.Helper()
	l.awaitWhere(t, fmt.Sprintf("list of %d", n), func(e record.Event) bool { return listOf(e) == n })
}

// listOf is how many hosts a changed list has; -1 for any other event.
func listOf(e record.Event) int {
	if list, ok := e.Payload.(record.ListChanged); ok {
		return len(list.Hosts)
	}
	return -1
}

// startOf returns an instance's start in a list of a consumer.
func startOf(t *testing.T, e record.Event, instance string) int64 {
	for _, h := range e.Payload.(record.ListChanged).Hosts {
		if h.Instance.String() == instance {
			return h.Start
		}
	}
	require.FailNow(t, "not listed", instance)
	return 0
}
