package registrytest

import (
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry"
	"zeroloss/demo-services/registry/nacos"
)

// Connections that are silent for 20 s are probed and have 5 s to answer. The
// next check comes 3 s after the last probe is answered or overdue.
const (
	minIdleEjection = 20 * time.Second
	maxIdleEjection = 33 * time.Second
)

// 10: a publisher whose network dies stays listed, and healthy, until the server
// ejects its connection.
func silentLoss(d *driver) {
	proxy := NewProxy(d, d.target.Host, d.target.GRPCPort)
	a := d.client(func(o *nacos.Options) { o.GRPCPort = proxy.Port() })
	w := d.watch(d.client())
	lastSign := time.Now()
	d.register(a, host(1))
	w.hosts(host(1))
	muted := time.Now()
	proxy.DropAll()
	gone := w.within(maxIdleEjection + d.target.bound())
	require.GreaterOrEqual(d, gone.at.Sub(lastSign), minIdleEjection)
	d.measured("silence to callback", gone.at.Sub(muted))
	for _, s := range w.history() {
		for _, h := range s.hosts {
			require.True(d, h.Healthy, "never unhealthy before it goes")
		}
	}
}

// downtime is how long the server is down, and reconnectTimeout how long its
// clients may take to be back once it answers.
const (
	downtime         = 5 * time.Second
	reconnectTimeout = 10 * time.Second
)

// 24: a server that restarts has lost everything; its clients restore all of it.
func restart(d *driver) {
	cs := d.clients(4)
	sees := d.watch(cs[0])
	keeps := d.watch(d.client(func(o *nacos.Options) { o.KeepWhenEmpty = true }))
	d.register(cs[1], host(1))
	d.register(cs[2], host(2))
	sees.hosts(host(1), host(2))
	keeps.hosts(host(1), host(2))
	known := len(keeps.history())

	d.target.Down(d)
	d.pass(downtime)
	d.target.Up(d)
	up := time.Now()
	// The publications are back when the server lists them …
	d.await(reconnectTimeout, "both publications", func() bool {
		return addrs(d.pullOnce(cs[3])) == addrs([]registry.Host{host(1), host(2)})
	})
	// … and the subscriptions when a change arrives.
	d.register(cs[3], host(3))
	for _, w := range []*sdkWatch{sees, keeps} {
		w.within(time.Until(up.Add(reconnectTimeout)), host(1), host(2), host(3))
	}
	d.pushes = nil // the last one was to clients that were still reconnecting
	d.measured("back up to all restored", time.Since(up))

	d.deregister(cs[3], host(3))
	sees.hosts(host(1), host(2))
	keeps.hosts(host(1), host(2))
	for _, s := range keeps.history()[known-1:] {
		require.NotEmpty(d, s.hosts, "to a client that keeps its list, nothing was ever gone")
	}
}

// pullOnce returns the server's list, or nothing while it does not answer.
func (d *driver) pullOnce(c *client) []registry.Host {
	list, err := c.Pull(d.Context(), d.service)
	if err != nil {
		d.Logf("pulling while the server comes back: %v", err)
	}
	return list
}

// await polls every 50 ms for what the server sends no message about.
func (d *driver) await(within time.Duration, what string, is func() bool) {
	d.Helper()
	deadline := time.Now().Add(within)
	for !is() {
		require.True(d, time.Now().Before(deadline), "%s within %v", what, within)
		d.pass(50 * time.Millisecond)
	}
}
