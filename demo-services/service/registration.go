package service

import (
	"context"
	"fmt"
	"slices"
	"time"

	"zeroloss/demo-services/lossless"
	"zeroloss/demo-services/registry"
	"zeroloss/demo-services/settings"
	"zeroloss/internal/ctxtime"
)

// registration publishes this instance in the registry. Its fields belong to the
// goroutine of the lifecycle, which calls markStarted, setWarmup and host.
type registration struct {
	doc      settings.Document
	registry *registryConn
	business *businessServer
	start    time.Time       // of the first registration; zero before it
	warmup   settings.Warmup // what the metadata tells consumers
}

func newRegistration(d settings.Document, r *registryConn, b *businessServer) *registration {
	return &registration{doc: d, registry: r, business: b, warmup: d.Online.Warmup}
}

// markStarted sets the start time, once.
func (r *registration) markStarted() {
	if r.start.IsZero() {
		r.start = time.Now()
	}
}

// identity returns who we are to our consumers. A zero Start means that we have
// never been registered, so no consumer can know us.
func (r *registration) identity() lossless.Identity {
	id := lossless.Identity{Instance: identity(r.doc)}
	if !r.start.IsZero() {
		id.Start = r.start.UnixMilli()
	}
	return id
}

// host returns the instance as it is to be listed.
func (r *registration) host() registry.Host {
	m := registry.Meta{Instance: identity(r.doc), Tag: r.doc.Tag, Start: r.start}
	if w := r.warmup; w.Window > 0 && !r.doc.Online.Prewarmed {
		m.Warmup, m.Model, m.Curve = w.Window, w.Model, w.Curve
	}
	return registry.NewHost(r.doc.IP, r.business.port(), m)
}

// register publishes the instance, or its changes.
func (r *registration) register(ctx context.Context, h registry.Host) error {
	c, err := r.registry.get(ctx)
	if err != nil {
		return err
	}
	return c.Register(ctx, r.doc.Service, h)
}

func (r *registration) deregister(ctx context.Context, h registry.Host) error {
	c, err := r.registry.get(ctx)
	if err != nil {
		return err
	}
	return c.Deregister(ctx, r.doc.Service, h)
}

// verifyInterval is the pause between two requests for the server's list.
const verifyInterval = 100 * time.Millisecond

// verifyGone returns nil once the server's list does not contain this instance.
func (r *registration) verifyGone(ctx context.Context) error {
	c, err := r.registry.get(ctx)
	if err != nil {
		return err
	}
	self := identity(r.doc)
	for {
		hosts, err := c.Pull(ctx, r.doc.Service)
		if err == nil && !slices.ContainsFunc(hosts, func(h registry.Host) bool { return h.Instance() == self }) {
			return nil
		}
		if stop := ctxtime.Sleep(ctx, verifyInterval); stop != nil {
			if err != nil {
				return err
			}
			return fmt.Errorf("the registry still lists it: %w", stop)
		}
	}
}
