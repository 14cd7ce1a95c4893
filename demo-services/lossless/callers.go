package lossless

import (
	"slices"
	"time"

	"zeroloss/demo-services/settings"
)

// maxCallers is the default of [Callers.Max].
const maxCallers = 500

// Callers remembers the consumers that called lately, by the admin address that
// they announce. If there are too many, the one that called least recently is
// forgotten. It is not safe for concurrent use.
type Callers struct {
	Memory time.Duration // how long a consumer is remembered after its last call; 0 is 60 s
	Max    int           // how many are remembered; 0 is 500

	seen map[string]time.Duration
}

// Seen records that the consumer at addr called at now.
func (c *Callers) Seen(now time.Duration, addr string) {
	if addr == "" {
		return
	}
	if c.seen == nil {
		c.seen = map[string]time.Duration{}
	}
	if _, known := c.seen[addr]; !known && len(c.seen) >= c.max() {
		delete(c.seen, c.leastRecent())
	}
	c.seen[addr] = max(now, c.seen[addr])
}

// Recent returns the consumers that called within Memory before now, sorted.
func (c *Callers) Recent(now time.Duration) []string {
	var out []string
	for addr, at := range c.seen {
		if now-at <= c.memory() {
			out = append(out, addr)
		}
	}
	slices.Sort(out)
	return out
}

func (c *Callers) leastRecent() (addr string) {
	for a, at := range c.seen {
		if addr == "" || at < c.seen[addr] || at == c.seen[addr] && a < addr {
			addr = a
		}
	}
	return addr
}

func (c *Callers) memory() time.Duration {
	if c.Memory <= 0 {
		return settings.DefaultConsumerMemory
	}
	return c.Memory
}

func (c *Callers) max() int {
	if c.Max <= 0 {
		return maxCallers
	}
	return c.Max
}
