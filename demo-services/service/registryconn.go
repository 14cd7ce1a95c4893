package service

import (
	"context"
	"fmt"
	"sync"

	"zeroloss/demo-services/settings"
)

// registryConn is the registry's client while it is being connected, and after.
type registryConn struct {
	done chan struct{} // closed when r or err is there
	r    Registry
	err  error
	once sync.Once
	shut error
}

func connectRegistry(ctx context.Context, d settings.Document, open func(context.Context, settings.Document) (Registry, error)) *registryConn {
	l := &registryConn{done: make(chan struct{})}
	go func() {
		defer close(l.done)
		r, err := open(ctx, d)
		if err != nil {
			l.err = err
			return
		}
		l.r = r
	}()
	return l
}

// get waits for the client.
func (l *registryConn) get(ctx context.Context) (Registry, error) {
	select {
	case <-l.done:
		return l.r, l.err
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for the registry: %w", ctx.Err())
	}
}

// close closes the client, once. Connecting ends with the service's ctx, so it
// is waited for.
func (l *registryConn) close() error {
	l.once.Do(func() {
		<-l.done
		if l.r != nil {
			l.shut = l.r.Close()
		}
	})
	return l.shut
}
