package registrytest

import (
	"net/http"
	"time"

	"github.com/stretchr/testify/require"
)

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

// overlaySweep is how often a server looks for overlays whose time is over.
const overlaySweep = 5 * time.Second

// 15: what the console said of an instance holds for the next one at its
// address, until a while after it has gone: a pod that comes back stays
// disabled.
func stickyOverlay(d *driver) {
	cs := d.clients(5)
	w, a, again, other, late := d.watch(cs[0]), cs[1], cs[2], cs[3], cs[4]
	d.register(a, host(1))
	w.hosts(host(1))
	d.change()
	d.http(http.MethodPut, "/v1/ns/instance", d.form(host(1), "enabled", "false"))
	w.hosts()
	require.NoError(d, a.Close())
	d.register(again, host(1))
	d.register(other, host(2))
	w.hosts(host(2)) // and not the first

	d.deregister(again, host(1))
	d.changed = time.Time{} // it was not listed: nothing to see
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
	// The subscriber has not just gone deaf.
	d.register(cs[2], host(2))
	w.hosts(host(1), host(2))
}
