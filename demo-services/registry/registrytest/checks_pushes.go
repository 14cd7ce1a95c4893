package registrytest

import (
	"fmt"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/vo"
	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry"
	"zeroloss/demo-services/registry/nacos"
)

// 05: a new instance is pushed after the push delay and not before.
func pushOnAdd(d *driver) {
	cs := d.clients(3)
	w := d.watch(cs[0])
	d.register(cs[1], host(1))
	// This push included the one that follows a subscription. From here on no push
	// is waiting that the next change could be merged into.
	w.hosts(host(1))

	before := time.Now()
	d.register(cs[2], host(2))
	took := w.hosts(host(1), host(2)).at.Sub(before)
	require.GreaterOrEqual(d, took, d.target.PushDelay*8/10)
}

// 06: so is a deregistered one; the service stays known.
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

// 07: when the last instance goes, the list is empty; a client can ignore that.
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
	require.Len(d, d.all(stubborn), 1)

	// The next push comes after the empty one.
	d.register(a, host(2))
	keeps.hosts(host(2))
	require.Equal(d, []string{host(1).Addr(), host(2).Addr()}, keeps.lists())
}

// 08: when a connection is closed, its publication is removed.
func gracefulClose(d *driver) {
	a := d.client()
	w := d.watch(d.client())
	d.register(a, host(1))
	w.hosts(host(1))
	d.change()
	require.NoError(d, a.Close())
	w.hosts()
}

// 09: so it is when the connection is reset.
func crash(d *driver) {
	proxy := NewProxy(d, d.target.Host, d.target.GRPCPort)
	a := d.client(func(o *nacos.Options) { o.GRPCPort = proxy.Port() })
	w := d.watch(d.client())
	d.register(a, host(1))
	w.hosts(host(1))
	d.change()
	proxy.Crash()
	w.hosts()
}

// 11: registering again updates.
func metadataUpdate(d *driver) {
	a := d.client()
	w := d.watch(d.client())
	h := host(1)
	h.Metadata = map[string]string{"before": "1"}
	d.register(a, h)
	w.hosts(h)

	h.Metadata = map[string]string{"after": "2"}
	d.update(a, h)
	w.await(d.target.bound(), "the new metadata", func(got []registry.Host) bool {
		return len(got) == 1 && len(got[0].Metadata) == 1 && got[0].Metadata["after"] == "2"
	})
}

// 21: a connection has one publication per service. A later registration
// replaces it, and a deregistration removes all of it, whatever it names.
func onePublication(d *driver) {
	a := d.client()
	w := d.watch(d.client())
	d.register(a, host(1))
	w.hosts(host(1))
	d.register(a, host(2))
	w.hosts(host(2))

	require.NoError(d, d.batch(a, []registry.Host{host(3), host(4), host(5)}))
	w.hosts(host(3), host(4), host(5))
	d.deregister(a, host(9))
	w.hosts()
}

// 12: a weight is shown; an instance with weight 0 gets no requests.
func weight(d *driver) {
	cs := d.clients(3)
	w := d.watch(cs[0])
	h := host(1)
	d.register(cs[1], h)
	d.register(cs[2], host(2))
	w.hosts(h, host(2))
	for _, weight := range []float64{0.5, 0} {
		h.Weight = weight
		d.update(cs[1], h)
		w.await(d.target.bound(), fmt.Sprintf("weight %v", weight), func(got []registry.Host) bool {
			return len(got) == 2 && got[0].Weight == weight && got[1].Weight == 1
		})
	}
	got, err := cs[0].SDK().SelectInstances(vo.SelectInstancesParam{ServiceName: d.service, HealthyOnly: true})
	require.NoError(d, err)
	require.Len(d, got, 1)
	require.Equal(d, host(2).IP, got[0].Ip)
}

// 14: an instance that its SDK disables leaves the lists, and comes back.
func disableBySDK(d *driver) {
	a := d.client()
	w := d.watch(d.client())
	h := host(1)
	d.register(a, h)
	w.hosts(h)
	h.Enabled = false
	d.update(a, h)
	w.hosts()
	h.Enabled = true
	d.update(a, h)
	w.hosts(h)
	require.True(d, a.SDK().ServerHealthy())
}

// 22: a storm of changes causes one push, or few.
func mergeWindow(d *driver) {
	const n, attempts = 10, 5
	cs := d.clients(n + 1)
	want := make([]registry.Host, n)
	for i := range want {
		want[i] = host(i)
	}
	name := d.service
	for attempt := range attempts {
		d.service = fmt.Sprintf("%s-%d", name, attempt)
		w := d.watch(cs[n])
		seenBefore := len(w.lists())
		d.change()
		before := time.Now()
		d.each(n, func(i int) error { return cs[i].Register(d.Context(), d.service, host(i)) })
		if took := time.Since(before); took > d.target.PushDelay/5 {
			d.Logf("registering %d took %v on this machine: no storm", n, took)
			d.changed = time.Time{}
			continue
		}
		w.hosts(want...)
		require.LessOrEqual(d, len(w.lists())-seenBefore, 3, "callbacks")
		return
	}
	d.Skipf("no storm in %d attempts: this machine is too slow", attempts)
}

// 23: a thousand instances are one list, and services are listed in pages.
func many(d *driver) {
	const publishers, each, services = 20, 50, 25
	cs := d.clients(publishers + 1)
	w := d.watch(cs[publishers])
	d.change()
	d.each(publishers, func(i int) error {
		hosts := make([]registry.Host, each)
		for j := range hosts {
			hosts[j] = host(i*each + j)
		}
		return d.batch(cs[i], hosts)
	})
	all := w.await(d.target.bound()+2*time.Second, "all", func(got []registry.Host) bool { return len(got) == publishers*each })
	distinct := map[string]bool{}
	for _, h := range all.hosts {
		distinct[h.Addr()] = true
	}
	require.Len(d, distinct, publishers*each)

	group := d.service // of its own, so that the services of other checks are not counted
	a := d.client(func(o *nacos.Options) { o.Group = group })
	names := map[string]bool{}
	for i := range services {
		d.registerIn(a, fmt.Sprintf("page-%d", i), host(i))
	}
	for page, size := range []int{10, 10, 5, 0} {
		list, err := a.SDK().GetAllServicesInfo(vo.GetAllServiceInfoParam{GroupName: group, PageNo: uint32(page + 1), PageSize: 10})
		require.NoError(d, err)
		require.EqualValues(d, services, list.Count)
		require.Len(d, list.Doms, size, "page %d", page+1)
		for _, name := range list.Doms {
			names[name] = true
		}
	}
	require.Len(d, names, services)
}
