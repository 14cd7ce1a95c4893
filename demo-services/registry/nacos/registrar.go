package nacos

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/vo"

	"zeroloss/demo-services/registry"
	"zeroloss/internal/ctxtime"
)

// minDeregisterAge is how old a connection must be before it deregisters. When
// the SDK handles its first "connected" event, it registers again whatever was
// registered by then. That may come after a deregistration and undo it.
// Registering twice does no harm, so only a deregistration waits.
const minDeregisterAge = 200 * time.Millisecond

// Register publishes h: see registry.Registrar.
func (c *Client) Register(ctx context.Context, service string, h registry.Host) error {
	p := vo.RegisterInstanceParam{
		Ip: h.IP, Port: portNumber(h.Port), Weight: h.Weight, Healthy: h.Healthy, Enable: h.Enabled,
		Ephemeral: true, ClusterName: h.Cluster, Metadata: h.Metadata,
		ServiceName: service, GroupName: c.opts.Group,
	}
	register := func() (bool, error) {
		c.publishing.Lock()
		defer c.publishing.Unlock()
		c.stopDeregisterRepeats(service)
		return c.sdk.RegisterInstance(p)
	}
	if err := retryUntilDone(ctx, register); err != nil {
		return fmt.Errorf("registering %s as %q at %s: %w", h.Addr(), service, c.addr(), err)
	}
	return nil
}

// Deregister withdraws the publication: see registry.Registrar.
func (c *Client) Deregister(ctx context.Context, service string, h registry.Host) error {
	p := vo.DeregisterInstanceParam{
		Ip: h.IP, Port: portNumber(h.Port), Cluster: h.Cluster, Ephemeral: true,
		ServiceName: service, GroupName: c.opts.Group,
	}
	if err := ctxtime.Sleep(ctx, time.Until(c.connectedAt.Add(minDeregisterAge))); err != nil {
		return fmt.Errorf("deregistering %s from %q at %s: %w", h.Addr(), service, c.addr(), err)
	}
	deregister := func() (bool, error) { return c.sdk.DeregisterInstance(p) }
	once := func() (bool, error) { //nolint:contextcheck // the repeats go on when this call has returned
		c.publishing.Lock()
		defer c.publishing.Unlock()
		ok, err := deregister()
		if ok && err == nil {
			c.startDeregisterRepeats(service, deregister)
		}
		return ok, err
	}
	if err := retryUntilDone(ctx, once); err != nil {
		return fmt.Errorf("deregistering %s from %q at %s: %w", h.Addr(), service, c.addr(), err)
	}
	return nil
}

// portNumber is a TCP port as the SDK takes it.
func portNumber(port int) uint64 { return uint64(port) } //nolint:gosec // a port is not negative

// errRefused is the meaning of the SDK's (false, nil).
var errRefused = errors.New("the registry refused it")

// retryUntilDone repeats call until it succeeds or ctx ends. The SDK gives up
// after three attempts within 300 ms, which is too early while a registry
// restarts.
func retryUntilDone(ctx context.Context, call func() (bool, error)) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		ok, err := call()
		if ok && err == nil {
			return nil
		}
		if err == nil {
			err = errRefused
		}
		if stop := ctxtime.Sleep(ctx, retryInterval); stop != nil {
			return errors.Join(err, stop)
		}
	}
}
