package registrytest

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry"
)

// 13: a host that is disabled over HTTP leaves the lists and comes back, without
// any action of its publisher.
func disableOverHTTP(d *driver) {
	a := d.client()
	w := d.watch(d.client())
	h := host(1)
	h.Metadata = map[string]string{"k": "v"}
	d.register(a, h)
	w.hosts(h)
	for _, version := range []string{"v1", "v2"} {
		path := "/" + version + "/ns/instance"
		d.change()
		require.Contains(d, d.http(http.MethodPut, path, d.form(h, "enabled", "false")), "ok")
		w.hosts()
		d.change()
		require.Contains(d, d.http(http.MethodPut, path, d.form(h, "enabled", "true")), "ok")
		back := w.hosts(h)
		require.Equal(d, "v", back.hosts[0].Metadata["k"])
	}
	require.True(d, a.SDK().ServerHealthy())
}

// overlaySweep is how often a server removes expired overlays.
const overlaySweep = 5 * time.Second

// 15: an overlay applies to the next instance at the same address, until some
// time after the instance has gone: a pod that comes back stays disabled.
func stickyOverlay(d *driver) {
	cs := d.clients(5)
	w, a, again, other, late := d.watch(cs[0]), cs[1], cs[2], cs[3], cs[4]
	d.register(a, host(1))
	w.hosts(host(1))
	d.change()
	d.http(http.MethodPut, "/v1/ns/instance", d.form(host(1), "enabled", "false"))
	w.hosts()
	require.NoError(d, a.Close())
	d.await(d.target.bound(), "the disabled one is gone", func() bool {
		status, _ := d.ask("GET", "/v1/ns/instance", d.form(host(1)))
		return status == http.StatusNotFound
	})
	d.register(again, host(1))
	d.register(other, host(2))
	w.hosts(host(2)) // and not the first

	d.deregister(again, host(1))
	d.changed = time.Time{} // it was not listed: no list will show the change
	d.pass(OverlayTTL + overlaySweep + 500*time.Millisecond)
	d.register(late, host(1))
	w.hosts(host(1), host(2))
}

// 16: an HTTP DELETE says ok and does not remove what an SDK has published.
func deleteIsNoOp(d *driver) {
	cs := d.clients(3)
	w := d.watch(cs[0])
	d.register(cs[1], host(1))
	w.hosts(host(1))
	require.Contains(d, d.http(http.MethodDelete, "/v1/ns/instance", d.form(host(1))), "ok")
	w.quiet("a DELETE changes nothing")
	// The subscription still works.
	d.register(cs[2], host(2))
	w.hosts(host(1), host(2))
}

// W7: the answers of the open API, versions 1 and 2.
func answersOverHTTP(d *driver) {
	h, stranger := host(1), host(9)
	is := func(method, path string, form url.Values, status int, has ...string) {
		d.Helper()
		got, body := d.ask(method, path, form)
		require.Equal(d, status, got, "%s %s: %s", method, path, body)
		for _, part := range has {
			require.Contains(d, body, part, "%s %s", method, path)
		}
	}
	page := url.Values{"pageNo": {"1"}, "pageSize": {"1"}}
	is("GET", "/v1/console/health/readiness", nil, 200, "OK")
	is("GET", "/v2/console/health/liveness", nil, 200, `"data":"ok"`)
	is("GET", "/v1/ns/operator/metrics", nil, 200, `"status":"UP"`)
	is("GET", "/v1/ns/instance/list", nil, 400, "serviceName")
	is("GET", "/v1/ns/instance", d.form(h), 404)
	is("PUT", "/v1/ns/instance", d.form(h), 400, "service not found")
	is("PUT", "/v2/ns/instance", d.form(h), 400, `"code":21004`, "service not found")
	is("DELETE", "/v2/ns/instance", d.form(h), 200, `"data":"ok"`)
	is("PUT", "/v1/ns/instance/beat", d.form(h), 200, `"code":20404`)
	is("POST", "/v1/ns/instance", d.form(h, "metadata", `{"a":"1"}`, "weight", "2"), 200, "ok")
	is("PUT", "/v1/ns/instance/beat", d.form(h), 200, `"code":10200`, `"clientBeatInterval":5000`)
	is("GET", "/v1/ns/instance/list", d.form(h), 200, `"name":"DEFAULT_GROUP@@`+d.service, `"metadata":{"a":"1"}`)
	is("GET", "/v1/ns/service/list", page, 200, `"count":`, `"doms":["`)
	is("GET", "/v2/ns/service/list", page, 200, `"count":`, `"services":["`)
	is("PUT", "/v1/ns/instance", d.form(h, "weight", "10001"), 400)
	is("PUT", "/v1/ns/instance", d.form(h, "port", "x"), 400, "port")

	// A patch keeps the other fields of the overlay, not those of the instance.
	is("PATCH", "/v1/ns/instance", d.form(h, "metadata", "b=2"), 200, "ok")
	d.await(d.target.bound(), "the patch shows", func() bool {
		_, body := d.ask("GET", "/v1/ns/instance", d.form(h))
		return strings.Contains(body, `"b":"2"`)
	})
	is("GET", "/v1/ns/instance", d.form(h), 200, `"service":"DEFAULT_GROUP@@`+d.service+`"`, `"a":"1"`, `"weight":1`)
	is("PATCH", "/v1/ns/instance", d.form(h, "enabled", "false"), 200, "ok")
	d.await(d.target.bound(), "the list is empty", func() bool {
		_, body := d.ask("GET", "/v1/ns/instance/list", d.form(h))
		return strings.Contains(body, `"hosts":[]`)
	})
	is("GET", "/v2/ns/instance", d.form(h), 200, `"serviceName":"DEFAULT_GROUP@@`+d.service+`"`, `"b":"2"`)
	is("GET", "/v2/ns/instance", d.form(stranger), 404, `"code":20004`)
	is("PATCH", "/v1/ns/instance", d.form(stranger, "enabled", "false"), 404)
}

// heartbeatSweep is how often a server checks heartbeats.
const heartbeatSweep = 5 * time.Second

// W8: an instance that was registered over HTTP becomes unhealthy without
// heartbeats, healthy with one, and is removed in the end. (After 15 and 30 s,
// unless its metadata sets other times.)
func heartbeats(d *driver) {
	const unhealthyAfter, goneAfter = 2 * time.Second, 8 * time.Second
	w := d.watch(d.client())
	h := host(1)
	healthy := func(want bool) func([]registry.Host) bool {
		return func(got []registry.Host) bool { return len(got) == 1 && got[0].Healthy == want }
	}
	d.http("POST", "/v1/ns/instance", d.form(h, "metadata",
		fmt.Sprintf(`{"preserved.heart.beat.interval":"1000","preserved.heart.beat.timeout":"%d","preserved.ip.delete.timeout":"%d"}`, unhealthyAfter.Milliseconds(), goneAfter.Milliseconds())))
	last := time.Now()
	w.await(d.target.bound(), "a healthy one", healthy(true))
	w.await(unhealthyAfter+heartbeatSweep+d.target.bound(), "an unhealthy one", healthy(false))
	require.Greater(d, time.Since(last), unhealthyAfter)

	d.http("PUT", "/v1/ns/instance/beat", d.form(h))
	last = time.Now()
	w.await(d.target.bound(), "one that is healthy again", healthy(true))
	w.await(unhealthyAfter+heartbeatSweep+d.target.bound(), "an unhealthy one", healthy(false))
	removed := w.within(goneAfter + heartbeatSweep + d.target.bound())
	require.Greater(d, removed.at.Sub(last), goneAfter)
	d.measured("last heartbeat (8 s) to callback", removed.at.Sub(last))
}
