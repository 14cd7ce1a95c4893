package embedded_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry"
	"zeroloss/demo-services/registry/embedded"
	"zeroloss/loadgen/record"
)

func TestFaults(t *testing.T) {
	ev := newEvents()
	s := start(t, embedded.Options{OnEvent: ev.add})
	s.SetPushDelay(0)
	b, a := connect(t, s, "b-0/1"), connect(t, s, "a-0/1")
	lists := make(chan []registry.Host, 64)
	require.NoError(t, a.Subscribe(t.Context(), "b", func(h []registry.Host) { lists <- h }))
	require.NoError(t, b.Register(t.Context(), "b", registry.NewHost("127.0.0.2", 2, registry.Meta{})))
	awaitHosts(t, lists, 1)

	s.SetPushEnabled(false)
	require.NoError(t, b.Deregister(t.Context(), "b", registry.Host{IP: "127.0.0.2", Port: 2}))
	pulled, err := a.Pull(t.Context(), "b")
	require.NoError(t, err)
	require.Len(t, pulled, 1, "reads freeze, too")
	require.Empty(t, lists)
	s.SetPushEnabled(true)
	awaitHosts(t, lists, 0)

	s.SetFault("b", registry.Fault{Drop: true})
	require.NoError(t, b.Register(t.Context(), "b", registry.NewHost("127.0.0.2", 2, registry.Meta{})))
	other := connect(t, s, "c-0/1")
	require.NoError(t, other.Register(t.Context(), "free", registry.NewHost("127.0.0.3", 3, registry.Meta{})))
	require.NoError(t, other.Subscribe(t.Context(), "free", func([]registry.Host) {}))
	ev.await(t, func(e record.Event) bool { return e.Kind() == record.KindPush && e.Service == "free" })
	require.Empty(t, lists, "a later push went out, this one did not")
}
