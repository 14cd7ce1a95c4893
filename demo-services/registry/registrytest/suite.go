// Package registrytest is the contract of a registry: what a Nacos server,
// embedded or real, does when nacos-sdk-go asks it to. [Run] holds a running
// server to it; the only thing that may differ is the push delay.
//
// The checks keep their numbers in the list of 25 from which they come; those
// that are missing are not required of the embedded server. They run in real
// time, side by side: they wait for what must happen, with a deadline, and wait
// a while only where nothing must happen.
package registrytest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry"
	"zeroloss/demo-services/registry/nacos"
)

// Target is a running server.
type Target struct {
	Host      string
	Port      int // HTTP
	GRPCPort  int
	PushDelay time.Duration // from a change to its push
}

// tick is the grid on which servers push.
const tick = 100 * time.Millisecond

// bound is the latest that a push may come: a tick after the push delay, plus
// a second for slow machines.
func (g Target) bound() time.Duration { return g.PushDelay + tick + time.Second }

// check is one line of the contract.
type check struct {
	number int
	name   string
	run    func(*driver)
}

func checks() []check {
	return []check{
		{1, "connect", connect},
		{2, "register and read", registerAndRead},
		{3, "unknown service", unknownService},
		{4, "subscribe replay", subscribeReplay},
		{5, "push on add", pushOnAdd},
		{6, "push on deregister", pushOnDeregister},
		{7, "last one out", lastOneOut},
		{8, "graceful close", gracefulClose},
		{9, "crash", crash},
		{11, "metadata update", metadataUpdate},
		{13, "disable over HTTP", disableOverHTTP},
		{16, "HTTP DELETE is a no-op", deleteIsNoOp},
		{17, "healthy only", healthyOnly},
		{18, "groups", groups},
		{19, "namespaces", namespaces},
		{21, "one publication per connection", onePublication},
		{22, "merge window", mergeWindow},
	}
}

// Run holds target to the contract, all checks in parallel.
func Run(t *testing.T, target Target) {
	for _, c := range checks() {
		t.Run(fmt.Sprintf("%02d %s", c.number, c.name), func(t *testing.T) {
			t.Parallel()
			c.run(&driver{T: t, target: target, service: fmt.Sprintf("check-%d-%d", c.number, time.Now().UnixNano())})
		})
	}
}

// driver drives one check: clients of its own, and a service of a fresh name.
type driver struct {
	*testing.T
	target  Target
	service string
}

// client connects; alter may change how.
func (d *driver) client(alter ...func(*nacos.Options)) *nacos.Client {
	d.Helper()
	o := nacos.Options{Host: d.target.Host, Port: d.target.Port, GRPCPort: d.target.GRPCPort, Dir: d.TempDir()}
	for _, f := range alter {
		f(&o)
	}
	ctx, cancel := context.WithTimeout(d.Context(), 10*time.Second)
	defer cancel()
	c, err := nacos.Connect(ctx, o)
	require.NoError(d, err)
	d.Cleanup(func() { require.NoError(d, c.Close()) })
	return c
}

// clients connects n of them at once: each takes the SDK 100 ms.
func (d *driver) clients(n int) []*nacos.Client {
	d.Helper()
	out := make([]*nacos.Client, n)
	d.each(n, func(i int) error {
		c, err := nacos.Connect(d.Context(), nacos.Options{
			Host: d.target.Host, Port: d.target.Port, GRPCPort: d.target.GRPCPort, Dir: d.TempDir(),
		})
		out[i] = c
		return err
	})
	for _, c := range out {
		d.Cleanup(func() { require.NoError(d, c.Close()) })
	}
	return out
}

// each runs f n times at once.
func (d *driver) each(n int, f func(i int) error) {
	d.Helper()
	errs := make(chan error, n)
	for i := range n {
		go func() { errs <- f(i) }()
	}
	for range n {
		require.NoError(d, <-errs)
	}
}

// host is the i-th instance of the check.
func host(i int) registry.Host {
	return registry.NewHost("127.0.0."+strconv.Itoa(i+1), 20000+i, registry.Meta{})
}

func (d *driver) register(c *nacos.Client, h registry.Host) {
	d.Helper()
	ctx, cancel := context.WithTimeout(d.Context(), 5*time.Second)
	defer cancel()
	require.NoError(d, c.Register(ctx, d.service, h))
}

func (d *driver) deregister(c *nacos.Client, h registry.Host) {
	d.Helper()
	ctx, cancel := context.WithTimeout(d.Context(), 5*time.Second)
	defer cancel()
	require.NoError(d, c.Deregister(ctx, d.service, h))
}

// http calls the server's HTTP side and returns the body of its answer, which
// must be a 200.
func (d *driver) http(method, path string, form url.Values) string {
	d.Helper()
	u := url.URL{
		Scheme: "http", Host: net.JoinHostPort(d.target.Host, strconv.Itoa(d.target.Port)),
		Path: "/nacos" + path, RawQuery: form.Encode(),
	}
	req, err := http.NewRequestWithContext(d.Context(), method, u.String(), http.NoBody)
	require.NoError(d, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(d, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(d, err)
	require.Equal(d, http.StatusOK, resp.StatusCode, "%s %s: %s", method, path, body)
	return string(body)
}

// addrs is what hosts are compared by.
func addrs(hosts []registry.Host) string {
	out := make([]string, len(hosts))
	for i, h := range hosts {
		out[i] = h.Addr()
	}
	return strings.Join(out, " ")
}
