package registry_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry"
)

// A service goes at the first minute of the clock at which it has been empty for
// a minute, as on a real server.
func TestEmptyServicesGo(t *testing.T) {
	b, created := registry.NewKey("", "", "b"), registry.NewKey("", "", "created")
	table := registry.New(registry.Timing{PushDelay: -1, Tick: -1})
	table.Publish(0, "c1", b, []registry.Host{registry.NewHost("10.0.0.1", 80, registry.Meta{})})
	require.True(t, table.CreateService(30*time.Second, created, registry.ServiceMeta{ProtectThreshold: 0.5}))
	require.False(t, table.CreateService(31*time.Second, created, registry.ServiceMeta{}))
	table.Due(40 * time.Second)
	next, scheduled := table.Next()
	require.True(t, scheduled)
	require.Equal(t, 2*time.Minute, next)
	table.Due(119 * time.Second)
	require.Equal(t, []string{"b", "created"}, table.Services("public", "DEFAULT_GROUP"))
	table.Due(2 * time.Minute)
	require.Equal(t, []string{"b"}, table.Services("public", "DEFAULT_GROUP"))
	_, scheduled = table.Next()
	require.False(t, scheduled, "a service with an instance stays")

	table.Subscribe(3*time.Minute, "c2", b)
	table.Withdraw(3*time.Minute, "c1", b)
	for at := 3 * time.Minute; at < 4*time.Minute; at += time.Second {
		for _, p := range table.Due(at) {
			table.Ack(p.To, p.ID)
		}
		require.Equal(t, []string{"b"}, table.Services("public", "DEFAULT_GROUP"))
	}
	table.Due(4 * time.Minute)
	require.Empty(t, table.Services("public", "DEFAULT_GROUP"))
	// The subscriber is told when there is an instance again.
	table.Publish(5*time.Minute, "c1", b, []registry.Host{registry.NewHost("10.0.0.1", 80, registry.Meta{})})
	require.Len(t, table.Due(5*time.Minute), 1)
}

func TestDeleteService(t *testing.T) {
	b := registry.NewKey("", "", "b")
	table := registry.New(registry.Timing{})
	require.False(t, table.DeleteService(b))
	table.CreateService(0, b, registry.ServiceMeta{})
	table.Publish(0, "c", b, nil)
	require.False(t, table.DeleteService(b), "it has a publisher")
	table.Withdraw(0, "c", b)
	require.True(t, table.DeleteService(b))
	_, known := table.Service(b)
	require.False(t, known)
}
