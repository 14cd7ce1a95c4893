package service

import (
	"net"
	"net/http"
	"sync"
	"time"

	"zeroloss/demo-services/lane"
	"zeroloss/demo-services/lossless"
	"zeroloss/loadgen/record"
)

// recentCallers is lossless.Callers for many requests at once.
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

// newConns holds the connections on which no request has begun yet.
type newConns struct {
	mu    sync.Mutex
	conns map[net.Conn]bool
}

func (n *newConns) watch(c net.Conn, state http.ConnState) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if state != http.StateNew {
		delete(n.conns, c)
		return
	}
	if n.conns == nil {
		n.conns = map[net.Conn]bool{}
	}
	n.conns[c] = true
}

func (n *newConns) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.conns {
		// Its peer may have closed it already; either way it is closed.
		_ = c.Close()
	}
}

// dedup remembers what has been told, so that each thing is told once.
type dedup struct {
	mu   sync.Mutex
	told map[string]bool
}

// maxTold bounds it: what is told comes from strangers.
const maxTold = 100

func (o *dedup) first(what string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.told[what] || len(o.told) >= maxTold {
		return false
	}
	if o.told == nil {
		o.told = map[string]bool{}
	}
	o.told[what] = true
	return true
}

// wanted is the tag that a request's call of the next service asks for.
func (s *Service) wanted(h http.Header) string {
	c := lane.ReadTag(h)
	if c.Conflict != "" && s.conflicts.first(c.Conflict) {
		s.events.note(record.Event{Kind: record.KindTagConflict, Text: c.Conflict})
	}
	return lane.Outgoing(c.Tag, s.doc.Tag, s.doc.Lane.TraceTag)
}
