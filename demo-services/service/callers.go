package service

import (
	"sync"
	"time"

	"zeroloss/demo-services/lossless"
)

// recentCallers is lossless.Callers for concurrent requests: the consumers that
// called us lately.
type recentCallers struct {
	mu   sync.Mutex
	list lossless.Callers
}

func (c *recentCallers) seen(now time.Duration, addr string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list.Seen(now, addr)
}

func (c *recentCallers) recent(now time.Duration) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.list.Recent(now)
}
