package registrytest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/model"
	"github.com/nacos-group/nacos-sdk-go/v2/vo"
	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/registry"
	"zeroloss/demo-services/registry/nacos"
)

// driver runs one check, with clients of its own and a service with a unique
// name.
type driver struct {
	*testing.T
	target  Target
	service string

	changed time.Time       // the first change that no list has shown yet; zero: none
	pushes  []time.Duration // from changes to the lists that showed them
	what    string          // what the check measures; "": the median of pushes
	took    time.Duration
}

// change records that the service changes now.
func (d *driver) change() {
	if d.changed.IsZero() {
		d.changed = time.Now()
	}
}

// shown records that a list showed the changes.
func (d *driver) shown(at time.Time) {
	if !d.changed.IsZero() {
		d.pushes = append(d.pushes, at.Sub(d.changed))
		d.changed = time.Time{}
	}
}

// measured records what the check measures.
func (d *driver) measured(what string, took time.Duration) { d.what, d.took = what, took }

// client is one connection.
type client struct {
	*nacos.Client
	group string
}

func (d *driver) options(alter []func(*nacos.Options)) nacos.Options {
	o := nacos.Options{
		Host: d.target.Host, Port: d.target.Port, GRPCPort: d.target.GRPCPort,
		Group: registry.DefaultGroup, Dir: d.TempDir(),
	}
	for _, f := range alter {
		f(&o)
	}
	return o
}

// client connects a client; alter may change its options.
func (d *driver) client(alter ...func(*nacos.Options)) *client {
	d.Helper()
	return d.clients(1, alter...)[0]
}

// clients connects n clients at once, as each connection takes the SDK 100 ms.
func (d *driver) clients(n int, alter ...func(*nacos.Options)) []*client {
	d.Helper()
	out := make([]*client, n)
	ctx, cancel := context.WithTimeout(d.Context(), 10*time.Second)
	defer cancel()
	d.each(n, func(i int) error {
		o := d.options(alter)
		c, err := nacos.Connect(ctx, o)
		if err != nil {
			return err
		}
		d.Cleanup(func() { require.NoError(d, c.Close()) })
		out[i] = &client{c, o.Group}
		return out[i].served(ctx)
	})
	return out
}

// served waits until the server answers. The SDK considers itself connected
// 100 ms after its setup request, which a server that has just started may not
// have handled by then.
func (c *client) served(ctx context.Context) error {
	for {
		_, err := c.SDK().GetAllServicesInfo(vo.GetAllServiceInfoParam{PageNo: 1, PageSize: 1})
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
	}
}

// each runs f n times concurrently.
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

// host returns the i-th instance of the check.
func host(i int) registry.Host {
	return registry.NewHost("127.0."+strconv.Itoa(i/200)+"."+strconv.Itoa(i%200+1), 20000+i, registry.Meta{})
}

func (d *driver) register(c *client, h registry.Host) {
	d.Helper()
	d.registerIn(c, d.service, h)
}

func (d *driver) registerIn(c *client, service string, h registry.Host) {
	d.Helper()
	ctx, cancel := context.WithTimeout(d.Context(), 5*time.Second)
	defer cancel()
	d.change()
	require.NoError(d, c.Register(ctx, service, h))
}

func (d *driver) deregister(c *client, h registry.Host) {
	d.Helper()
	ctx, cancel := context.WithTimeout(d.Context(), 5*time.Second)
	defer cancel()
	d.change()
	require.NoError(d, c.Deregister(ctx, d.service, h))
}

// update registers an instance again with the SDK's update.
func (d *driver) update(c *client, h registry.Host) {
	d.Helper()
	d.change()
	ok, err := c.SDK().UpdateInstance(vo.UpdateInstanceParam{
		Ip: h.IP, Port: portNumber(h.Port), Weight: h.Weight, Enable: h.Enabled, Healthy: h.Healthy, Ephemeral: true,
		ClusterName: h.Cluster, ServiceName: d.service, GroupName: c.group, Metadata: h.Metadata,
	})
	require.NoError(d, err)
	require.True(d, ok)
}

// batch replaces the client's publication by hosts.
func (d *driver) batch(c *client, hosts []registry.Host) error {
	p := vo.BatchRegisterInstanceParam{ServiceName: d.service, GroupName: c.group}
	for _, h := range hosts {
		p.Instances = append(p.Instances, vo.RegisterInstanceParam{
			Ip: h.IP, Port: portNumber(h.Port), Weight: h.Weight, Enable: h.Enabled, Healthy: h.Healthy, Ephemeral: true,
		})
	}
	ok, err := c.SDK().BatchRegisterInstance(p)
	if err == nil && !ok {
		err = errors.New("the server refused the batch")
	}
	return err
}

// all returns the SDK's list of the check's service.
func (d *driver) all(c *client) []model.Instance {
	d.Helper()
	list, err := c.SDK().SelectAllInstances(vo.SelectAllInstancesParam{ServiceName: d.service, GroupName: c.group})
	require.NoError(d, err)
	return list
}

func (d *driver) pull(c *client) []registry.Host {
	d.Helper()
	list, err := c.Pull(d.Context(), d.service)
	require.NoError(d, err)
	return list
}

// form returns the form values of a host for the open API.
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

// ask calls the server's open API.
func (d *driver) ask(method, path string, form url.Values) (int, string) {
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
	return resp.StatusCode, string(body)
}

// http is like ask for a call that must succeed.
func (d *driver) http(method, path string, form url.Values) string {
	d.Helper()
	status, body := d.ask(method, path, form)
	require.Equal(d, http.StatusOK, status, "%s %s: %s", method, path, body)
	return body
}

// addrs returns the addresses of hosts, by which lists are compared.
func addrs(hosts []registry.Host) string {
	out := make([]string, len(hosts))
	for i, h := range hosts {
		out[i] = h.Addr()
	}
	return strings.Join(out, " ")
}

// portNumber is a TCP port as the SDK takes it.
func portNumber(port int) uint64 { return uint64(port) } //nolint:gosec // a port is not negative

// fromSDK converts a list of the SDK and sorts it.
func fromSDK(list []model.Instance) []registry.Host {
	out := make([]registry.Host, 0, len(list))
	for _, i := range list {
		out = append(out, registry.Host{
			IP: i.Ip, Port: int(i.Port), Weight: i.Weight, Healthy: i.Healthy, Enabled: i.Enable, //nolint:gosec // a port
			Ephemeral: i.Ephemeral, Cluster: i.ClusterName, Metadata: i.Metadata,
		})
	}
	registry.SortHosts(out)
	return out
}
