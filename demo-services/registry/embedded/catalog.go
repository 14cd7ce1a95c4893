package embedded

import (
	"sync"
	"time"

	"zeroloss/demo-services/registry"
	"zeroloss/loadgen/record"
)

// catalog is the table behind the lock that all parts of the server share, with
// the table's clock and the events about it. Callers of its methods hold mu.
type catalog struct {
	timing  registry.Timing
	onEvent func(record.Event)
	// wake has room for one value: the table or another part may have a new
	// earliest deadline. The pusher waits for it.
	wake chan struct{}

	mu    sync.Mutex
	zero  time.Time // of the table's clock
	table *registry.Table
}

func newCatalog(t registry.Timing, onEvent func(record.Event)) *catalog {
	if onEvent == nil {
		onEvent = func(record.Event) {}
	}
	c := &catalog{timing: t, onEvent: onEvent, wake: make(chan struct{}, 1)}
	c.reset()
	return c
}

// reset forgets all publications and subscriptions.
func (c *catalog) reset() {
	c.zero, c.table = time.Now(), registry.New(c.timing)
}

// now returns the table's time.
func (c *catalog) now() time.Duration { return time.Since(c.zero) }

func (c *catalog) micros(d time.Duration) record.Micros { return record.At(c.zero.Add(d)) }

// reschedule makes the pusher look at the deadlines again.
func (c *catalog) reschedule() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// publish replaces the publication of a client. by names the client in events.
func (c *catalog) publish(by string, id registry.ClientID, k registry.Key, hosts ...registry.Host) {
	c.changed(by, c.table.Publish(c.now(), id, k, hosts))
}

// withdraw removes the publication of a client.
func (c *catalog) withdraw(by string, id registry.ClientID, k registry.Key) {
	c.changed(by, c.table.Withdraw(c.now(), id, k))
}

// removeClient removes everything of a client.
func (c *catalog) removeClient(by string, id registry.ClientID) {
	c.changed(by, c.table.RemoveClient(c.now(), id))
}

// setOverlay sets the overlay of a host; false if the service is not known.
func (c *catalog) setOverlay(by string, k registry.Key, h registry.Host, o registry.Overlay) bool {
	changes, known := c.table.SetOverlay(c.now(), k, h, o)
	c.changed(by, changes)
	return known
}

// changed reports changes of the table.
func (c *catalog) changed(by string, changes []registry.Change) {
	at := c.micros(c.now())
	for _, ch := range changes {
		c.onEvent(record.Event{
			At: at, Instance: ch.Host.Instance(), Service: ch.Key.Service, Tag: ch.Host.Tag(),
			Addr: ch.Host.Addr(), Payload: record.RegistryChange{Change: record.ChangeType(ch.How), Client: by},
		})
	}
	c.reschedule()
}

// pushed reports a push that was acknowledged.
func (c *catalog) pushed(to string, p registry.Push) {
	ids := make([]string, len(p.Snapshot.Hosts))
	for i, h := range p.Snapshot.Hosts {
		ids[i] = h.ID()
	}
	c.onEvent(record.Event{
		At: c.micros(c.now()), Service: p.Snapshot.Key.Service,
		Payload: record.Push{Subscriber: to, FirstChange: c.micros(p.Since), Hosts: ids, Reason: p.Reason},
	})
}

// serviceInfo returns a snapshot as it is sent, limited to the clusters ("a,b";
// "" is all) and, if asked for, to healthy hosts.
func (c *catalog) serviceInfo(snap registry.Snapshot, clusters string, healthyOnly bool) serviceInfo {
	info := newServiceInfo(snap, clusters, healthyOnly)
	info.LastRefTime = c.zero.UnixMilli() + snap.LastRefTime
	return info
}
