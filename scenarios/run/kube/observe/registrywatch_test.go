package observe

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
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
)

// TestRegistryWatch: instances that come and go in a registry are recorded with
// their pods, on the wire of a real client and server.
func TestRegistryWatch(t *testing.T) {
	s, err := embedded.Start(embedded.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	told := make(chan record.Event, 8)
	pod := record.Instance{Pod: "orders-1", Incarnation: 1}
	instanceAt := func(ip string) record.Instance {
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
	l, err := OpenRegistryWatch(ctx, listedAs(s, "orders"), s.GRPCPort())
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	go func() {
		done <- l.Run(over, instanceAt, func(e record.Event) { told <- e })
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
	require.Equal(t, record.Event{Service: "orders", Instance: pod, Addr: "10.0.0.1:80", Payload: record.RegistryChange{Change: record.ChangeAdded}}, next())
	require.NoError(t, c.Deregister(ctx, "orders", h))
	require.Equal(t, record.Event{Service: "orders", Instance: pod, Addr: "10.0.0.1:80", Payload: record.RegistryChange{Change: record.ChangeRemoved}}, next())
	end()
	require.NoError(t, <-done)
}

func listedAs(s *embedded.Server, service string) *plan.Nacos {
	return &plan.Nacos{Address: net.JoinHostPort(s.Host(), strconv.Itoa(s.Port())), Service: service, Group: "DEFAULT_GROUP"}
}

// TestARegistryThatIsNotThere is reported before the run.
func TestARegistryThatIsNotThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Second)
	defer stop()
	_, err = OpenRegistryWatch(ctx, &plan.Nacos{Address: l.Addr().String(), Service: "orders", Group: "DEFAULT_GROUP"}, 0)
	require.ErrorIs(t, err, run.ErrEnvironment)
	require.ErrorContains(t, err, "no answer; is the registry up?")
	require.ErrorContains(t, err, "\n  is it HOST:PORT of a Nacos 2 server?")
	_, err = OpenRegistryWatch(ctx, &plan.Nacos{Address: "nowhere"}, 0)
	require.ErrorContains(t, err, "missing port in address")
	none, err := OpenRegistryWatch(ctx, nil, 0)
	require.NoError(t, err)
	require.NoError(t, none.Close(), "without a registry there is nothing to close")
}

// TestATargetThatIsNotListed may have another name there.
func TestATargetThatIsNotListed(t *testing.T) {
	s, err := embedded.Start(embedded.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	c, err := nacos.Connect(t.Context(), nacos.Options{Host: s.Host(), Port: s.Port(), GRPCPort: s.GRPCPort(), Identity: "orders-1/1", Dir: t.TempDir()})
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	require.NoError(t, c.Register(t.Context(), "orders", registry.Host{IP: "10.0.0.1", Port: 80, Weight: 1, Healthy: true, Enabled: true, Ephemeral: true}))
	_, err = OpenRegistryWatch(t.Context(), listedAs(s, "order"), s.GRPCPort())
	require.ErrorIs(t, err, run.ErrEnvironment)
	require.ErrorContains(t, err, `lists no instance of "order" (group "DEFAULT_GROUP", namespace "public")`)
	require.ErrorContains(t, err, "is this the right service name? did you mean orders?")
}

func TestListChanges(t *testing.T) {
	host := func(ip string, healthy bool) registry.Host {
		return registry.Host{IP: ip, Port: 80, Healthy: healthy, Enabled: true}
	}
	instanceAt := func(ip string) record.Instance {
		if ip == "10.0.0.1" {
			return record.Instance{Pod: "orders-1", Incarnation: 1}
		}
		return record.Instance{}
	}
	got := listChanges([]registry.Host{host("10.0.0.1", true), host("10.0.0.2", true)}, []registry.Host{host("10.0.0.1", false), host("10.0.0.2", true), host("10.0.0.3", true)}, instanceAt)
	require.Equal(t, []record.Event{
		{Instance: record.Instance{Pod: "orders-1", Incarnation: 1}, Addr: "10.0.0.1:80", Payload: record.RegistryChange{Change: record.ChangeRemoved}},
		{Addr: "10.0.0.3:80", Payload: record.RegistryChange{Change: record.ChangeAdded}},
	}, got)
	require.Empty(t, listChanges(nil, nil, instanceAt))
}
