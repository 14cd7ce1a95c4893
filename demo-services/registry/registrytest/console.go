package registrytest

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry"
)

// form names a host to the HTTP side.
func (d *driver) form(h registry.Host, more ...string) url.Values {
	q := url.Values{
		"serviceName": {d.service}, "ip": {h.IP}, "port": {strconv.Itoa(h.Port)},
		"clusterName": {registry.DefaultCluster}, "ephemeral": {"true"},
	}
	for i := 0; i+1 < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	return q
}

// 13: a host that is disabled over HTTP leaves the lists and comes back, and
// its publisher need not know.
func disableOverHTTP(d *driver) {
	a := d.client()
	w := d.watch(d.client())
	h := host(1)
	h.Metadata = map[string]string{"k": "v"}
	d.register(a, h)
	w.hosts(h)
	for _, version := range []string{"v1", "v2"} {
		path := "/" + version + "/ns/instance"
		require.Contains(d, d.http(http.MethodPut, path, d.form(h, "enabled", "false")), "ok")
		w.hosts()
		require.Contains(d, d.http(http.MethodPut, path, d.form(h, "enabled", "true")), "ok")
		back := w.hosts(h)
		require.Equal(d, "v", back.hosts[0].Metadata["k"])
	}
	require.True(d, a.SDK().ServerHealthy())
}

// 16: an HTTP DELETE says ok and does not remove what an SDK has published.
func deleteIsNoOp(d *driver) {
	cs := d.clients(3)
	w := d.watch(cs[0])
	d.register(cs[1], host(1))
	w.hosts(host(1))
	require.Contains(d, d.http(http.MethodDelete, "/v1/ns/instance", d.form(host(1))), "ok")
	w.quiet("a DELETE changes nothing")
	// The subscriber has not just gone deaf.
	d.register(cs[2], host(2))
	w.hosts(host(1), host(2))
}
