package service

import (
	"context"
	"fmt"
	"sync"

	"zeroloss/demo-services/settings"
)

// registryConn is the registry's client, which connects in the background.
type registryConn struct {
	done     chan struct{} // closed when client or err is set
	client   Registry
	err      error
	once     sync.Once
	closeErr error
}

func newRegistryConn() *registryConn { return &registryConn{done: make(chan struct{})} }

// connect opens the client in the background. It is called once.
func (c *registryConn) connect(ctx context.Context, d settings.Document, open func(context.Context, settings.Document) (Registry, error)) {
	go func() {
		defer close(c.done)
		client, err := open(ctx, d)
		if err != nil {
			c.err = err
			return
		}
		c.client = client
	}()
}

// get waits for the client.
func (c *registryConn) get(ctx context.Context) (Registry, error) {
	select {
	case <-c.done:
		return c.client, c.err
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for the registry: %w", ctx.Err())
	}
}

// close closes the client once. It waits until connecting has ended, which it
// does with the service's ctx.
func (c *registryConn) close() error {
	c.once.Do(func() {
		<-c.done
		if c.client != nil {
			c.closeErr = c.client.Close()
		}
	})
	return c.closeErr
}
