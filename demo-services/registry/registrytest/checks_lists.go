package registrytest

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/model"
	"github.com/nacos-group/nacos-sdk-go/v2/vo"
	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry"
	"zeroloss/demo-services/registry/nacos"
)

// 01: connecting needs no HTTP.
func connect(d *driver) {
	var asked atomic.Int32
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusTeapot)
	}))
	d.Cleanup(web.Close)
	u, err := url.Parse(web.URL)
	require.NoError(d, err)
	port, err := strconv.Atoi(u.Port())
	require.NoError(d, err)

	before := time.Now()
	c, err := nacos.Connect(d.Context(), d.options([]func(*nacos.Options){func(o *nacos.Options) { o.Port = port }}))
	require.NoError(d, err)
	d.Cleanup(func() { require.NoError(d, c.Close()) })
	require.True(d, c.SDK().ServerHealthy())
	took := time.Since(before)
	require.Less(d, took, time.Second)
	d.measured("connecting", took)
	require.Zero(d, asked.Load(), "requests over HTTP")

	_, err = c.Pull(d.Context(), d.service)
	require.ErrorContains(d, err, "418")
	require.EqualValues(d, 1, asked.Load(), "the recorder would have seen one")
}

// 02: a registered instance can be read, with all of its fields.
func registerAndRead(d *driver) {
	a, b := d.client(), d.client()
	h := host(1)
	h.Weight, h.Metadata = 2.5, map[string]string{"zeroloss.tag": "gray", "k": "v w=x"}
	w := d.watch(b)
	d.register(a, h)
	w.hosts(h)

	list := d.all(b)
	require.Len(d, list, 1)
	got := list[0]
	require.Equal(d, model.Instance{
		InstanceId: got.InstanceId, Ip: h.IP, Port: portNumber(h.Port), Weight: 2.5, Healthy: true, Enable: true, Ephemeral: true,
		ClusterName: "DEFAULT", ServiceName: "DEFAULT_GROUP@@" + d.service, Metadata: h.Metadata,
		InstanceHeartBeatInterval: got.InstanceHeartBeatInterval, IpDeleteTimeout: got.IpDeleteTimeout,
		InstanceHeartBeatTimeOut: got.InstanceHeartBeatTimeOut,
	}, got)

	pulled := d.pull(b)
	require.Len(d, pulled, 1)
	require.True(d, h.Equal(pulled[0]), "over HTTP: %+v", pulled[0])
}

// 03: an unknown service is empty, and can be subscribed to.
func unknownService(d *driver) {
	a, b := d.client(), d.client()
	require.Empty(d, d.all(b))
	s, err := b.SDK().GetService(vo.GetServiceParam{ServiceName: d.service})
	require.NoError(d, err)
	require.Empty(d, s.Hosts)
	require.Empty(d, d.pull(b))

	w := d.watch(b)
	d.register(a, host(1))
	w.hosts(host(1))
}

// 04: a later subscriber gets the list at once.
func subscribeReplay(d *driver) {
	cs := d.clients(4)
	witness := d.watch(cs[0])
	d.register(cs[1], host(1))
	d.register(cs[2], host(2))
	witness.hosts(host(1), host(2)) // reads are as old as the last push

	before := time.Now()
	w := d.watch(cs[3])
	first := w.await(time.Second, "any kind", func([]registry.Host) bool { return true })
	took := first.at.Sub(before)
	require.Less(d, took, time.Second)
	d.measured("subscribe to callback", took)
	require.Equal(d, addrs([]registry.Host{host(1), host(2)}), addrs(first.hosts))
}

// 17: the SDK's selections distinguish healthy instances.
func healthyOnly(d *driver) {
	cs := d.clients(3)
	sick := host(2)
	sick.Healthy = false
	w := d.watch(cs[0])
	d.register(cs[1], host(1))
	d.register(cs[2], sick)
	w.hosts(host(1), sick)

	sdk := cs[0].SDK()
	for healthy, want := range map[bool]registry.Host{true: host(1), false: sick} {
		got, err := sdk.SelectInstances(vo.SelectInstancesParam{ServiceName: d.service, HealthyOnly: healthy})
		require.NoError(d, err)
		require.Len(d, got, 1)
		require.Equal(d, want.IP, got[0].Ip)
	}
	one, err := sdk.SelectOneHealthyInstance(vo.SelectOneHealthInstanceParam{ServiceName: d.service})
	require.NoError(d, err)
	require.Equal(d, host(1).IP, one.Ip)
}

// 18: services with the same name in different groups are different.
func groups(d *driver) {
	in := func(g string) func(*nacos.Options) { return func(o *nacos.Options) { o.Group = g } }
	d.apart(in("G1"), in("G2"))
}

// 19: so are services in different namespaces; no namespace means public.
func namespaces(d *driver) {
	in := func(ns string) func(*nacos.Options) { return func(o *nacos.Options) { o.Namespace = ns } }
	d.apart(in("ns1"), in(""))

	open, public := d.client(in("")), d.client(in("public"))
	d.service += "-public"
	w := d.watch(public)
	d.register(open, host(1))
	w.hosts(host(1))
}

// apart asserts that one and two do not see each other's instances of a service.
func (d *driver) apart(one, two func(*nacos.Options)) {
	w1, w2 := d.watch(d.client(one)), d.watch(d.client(two))
	a1, a2 := d.client(one), d.client(two)
	d.register(a1, host(1))
	w1.hosts(host(1))
	d.register(a2, host(2))
	w2.hosts(host(2))
	d.deregister(a2, host(2))
	w2.hosts()
	// Make a change in the first one, too, so that its history is complete.
	d.deregister(a1, host(1))
	w1.hosts()
	require.Equal(d, []string{"", addrs([]registry.Host{host(1)}), ""}, w1.lists())
	require.Equal(d, []string{"", addrs([]registry.Host{host(2)}), ""}, w2.lists())
}

// 20: a subscription to a cluster shows only that cluster. (For old SDKs the
// server filters the list, newer ones filter it themselves.)
func clusters(d *driver) {
	cs := d.clients(6)
	in := func(i int, cluster string) registry.Host {
		h := host(i)
		h.Cluster = cluster
		return h
	}
	witness := d.watch(cs[0])
	d.register(cs[1], in(1, "c1"))
	d.register(cs[2], in(2, "c2"))
	witness.hosts(host(1), host(2)) // reads are as old as the last push
	w := d.watch(cs[3], "c1")
	w.hosts(host(1))
	d.register(cs[4], in(3, "c2"))
	witness.hosts(host(1), host(2), host(3))
	d.register(cs[5], in(4, "c1"))
	w.hosts(host(1), host(4))
	for _, s := range w.history() {
		for _, h := range s.hosts {
			require.Equal(d, "c1", h.Cluster)
		}
	}
}
