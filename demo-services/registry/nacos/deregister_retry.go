package nacos

import (
	"context"
	"time"

	"zeroloss/internal/ctxtime"
)

// The SDK itself can undo a deregistration. After a reconnect it registers again
// what it knows as registered, in a goroutine of its own. If that goroutine has
// already picked up an instance when it is deregistered, it registers the
// instance after that. The instance is then listed until its process ends, and
// gets requests that it can no longer serve.
//
// So a deregistration is repeated a few times. The server ignores a repetition
// unless the instance has come back. It also tells the SDK once more that there
// is nothing to register again.

// deregisterRetryDelays are the times at which a deregistration is repeated,
// counted from its answer. The first one is well within the push delay of 500 ms,
// so that an instance that came back is gone before it is pushed. The last one is
// after all attempts of an SDK whose server does not answer.
var deregisterRetryDelays = []time.Duration{
	200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second,
}

// repeatDeregister repeats a deregistration until ctx ends: when the client is
// closed or the service is registered again.
func (c *Client) repeatDeregister(ctx context.Context, deregister func() (bool, error)) {
	start := time.Now()
	for _, at := range deregisterRetryDelays {
		if ctxtime.Sleep(ctx, time.Until(start.Add(at))) != nil {
			return
		}
		c.publishing.Lock()
		if ctx.Err() == nil {
			// A failure without a connection needs no handling: the server has
			// removed what was published over it.
			_, _ = deregister()
		}
		c.publishing.Unlock()
	}
}

// startDeregisterRepeats starts repeating a deregistration. Callers hold
// publishing.
func (c *Client) startDeregisterRepeats(service string, deregister func() (bool, error)) {
	ctx, cancel := context.WithCancel(context.Background())
	c.stopDeregisterRepeats(service)
	c.deregisterRepeats[service] = cancel
	go c.repeatDeregister(ctx, deregister)
}

// stopDeregisterRepeats stops repeating a deregistration. Callers hold
// publishing.
func (c *Client) stopDeregisterRepeats(service string) {
	if cancel := c.deregisterRepeats[service]; cancel != nil {
		cancel()
		delete(c.deregisterRepeats, service)
	}
}
