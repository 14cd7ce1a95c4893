package embedded

import (
	"strconv"
	"sync"
	"time"

	"zeroloss/demo-services/registry"
)

// pusher waits for the deadlines of the table, the connections and the
// heartbeats, and does what is due: above all it sends pushes.
type pusher struct {
	catalog    *catalog
	conns      *connections
	heartbeats *heartbeats

	quit    chan struct{}
	running sync.WaitGroup
}

func newPusher(c *catalog, conns *connections, beats *heartbeats) *pusher {
	return &pusher{catalog: c, conns: conns, heartbeats: beats, quit: make(chan struct{})}
}

func (p *pusher) start() { p.running.Go(p.run) }

func (p *pusher) stop() {
	close(p.quit)
	p.running.Wait()
}

func (p *pusher) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-p.quit:
			return
		case <-p.catalog.wake:
		case <-timer.C:
		}
		if next, ok := p.doDue(); ok {
			timer.Reset(next)
		} else {
			timer.Stop()
		}
	}
}

// doDue does what is due and returns how long it is until there is more; false
// if nothing is scheduled.
func (p *pusher) doDue() (time.Duration, bool) {
	c := p.catalog
	c.mu.Lock()
	defer c.mu.Unlock()
	p.heartbeats.expire()
	p.conns.checkHealth()
	for _, push := range c.table.Due(c.now()) {
		p.send(push)
	}
	var at time.Duration
	scheduled := false
	for _, next := range []func() (time.Duration, bool){c.table.Next, p.heartbeats.next, p.conns.nextHealthCheck} {
		if d, ok := next(); ok && (!scheduled || d < at) {
			at, scheduled = d, true
		}
	}
	return max(at-c.now(), 0), scheduled
}

// send sends a push to its subscriber. Callers hold the catalog's lock.
func (p *pusher) send(push registry.Push) {
	if push.Discard {
		return
	}
	c, k := p.catalog, push.Snapshot.Key
	conn := p.conns.byID[push.To]
	if conn == nil {
		c.table.Nack(c.now(), push.To, push.ID)
		return
	}
	frame, err := payload("NotifySubscriberRequest", notifyRequest{
		RequestID: strconv.FormatUint(push.ID, 10), Namespace: k.Namespace, Service: k.Service, Group: k.Group,
		Module: "naming", ServiceInfo: c.serviceInfo(push.Snapshot, conn.clusters[k], false),
	})
	if err != nil || !conn.send(frame) {
		c.table.Nack(c.now(), push.To, push.ID)
	}
}

// acknowledged takes a subscriber's answer to a push.
func (p *pusher) acknowledged(conn *conn, id uint64, success bool) {
	c := p.catalog
	c.mu.Lock()
	defer c.mu.Unlock()
	if !p.conns.has(conn) {
		return
	}
	if !success {
		c.table.Nack(c.now(), conn.id, id)
		c.reschedule()
		return
	}
	if push, ok := c.table.Ack(conn.id, id); ok {
		c.pushed(conn.name(), push)
	}
}
