package service

import "sync"

// dedup remembers texts that were reported, so that each is reported once.
type dedup struct {
	mu   sync.Mutex
	seen map[string]bool
}

// maxDedup bounds how many texts are remembered, and so reported: they come from
// requests.
const maxDedup = 100

// first reports whether text is to be reported: it was not seen before.
func (d *dedup) first(text string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.seen[text] || len(d.seen) >= maxDedup {
		return false
	}
	if d.seen == nil {
		d.seen = map[string]bool{}
	}
	d.seen[text] = true
	return true
}
