package embedded_test

import (
	"context"
	"net"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry"
	"zeroloss/demo-services/registry/embedded"
	"zeroloss/demo-services/registry/nacos"
	"zeroloss/loadgen/record"
)

// events collects the events of a server.
type events struct {
	mu   sync.Mutex
	all  []record.Event
	news chan struct{}
}

func newEvents() *events { return &events{news: make(chan struct{}, 1)} }

func (e *events) add(v record.Event) {
	e.mu.Lock()
	e.all = append(e.all, v)
	e.mu.Unlock()
	select {
	case e.news <- struct{}{}:
	default:
	}
}

// await returns the first wanted event.
func (e *events) await(t *testing.T, want func(record.Event) bool) record.Event {
	t.Helper()
	return e.awaitFor(t, 5*time.Second, want)
}

func (e *events) awaitFor(t *testing.T, within time.Duration, want func(record.Event) bool) record.Event {
	t.Helper()
	deadline := time.After(within)
	for {
		e.mu.Lock()
		for _, v := range e.all {
			if want(v) {
				e.mu.Unlock()
				return v
			}
		}
		e.mu.Unlock()
		select {
		case <-e.news:
		case <-deadline:
			require.FailNow(t, "event did not come", "have %+v", e.all)
		}
	}
}

func start(t *testing.T, o embedded.Options) *embedded.Server {
	t.Helper()
	s, err := embedded.Start(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func connect(t *testing.T, s *embedded.Server, identity string) *nacos.Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	c, err := nacos.Connect(ctx, nacos.Options{
		Host: s.Host(), Port: s.Port(), GRPCPort: s.GRPCPort(), Identity: identity, Dir: t.TempDir(),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func TestEventsForChangesAndPushes(t *testing.T) {
	ev := newEvents()
	s := start(t, embedded.Options{OnEvent: ev.add, Timing: registry.Timing{PushDelay: 50 * time.Millisecond, Tick: 10 * time.Millisecond}})
	b, a := connect(t, s, "b-0/1"), connect(t, s, "a-0/1")
	host := registry.NewHost("127.0.0.2", 20002, registry.Meta{Instance: record.Instance{Pod: "b-0", Incarnation: 1}, Tag: "gray"})

	require.NoError(t, a.Subscribe(t.Context(), "b", func([]registry.Host) {}))
	// The push of the subscription, which a change would otherwise join.
	ev.await(t, func(e record.Event) bool { p, ok := e.Payload.(record.Push); return ok && len(p.Hosts) == 0 })
	require.NoError(t, b.Register(t.Context(), "b", host))
	change := ev.await(t, func(e record.Event) bool { return changed(e, registry.Added) })
	require.Equal(t, host.Instance(), change.Instance)
	require.Equal(t, []string{"b", "gray", "127.0.0.2:20002", "b-0/1"}, []string{change.Service, change.Tag, change.Addr, change.Payload.(record.RegistryChange).Client})

	first := ev.await(t, func(e record.Event) bool { p, ok := e.Payload.(record.Push); return ok && len(p.Hosts) == 1 })
	push := first.Payload.(record.Push)
	require.Equal(t, "a-0/1", push.Subscriber)
	require.Equal(t, []string{"b-0/1"}, push.Hosts)
	require.GreaterOrEqual(t, first.At.Sub(push.FirstChange), 50*time.Millisecond)

	require.NoError(t, b.Deregister(t.Context(), "b", host))
	gone := ev.await(t, func(e record.Event) bool { return changed(e, registry.Removed) })
	empty := ev.await(t, func(e record.Event) bool {
		p, ok := e.Payload.(record.Push)
		return ok && len(p.Hosts) == 0 && e.At > gone.At
	}).Payload.(record.Push)
	require.LessOrEqual(t, empty.FirstChange, gone.At, "the push refers to the change")
	require.Greater(t, empty.FirstChange, first.At, "and to no earlier one")
}

// changed reports whether e is a change of the kind.
func changed(e record.Event, how record.ChangeType) bool {
	p, ok := e.Payload.(record.RegistryChange)
	return ok && p.Change == how
}

func TestTakenPortIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	_, err = embedded.Start(embedded.Options{Port: l.Addr().(*net.TCPAddr).Port})
	require.ErrorContains(t, err, "the registry's HTTP port")
	require.ErrorContains(t, err, l.Addr().String())
}

func TestClientsReconnectAfterARestart(t *testing.T) {
	s := start(t, embedded.Options{})
	b, a := connect(t, s, "b-0/1"), connect(t, s, "a-0/1")
	lists := make(chan []registry.Host, 64)
	require.NoError(t, a.Subscribe(t.Context(), "b", func(h []registry.Host) { lists <- h }))
	require.NoError(t, b.Register(t.Context(), "b", registry.NewHost("127.0.0.2", 2, registry.Meta{})))
	awaitHosts(t, lists, 1)

	require.NoError(t, s.Restart(t.Context(), 300*time.Millisecond))
	// The publication is back when the server lists it, the subscription when a
	// change arrives.
	c := connect(t, s, "")
	again := make(chan []registry.Host, 64)
	require.NoError(t, c.Subscribe(t.Context(), "b", func(h []registry.Host) { again <- h }))
	awaitHosts(t, again, 1)
	require.NoError(t, c.Register(t.Context(), "b", registry.NewHost("127.0.0.3", 3, registry.Meta{})))
	awaitHosts(t, lists, 2)
}

func awaitHosts(t *testing.T, lists <-chan []registry.Host, n int) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		select {
		case l := <-lists:
			if len(l) == n {
				return
			}
		case <-deadline:
			require.FailNow(t, "no list of the wanted length", "want %d", n)
		}
	}
}

func TestDownForgetsAndUpUsesTheSamePorts(t *testing.T) {
	s := start(t, embedded.Options{})
	port, rpc := s.Port(), s.GRPCPort()
	require.NoError(t, s.Down())
	require.NoError(t, s.Down(), "down is down")
	for _, p := range []int{port, rpc} {
		_, err := net.Dial("tcp", net.JoinHostPort(s.Host(), strconv.Itoa(p)))
		require.Error(t, err)
	}
	require.NoError(t, s.Up())
	require.NoError(t, s.Up(), "up is up")
	require.Equal(t, []int{port, rpc}, []int{s.Port(), s.GRPCPort()})
	connect(t, s, "")
	require.NoError(t, s.Close())
	require.NoError(t, s.Close(), "closed is closed")
	require.ErrorContains(t, s.Up(), "closed")
}

func TestCloseLeavesNothing(t *testing.T) {
	s, err := embedded.Start(embedded.Options{})
	require.NoError(t, err)
	w := dial(t, s)
	w.SetUp()
	c := connect(t, s, "")
	require.NoError(t, c.Register(t.Context(), "b", registry.NewHost("127.0.0.2", 2, registry.Meta{})))
	_, err = c.Pull(t.Context(), "b")
	require.NoError(t, err)
	require.Contains(t, goroutines(t), "embedded.(*pusher).run")
	require.NoError(t, s.Close())
	require.NotContains(t, goroutines(t), "registry/embedded.")
	require.NotContains(t, goroutines(t), "grpc.(*Server)")
	for _, p := range []int{s.Port(), s.GRPCPort()} {
		l, err := net.Listen("tcp", net.JoinHostPort(s.Host(), strconv.Itoa(p)))
		require.NoError(t, err, "the port is free again")
		require.NoError(t, l.Close())
	}
}

func goroutines(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, pprof.Lookup("goroutine").WriteTo(&b, 2))
	return b.String()
}
