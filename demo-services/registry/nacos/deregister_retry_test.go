package nacos_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry"
	"zeroloss/demo-services/registry/embedded"
	"zeroloss/demo-services/registry/nacos"
	"zeroloss/demo-services/registry/registrytest"
)

// registrations counts the instance requests of a type.
func registrations(all []registrytest.Frame, kind string) int {
	n := 0
	for _, f := range all {
		if f.Kind == "InstanceRequest" && f.Type == kind {
			n++
		}
	}
	return n
}

// delayedClient is a client behind a proxy, which can reset its connection, and a
// recorder, which blocks the registration after the reconnect.
type delayedClient struct {
	client  *nacos.Client
	rec     *registrytest.Recorder
	blocked chan struct{} // closed when the new registration is blocked
	unblock chan struct{}
}

func newDelayedClient(t *testing.T, s *embedded.Server, h registry.Host) *delayedClient {
	t.Helper()
	x := &delayedClient{
		rec:     registrytest.NewRecorder(t, s.Host(), s.GRPCPort()),
		blocked: make(chan struct{}), unblock: make(chan struct{}),
	}
	proxy := registrytest.NewProxy(t, s.Host(), x.rec.Port())
	o := options(t, s)
	o.GRPCPort = proxy.Port()
	x.client = connect(t, o)
	require.NoError(t, x.client.Register(t.Context(), "b", h))
	// The SDK sends its first registration twice: block a later one.
	require.NoError(t, x.client.Deregister(t.Context(), "b", h))
	require.NoError(t, x.client.Register(t.Context(), "b", h))
	var taken atomic.Bool
	x.rec.OnFrame(func(f registrytest.Frame) {
		if f.Type == "registerInstance" && taken.CompareAndSwap(false, true) {
			close(x.blocked)
			<-x.unblock
		}
	})
	proxy.ResetConnections()
	select {
	case <-x.blocked:
	case <-time.After(10 * time.Second):
		require.Fail(t, "the SDK did not register again")
	}
	return x
}

// What the SDK registers again after a reconnect can arrive after the
// deregistration: the instance is listed again.
func TestDeregistrationIsRepeatedAfterTheSDKUndoesIt(t *testing.T) {
	s := start(t, embedded.Options{Timing: fast})
	h := registry.NewHost("127.0.0.1", 1, registry.Meta{})
	x := newDelayedClient(t, s, h)
	watcher := connect(t, options(t, s))
	lists := make(chan []registry.Host, 64)
	require.NoError(t, watcher.Subscribe(t.Context(), "b", func(h []registry.Host) { lists <- h }))

	require.NoError(t, x.client.Deregister(t.Context(), "b", h))
	before := registrations(x.rec.Frames(), "deregisterInstance")
	close(x.unblock)
	await(t, lists, 1) // it is back …
	await(t, lists, 0) // … and gone again
	require.Greater(t, registrations(x.rec.Frames(), "deregisterInstance"), before)
}

// A registration ends the repetitions of the deregistration before it.
func TestRegistrationAfterADeregistrationStays(t *testing.T) {
	s := start(t, embedded.Options{Timing: fast})
	rec := registrytest.NewRecorder(t, s.Host(), s.GRPCPort())
	o := options(t, s)
	o.GRPCPort = rec.Port()
	c := connect(t, o)
	h := registry.NewHost("127.0.0.1", 1, registry.Meta{})
	require.NoError(t, c.Register(t.Context(), "b", h))
	require.NoError(t, c.Deregister(t.Context(), "b", h))
	require.NoError(t, c.Register(t.Context(), "b", h))
	before := registrations(rec.Frames(), "deregisterInstance")
	// A deregistration of another service is repeated meanwhile: when that has
	// been sent again, the one of this service would have been, too.
	require.NoError(t, c.Register(t.Context(), "other", h))
	require.NoError(t, c.Deregister(t.Context(), "other", h))
	rec.Await(5*time.Second, "a repetition", func(all []registrytest.Frame) bool {
		return registrations(all, "deregisterInstance") >= before+2
	})
	pulled, err := c.Pull(t.Context(), "b")
	require.NoError(t, err)
	require.Len(t, pulled, 1)
	// After Close, nothing is repeated.
	require.NoError(t, c.Close())
	before = registrations(rec.Frames(), "deregisterInstance")
	ctx, cancel := context.WithTimeout(t.Context(), 600*time.Millisecond)
	defer cancel()
	<-ctx.Done() // the next one would have been sent by then: that takes time to see
	require.Equal(t, before, registrations(rec.Frames(), "deregisterInstance"))
}

func await(t *testing.T, lists <-chan []registry.Host, n int) {
	t.Helper()
	deadline := time.After(5 * time.Second)
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
