package lossless

import (
	"slices"
	"time"
)

// Callers remembers the consumers that called lately, by the admin address
// they announced. It is bounded: 500 by default, the longest silent one giving
// way. It is not for concurrent use.
type Callers struct {
	Memory time.Duration // one unseen for longer is forgotten; 0 is 60 s
	Max    int           // 0 is 500

	seen map[string]time.Duration
}

// Seen notes that addr called at now.
func (c *Callers) Seen(now time.Duration, addr string) {
	if addr == "" {
		return
	}
	if c.seen == nil {
		c.seen = map[string]time.Duration{}
	}
	if _, known := c.seen[addr]; !known && len(c.seen) >= orInt(c.Max, 500) {
		delete(c.seen, c.leastRecent())
	}
	c.seen[addr] = max(now, c.seen[addr])
}

// Recent lists those seen within Memory before now, sorted.
func (c *Callers) Recent(now time.Duration) []string {
	var out []string
	for addr, at := range c.seen {
		if now-at <= or(c.Memory, time.Minute) {
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

func or(d, otherwise time.Duration) time.Duration {
	if d <= 0 {
		return otherwise
	}
	return d
}

func orInt(n, otherwise int) int {
	if n <= 0 {
		return otherwise
	}
	return n
}
