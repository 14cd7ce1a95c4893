package registrytest

import (
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/vo"
	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry"
	"zeroloss/demo-services/registry/nacos"
)

// 5: a new instance is pushed, after the push delay and not before.
func pushOnAdd(d *driver) {
	cs := d.clients(3)
	w := d.watch(cs[0])
	d.register(cs[1], host(1))
	// The push of this one has taken along the one that follows a
	// subscription: from here on none waits that the next change could meet.
	w.hosts(host(1))

	before := time.Now()
	d.register(cs[2], host(2))
	got := w.hosts(host(1), host(2))
	require.GreaterOrEqual(d, got.at.Sub(before), d.target.PushDelay*8/10)
}

// 6: so is one that left; the service stays known.
func pushOnDeregister(d *driver) {
	cs := d.clients(3)
	w := d.watch(cs[0])
	d.register(cs[1], host(1))
	d.register(cs[2], host(2))
	w.hosts(host(1), host(2))
	d.deregister(cs[1], host(1))
	w.hosts(host(2))

	list, err := cs[0].SDK().GetAllServicesInfo(vo.GetAllServiceInfoParam{PageNo: 1, PageSize: 1000})
	require.NoError(d, err)
	require.Contains(d, list.Doms, d.service)
}

// 7: the last one out leaves an empty list, which a client may refuse to see.
func lastOneOut(d *driver) {
	a := d.client()
	sees := d.watch(d.client())
	stubborn := d.client(func(o *nacos.Options) { o.KeepWhenEmpty = true })
	keeps := d.watch(stubborn)
	d.register(a, host(1))
	sees.hosts(host(1))
	keeps.hosts(host(1))
	d.deregister(a, host(1))
	sees.hosts()
	list, err := stubborn.SDK().SelectAllInstances(vo.SelectAllInstancesParam{ServiceName: d.service})
	require.NoError(d, err)
	require.Len(d, list, 1)

	// The next push comes after the empty one, so that has been by then.
	d.register(a, host(2))
	keeps.hosts(host(2))
	require.Equal(d, []string{host(1).Addr(), host(2).Addr()}, keeps.history())
}

// 8: a connection that ends takes its publication along.
func gracefulClose(d *driver) {
	a := d.client()
	w := d.watch(d.client())
	d.register(a, host(1))
	w.hosts(host(1))
	require.NoError(d, a.Close())
	w.hosts()
}

// 9: one that is cut does so, too.
func crash(d *driver) {
	proxy := NewProxy(d, d.target.Host, d.target.GRPCPort)
	a := d.client(func(o *nacos.Options) { o.GRPCPort = proxy.Port() })
	w := d.watch(d.client())
	d.register(a, host(1))
	w.hosts(host(1))
	proxy.Crash()
	w.hosts()
}

// 11: to register again is to update.
func metadataUpdate(d *driver) {
	a := d.client()
	w := d.watch(d.client())
	h := host(1)
	h.Metadata = map[string]string{"before": "1"}
	d.register(a, h)
	w.hosts(h)

	ok, err := a.SDK().UpdateInstance(vo.UpdateInstanceParam{
		Ip: h.IP, Port: uint64(h.Port), Weight: 1, Enable: true, Healthy: true, Ephemeral: true,
		ServiceName: d.service, Metadata: map[string]string{"after": "2"},
	})
	require.NoError(d, err)
	require.True(d, ok)
	w.await(d.target.bound(), "the new metadata", func(got []registry.Host) bool {
		return len(got) == 1 && len(got[0].Metadata) == 1 && got[0].Metadata["after"] == "2"
	})
}

// 21: a connection has one publication of a service; what comes later replaces
// it, and whatever a deregistration names, it takes all of it back.
func onePublication(d *driver) {
	a := d.client()
	w := d.watch(d.client())
	d.register(a, host(1))
	w.hosts(host(1))
	d.register(a, host(2))
	w.hosts(host(2))

	var batch []vo.RegisterInstanceParam
	for i := 3; i <= 5; i++ {
		h := host(i)
		batch = append(batch, vo.RegisterInstanceParam{
			Ip: h.IP, Port: uint64(h.Port), Weight: 1, Enable: true, Healthy: true, Ephemeral: true,
		})
	}
	ok, err := a.SDK().BatchRegisterInstance(vo.BatchRegisterInstanceParam{ServiceName: d.service, Instances: batch})
	require.NoError(d, err)
	require.True(d, ok)
	w.hosts(host(3), host(4), host(5))
	d.deregister(a, host(9))
	w.hosts()
}

// 22: a storm of changes is one push, or few.
func mergeWindow(d *driver) {
	const n = 10
	cs := d.clients(n + 1)
	w := d.watch(cs[n])
	seenBefore := len(w.history())
	want := make([]registry.Host, n)
	for i := range want {
		want[i] = host(i)
	}
	registry.SortHosts(want)

	before := time.Now()
	d.each(n, func(i int) error { return cs[i].Register(d.Context(), d.service, host(i)) })
	if took := time.Since(before); took > d.target.PushDelay/5 {
		d.Skipf("registering %d took %v on this machine: no storm", n, took)
	}
	w.hosts(want...)
	require.LessOrEqual(d, len(w.history())-seenBefore, 3, "callbacks")
}
