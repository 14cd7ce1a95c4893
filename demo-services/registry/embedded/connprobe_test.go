package embedded_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry"
	"zeroloss/demo-services/registry/embedded"
	"zeroloss/demo-services/registry/nacos"
	"zeroloss/demo-services/registry/registrytest"
	"zeroloss/loadgen/record"
)

func TestSilentConnectionIsEjected(t *testing.T) {
	ev := newEvents()
	s := start(t, embedded.Options{OnEvent: ev.add, ConnIdleLimit: 100 * time.Millisecond})
	proxy := registrytest.NewProxy(t, s.Host(), s.GRPCPort())
	c, err := nacos.Connect(t.Context(), nacos.Options{Host: s.Host(), Port: s.Port(), GRPCPort: proxy.Port(), Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	require.NoError(t, c.Register(t.Context(), "b", registry.NewHost("127.0.0.2", 2, registry.Meta{})))
	proxy.DropAll()
	ev.awaitFor(t, 15*time.Second, func(e record.Event) bool { return changed(e, registry.Removed) })
}
