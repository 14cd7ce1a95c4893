package nacos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/nacos-group/nacos-sdk-go/v2/model"
	"github.com/nacos-group/nacos-sdk-go/v2/vo"

	"zeroloss/demo-services/registry"
	"zeroloss/internal/ctxtime"
)

// Subscribe follows a service: see registry.Watcher.
func (c *Client) Subscribe(ctx context.Context, service string, changed func([]registry.Host)) error {
	if err := c.subscribe(ctx, service, changed); err != nil {
		return fmt.Errorf("subscribing to %q at %s: %w", service, c.addr(), err)
	}
	return nil
}

func (c *Client) subscribe(ctx context.Context, service string, changed func([]registry.Host)) error {
	f, err := c.newSubscription(ctx, service, changed)
	if err != nil {
		return err
	}
	err = c.sdk.Subscribe(&vo.SubscribeParam{
		ServiceName: service, GroupName: c.opts.Group,
		SubscribeCallback: func(list []model.Instance, err error) {
			if err == nil { // otherwise the SDK keeps its list, and so do we
				f.received(hostsOf(list))
			}
		},
	})
	for err != nil {
		// A second Subscribe would add the callback again. GetService asks for the
		// same subscription, and its answer goes to the first callback.
		if stop := ctxtime.Sleep(ctx, retryInterval); stop != nil {
			return errors.Join(err, stop)
		}
		_, err = c.sdk.GetService(vo.GetServiceParam{ServiceName: service, GroupName: c.opts.Group})
	}
	f.requestConfirmation()
	return nil
}

// errClosed is returned by a closed client.
var errClosed = errors.New("the client is closed")

// newSubscription starts a subscription that runs until Close.
func (c *Client) newSubscription(ctx context.Context, service string, changed func([]registry.Host)) (*subscription, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f := &subscription{
		changed: changed, keepWhenEmpty: c.opts.KeepWhenEmpty, unconfirmed: make(chan struct{}, 1), mu: &c.mu, closed: &c.closed,
		pull: func(ctx context.Context) ([]registry.Host, error) { return c.Pull(ctx, service) },
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, errClosed
	}
	ctx, end := context.WithCancel(context.WithoutCancel(ctx))
	c.stopSubscriptions = append(c.stopSubscriptions, end)
	c.subscriptions.Go(func() { f.run(ctx) })
	return f, nil
}

func hostsOf(list []model.Instance) []registry.Host {
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

// maxServices is how many names of services are requested.
const maxServices = 500

// Services returns the names of the services of the client's group, at most 500.
func (c *Client) Services() ([]string, error) {
	all, err := c.sdk.GetAllServicesInfo(vo.GetAllServiceInfoParam{NameSpace: c.opts.Namespace, GroupName: c.opts.Group, PageNo: 1, PageSize: maxServices})
	if err != nil {
		return nil, fmt.Errorf("listing the services at %s: %w", c.addr(), err)
	}
	return all.Doms, nil
}

// maxListBytes bounds what Pull reads: about 20,000 hosts.
const maxListBytes = 10 << 20

// Pull asks the server for its list: see registry.Watcher. The SDK offers no
// public way to do so: once subscribed, it answers from its own cache.
func (c *Client) Pull(ctx context.Context, service string) ([]registry.Host, error) {
	q := url.Values{"serviceName": {service}, "groupName": {c.opts.Group}}
	if c.opts.Namespace != "" {
		q.Set("namespaceId", c.opts.Namespace)
	}
	u := url.URL{Scheme: "http", Host: c.addr(), Path: "/nacos/v1/ns/instance/list", RawQuery: q.Encode()}
	var answer struct {
		Hosts []model.Instance `json:"hosts"`
	}
	if err := c.get(ctx, u.String(), &answer); err != nil {
		return nil, fmt.Errorf("pulling the list of %q: %w", service, err)
	}
	return hostsOf(answer.Hosts), nil
}

func (c *Client) get(ctx context.Context, url string, into any) (err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxListBytes))
	if err != nil {
		return fmt.Errorf("reading the answer of %s: %w", url, err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s: %.200q", url, resp.Status, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("decoding the answer of %s: %w", url, err)
	}
	return nil
}
