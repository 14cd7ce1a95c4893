package nacos

import (
	"context"
	"time"

	"zeroloss/internal/ctxtime"
)

// A deregistration can be undone by the SDK itself. When it has reconnected it
// registers anew what it knows as registered, in a goroutine of its own: what
// that has already taken up when the deregistration comes, it sends after it.
// The instance is then listed until its process ends, which is what a release
// without loss may not have. So a deregistration is sent again a few times. To
// the server that is nothing, unless the instance has come back; to the SDK it
// says once more that there is nothing to be registered anew.

// deregisterRetryDelays is when a deregistration is repeated, counted from its answer. The
// first time is well within a push delay of 500 ms, so that what came back is
// gone before anybody is told of it; the last is past all attempts of an SDK
// whose server does not answer.
var deregisterRetryDelays = []time.Duration{
	200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second,
}

// repeatDeregister repeats a deregistration until ctx ends: with the client, or when
// the service is registered again.
func (c *Client) repeatDeregister(ctx context.Context, deregister func() (bool, error)) {
	start := time.Now()
	for _, at := range deregisterRetryDelays {
		if ctxtime.Sleep(ctx, time.Until(start.Add(at))) != nil {
			return
		}
		c.publishing.Lock()
		if ctx.Err() == nil {
			// What fails without a connection needs no repair: the server has
			// dropped all that came over it, and the next time is to come.
			_, _ = deregister()
		}
		c.publishing.Unlock()
	}
}

// startDeregisterRepeats starts to repeat a deregistration. Callers hold publishing.
func (c *Client) startDeregisterRepeats(service string, deregister func() (bool, error)) {
	ctx, cancel := context.WithCancel(context.Background())
	c.stopDeregisterRepeats(service)
	c.deregisterRepeats[service] = cancel
	go c.repeatDeregister(ctx, deregister)
}

// stopDeregisterRepeats ends the repetitions. Callers hold publishing.
func (c *Client) stopDeregisterRepeats(service string) {
	if cancel := c.deregisterRepeats[service]; cancel != nil {
		cancel()
		delete(c.deregisterRepeats, service)
	}
}
