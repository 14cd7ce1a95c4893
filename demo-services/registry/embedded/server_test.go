package embedded_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry"
	"zeroloss/demo-services/registry/embedded"
	"zeroloss/demo-services/registry/nacos"
	"zeroloss/loadgen/record"
)

// events collects what a server tells.
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

// await returns the first event that is wanted.
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

func TestEventsTellOfChangesAndPushes(t *testing.T) {
	ev := newEvents()
	s := start(t, embedded.Options{OnEvent: ev.add, Timing: registry.Timing{PushDelay: 50 * time.Millisecond, Tick: 10 * time.Millisecond}})
	b, a := connect(t, s, "b-0/1"), connect(t, s, "a-0/1")
	host := registry.NewHost("127.0.0.2", 20002, registry.Meta{Instance: record.Instance{Pod: "b-0", Incarnation: 1}, Tag: "gray"})

	require.NoError(t, a.Subscribe(t.Context(), "b", func([]registry.Host) {}))
	require.NoError(t, b.Register(t.Context(), "b", host))
	change := ev.await(t, func(e record.Event) bool { return e.Kind == record.KindRegistryChange && e.Text == registry.Added })
	require.Equal(t, host.Instance(), change.Instance)
	require.Equal(t, []string{"b", "gray", "127.0.0.2:20002", "b-0/1"}, []string{change.Service, change.Tag, change.Addr, change.Peer})

	push := ev.await(t, func(e record.Event) bool { return e.Kind == record.KindPush && e.N == 1 })
	require.Equal(t, "a-0/1", push.Peer)
	require.JSONEq(t, `["b-0/1"]`, string(push.Data))
	require.GreaterOrEqual(t, push.At.Sub(push.Since), 50*time.Millisecond)

	require.NoError(t, b.Deregister(t.Context(), "b", host))
	gone := ev.await(t, func(e record.Event) bool { return e.Kind == record.KindRegistryChange && e.Text == registry.Removed })
	empty := ev.await(t, func(e record.Event) bool { return e.Kind == record.KindPush && e.N == 0 && e.At > gone.At })
	require.JSONEq(t, `[]`, string(empty.Data))
	require.LessOrEqual(t, empty.Since, gone.At, "the push refers to the change")
	require.Greater(t, empty.Since, push.At, "and to no earlier one")
}

func TestAPortThatIsTakenIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	_, err = embedded.Start(embedded.Options{Port: l.Addr().(*net.TCPAddr).Port})
	require.ErrorContains(t, err, "the registry's HTTP port")
	require.ErrorContains(t, err, l.Addr().String())
}
