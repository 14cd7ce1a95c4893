package kube

import (
	"context"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry"
	"zeroloss/demo-services/registry/embedded"
	"zeroloss/demo-services/registry/nacos"
	"zeroloss/loadgen/record"
)

// TestAListIsFollowed: who comes and goes in a registry is told, by its pod,
// on the wire of a real client and server.
func TestAListIsFollowed(t *testing.T) {
	s, err := embedded.Start(embedded.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	told := make(chan record.Event, 8)
	pod := record.Instance{Pod: "orders-1", Incarnation: 1}
	who := func(ip string) record.Instance {
		if ip == "10.0.0.1" {
			return pod
		}
		return record.Instance{}
	}
	c, err := nacos.Connect(ctx, nacos.Options{Host: s.Host(), Port: s.Port(), GRPCPort: s.GRPCPort(), Identity: "orders-1/1", Dir: t.TempDir()})
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	h := registry.Host{IP: "10.0.0.1", Port: 80, Weight: 1, Healthy: true, Enabled: true, Ephemeral: true}
	require.NoError(t, c.Register(ctx, "orders", h))
	over, end := context.WithCancel(ctx)
	done := make(chan error, 1)
	address := net.JoinHostPort(s.Host(), strconv.Itoa(s.Port()))
	go func() {
		done <- followList(over, address, "", "DEFAULT_GROUP", "orders", s.GRPCPort(), func(was, is []registry.Host) {
			for _, e := range listChanges(was, is, who) {
				told <- e
			}
		})
	}()
	next := func() record.Event {
		select {
		case e := <-told:
			return e
		case err := <-done:
			require.NoError(t, err)
			return record.Event{}
		case <-ctx.Done():
			require.Fail(t, "nothing was told")
			return record.Event{}
		}
	}
	require.Equal(t, record.Event{Kind: record.Changed, Instance: pod, Addr: "10.0.0.1:80", Text: "added"}, next())
	require.NoError(t, c.Deregister(ctx, "orders", h))
	require.Equal(t, record.Event{Kind: record.Changed, Instance: pod, Addr: "10.0.0.1:80", Text: "removed"}, next())
	end()
	require.NoError(t, <-done)
}

func TestARegistryThatIsNotThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
	defer stop()
	require.Error(t, followList(ctx, l.Addr().String(), "", "DEFAULT_GROUP", "orders", 0, nil))
	require.Error(t, followList(ctx, "nowhere", "", "DEFAULT_GROUP", "orders", 0, nil))
}
