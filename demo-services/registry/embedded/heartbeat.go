package embedded

import (
	"container/heap"
	"fmt"
	"strconv"
	"time"

	"zeroloss/demo-services/registry"
)

// An instance that was registered over HTTP does not depend on a connection. It
// lives by heartbeats, which are checked every 5 s: after 15 s without one the
// instance is unhealthy, after 30 s it is removed. Its metadata can set other
// times, in milliseconds.
const (
	heartbeatInterval      = 5 * time.Second
	heartbeatTimeout       = 15 * time.Second
	heartbeatDeleteTimeout = 30 * time.Second

	metaHeartbeatInterval      = "preserved.heart.beat.interval"
	metaHeartbeatTimeout       = "preserved.heart.beat.timeout"
	metaHeartbeatDeleteTimeout = "preserved.ip.delete.timeout"
)

// Codes of the answer to a heartbeat.
const (
	heartbeatOK      = 10200
	heartbeatUnknown = 20404
)

// heartbeats are the instances registered over HTTP. The catalog's lock guards
// them.
type heartbeats struct {
	catalog *catalog
	byID    map[registry.ClientID]*heartbeatInstance
	checks  checkQueue // of the same instances
}

type heartbeatInstance struct {
	id        registry.ClientID
	index     int // in the queue of checks
	key       registry.Key
	host      registry.Host
	last      time.Duration // heartbeat
	nextCheck time.Duration
}

func newHeartbeats(c *catalog) *heartbeats {
	h := &heartbeats{catalog: c}
	h.reset()
	return h
}

func (b *heartbeats) reset() {
	b.byID, b.checks = map[registry.ClientID]*heartbeatInstance{}, nil
}

func (b *heartbeats) count() int { return len(b.byID) }

// heartbeatClient is the client that an HTTP publication belongs to. It is never
// the client of an SDK's publication, so an HTTP DELETE cannot remove that.
func heartbeatClient(k registry.Key, h registry.Host) registry.ClientID {
	return registry.ClientID(fmt.Sprintf("%s#%s#%s#true", k.Namespace, k.Grouped(), h.Addr()))
}

// checkHeartbeatTimes refuses times with which an instance would become
// unhealthy although it sends its heartbeats.
func checkHeartbeatTimes(meta map[string]string) error {
	interval := metaDuration(meta, metaHeartbeatInterval, heartbeatInterval)
	if metaDuration(meta, metaHeartbeatTimeout, heartbeatTimeout) < interval || metaDuration(meta, metaHeartbeatDeleteTimeout, heartbeatDeleteTimeout) < interval {
		return badRequest("instance 'heart beat interval' must be less than 'heart beat timeout' and 'ip delete timeout'")
	}
	return nil
}

// metaDuration returns a duration that metadata gives in milliseconds.
func metaDuration(meta map[string]string, name string, def time.Duration) time.Duration {
	if ms, err := strconv.ParseInt(meta[name], 10, 32); err == nil && ms > 0 {
		return time.Duration(ms) * time.Millisecond
	}
	return def
}

// duration returns one of the times of an instance: from its overlay, its
// metadata, or the default.
func (b *heartbeats) duration(i *heartbeatInstance, name string, def time.Duration) time.Duration {
	overlay, _ := b.catalog.table.Overlay(i.key, i.host)
	return metaDuration(overlay.Metadata, name, metaDuration(i.host.Metadata, name, def))
}

func (b *heartbeats) register(k registry.Key, h registry.Host) {
	id := heartbeatClient(k, h)
	i := b.byID[id]
	if i == nil {
		i = &heartbeatInstance{id: id, nextCheck: b.catalog.now() + heartbeatInterval}
		b.byID[id] = i
		heap.Push(&b.checks, i)
	}
	i.key, i.host, i.last = k, h, b.catalog.now()
	b.catalog.publish(h.Addr(), id, k, h)
}

func (b *heartbeats) deregister(k registry.Key, h registry.Host) {
	id := heartbeatClient(k, h)
	if i := b.byID[id]; i != nil {
		b.remove(i)
	}
	b.catalog.withdraw(h.Addr(), id, k)
}

func (b *heartbeats) remove(i *heartbeatInstance) {
	delete(b.byID, i.id)
	heap.Remove(&b.checks, i.index)
}

// beat takes a heartbeat; full means that h describes the instance, so that it
// can be registered if it is not known. It returns the code of the answer and
// the interval that the client is to keep.
func (b *heartbeats) beat(k registry.Key, h registry.Host, full bool) (code int, interval time.Duration) {
	id := heartbeatClient(k, h)
	if b.byID[id] == nil {
		if !full {
			return heartbeatUnknown, heartbeatInterval
		}
		b.register(k, h)
	}
	i := b.byID[id]
	i.last = b.catalog.now()
	interval = b.duration(i, metaHeartbeatInterval, heartbeatInterval)
	b.setHealthy(id, i, true)
	return heartbeatOK, interval
}

func (b *heartbeats) setHealthy(id registry.ClientID, i *heartbeatInstance, healthy bool) {
	if i.host.Healthy == healthy {
		return
	}
	i.host.Healthy = healthy
	b.catalog.publish(i.host.Addr(), id, i.key, i.host)
}

// expire checks the instances whose check is due: those that are silent become
// unhealthy, and later they are removed.
func (b *heartbeats) expire() {
	now := b.catalog.now()
	for len(b.checks) > 0 && b.checks[0].nextCheck <= now {
		i := b.checks[0]
		i.nextCheck = now + heartbeatInterval
		heap.Fix(&b.checks, 0)
		switch silent := now - i.last; {
		case silent > b.duration(i, metaHeartbeatDeleteTimeout, heartbeatDeleteTimeout):
			b.remove(i)
			b.catalog.removeClient(string(i.id), i.id)
		case silent > b.duration(i, metaHeartbeatTimeout, heartbeatTimeout):
			b.setHealthy(i.id, i, false)
		}
	}
}

// next returns when the next check is due.
func (b *heartbeats) next() (time.Duration, bool) {
	if len(b.checks) == 0 {
		return 0, false
	}
	return b.checks[0].nextCheck, true
}

// checkQueue is a heap of instances by the time of their next check, so that the
// many whose check is not due cost nothing. Ties are broken by ID: the order of
// events is fixed.
type checkQueue []*heartbeatInstance

func (q checkQueue) Len() int { return len(q) }

func (q checkQueue) Less(i, j int) bool {
	if q[i].nextCheck != q[j].nextCheck {
		return q[i].nextCheck < q[j].nextCheck
	}
	return q[i].id < q[j].id
}

func (q checkQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push adds an instance at the end.
func (q *checkQueue) Push(x any) {
	i := x.(*heartbeatInstance)
	i.index = len(*q)
	*q = append(*q, i)
}

// Pop removes the instance at the end.
func (q *checkQueue) Pop() any {
	old := *q
	last := old[len(old)-1]
	old[len(old)-1] = nil // for the garbage collector
	*q = old[:len(old)-1]
	return last
}
