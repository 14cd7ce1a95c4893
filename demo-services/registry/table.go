package registry

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Names that Nacos uses where a request names none.
const (
	DefaultNamespace = "public"
	DefaultGroup     = "DEFAULT_GROUP"
)

// Key identifies a service within its namespace and group.
type Key struct{ Namespace, Group, Service string }

// NewKey returns the key of a service, with Nacos' defaults for empty names.
// The service may have its group as a prefix: "group@@service".
func NewKey(namespace, group, service string) Key {
	if g, s, ok := strings.Cut(service, "@@"); ok {
		group, service = g, s
	}
	if namespace == "" {
		namespace = DefaultNamespace
	}
	if group == "" {
		group = DefaultGroup
	}
	return Key{namespace, group, service}
}

// Grouped returns "group@@service", as Nacos writes it.
func (k Key) Grouped() string { return k.Group + "@@" + k.Service }

func (k Key) compare(o Key) int {
	if c := strings.Compare(k.Namespace, o.Namespace); c != 0 {
		return c
	}
	if c := strings.Compare(k.Group, o.Group); c != 0 {
		return c
	}
	return strings.Compare(k.Service, o.Service)
}

// ClientID identifies a client of the server: a gRPC connection, or an instance
// that was registered over HTTP. Publications and subscriptions belong to a
// client and end with it.
type ClientID string

// Table is the state of the naming server: which client publishes and follows
// what, what reads return, and which push is due when. Instants are offsets
// from a zero of the caller's and never go back. A Table is not safe for
// concurrent use.
//
// It keeps the invariants of a real server: a client has one publication per
// service. A service is known from its first publication on, until it has had
// none for a minute. Reads return the
// snapshot of the last push; only the first read computes one. A push goes out
// at the first tick that is a push delay after the first change, and includes
// later changes.
type Table struct {
	services   map[Key]*service
	pushes     pushQueue
	overlayTTL time.Duration
	sweepAt    time.Duration // when the next empty service is forgotten; 0: there is none
}

type service struct {
	known       bool                      // it has been published or created
	meta        ServiceMeta               // set over HTTP
	emptySince  time.Duration             // if it is known and has no publishers
	publishers  []*publication            // in order of their first publication
	subscribers []ClientID                // in order of subscription
	overlays    map[hostKey]*overlayEntry // set over HTTP
	snapshot    []Host                    // of the last push or first read; nil: none yet
	listed      []Host                    // the enabled hosts of snapshot
	lastRefTime int64                     // of the latest Snapshot handed out
}

type publication struct {
	client ClientID
	hosts  []Host
}

// New returns an empty table.
func New(t Timing) *Table {
	t = t.withDefaults()
	return &Table{services: map[Key]*service{}, pushes: newPushQueue(t), overlayTTL: t.OverlayTTL}
}

func (t *Table) service(k Key) *service {
	s := t.services[k]
	if s == nil {
		s = &service{overlays: map[hostKey]*overlayEntry{}}
		t.services[k] = s
	}
	return s
}

// How a host changed.
const (
	Added   = "added"
	Removed = "removed"
	Updated = "updated"
)

// Change is a host that was added, removed or updated.
type Change struct {
	Key  Key
	Host Host
	How  string // Added, Removed, Updated
}

// Publish replaces the publication of client in k by hosts and returns what
// changed. A push follows even if nothing did, as on a real server.
func (t *Table) Publish(now time.Duration, client ClientID, k Key, hosts []Host) []Change {
	s := t.service(k)
	s.known = true
	next := make([]Host, len(hosts))
	for i, h := range hosts {
		next[i] = h.clone()
	}
	p := s.publication(client)
	if p == nil {
		p = &publication{client: client}
		s.publishers = append(s.publishers, p)
	}
	changes := changesBetween(k, p.hosts, next)
	p.hosts = next
	t.updateOverlayExpiry(now, s)
	t.pushes.serviceChanged(now, k)
	return changes
}

// Withdraw removes the publication of client in k and returns what changed.
func (t *Table) Withdraw(now time.Duration, client ClientID, k Key) []Change {
	s := t.services[k]
	if s == nil {
		return nil
	}
	p := s.publication(client)
	if p == nil {
		return nil
	}
	s.publishers = slices.DeleteFunc(s.publishers, func(o *publication) bool { return o == p })
	if len(s.publishers) == 0 {
		t.becameEmpty(now, s)
	}
	t.updateOverlayExpiry(now, s)
	t.pushes.serviceChanged(now, k)
	return changesBetween(k, p.hosts, nil)
}

// RemoveClient removes a client whose connection has ended, with its
// publications, subscriptions and unacknowledged pushes. It returns what
// changed.
func (t *Table) RemoveClient(now time.Duration, client ClientID) []Change {
	var changes []Change
	for _, k := range t.keys() {
		t.Unsubscribe(client, k)
		changes = append(changes, t.Withdraw(now, client, k)...)
	}
	t.pushes.removeClient(client)
	return changes
}

func (t *Table) keys() []Key {
	return slices.SortedFunc(maps.Keys(t.services), Key.compare)
}

func (s *service) publication(client ClientID) *publication {
	for _, p := range s.publishers {
		if p.client == client {
			return p
		}
	}
	return nil
}

func changesBetween(k Key, before, after []Host) []Change {
	var out []Change
	for _, h := range before {
		if indexOfHost(after, h) < 0 {
			out = append(out, Change{k, h.clone(), Removed})
		}
	}
	for _, h := range after {
		if i := indexOfHost(before, h); i < 0 {
			out = append(out, Change{k, h.clone(), Added})
		} else if !before[i].Equal(h) {
			out = append(out, Change{k, h.clone(), Updated})
		}
	}
	return out
}

func indexOfHost(hosts []Host, h Host) int {
	return slices.IndexFunc(hosts, h.sameKey)
}

// updateSnapshot computes the list that reads return: all hosts with their
// overlays applied, sorted.
func (s *service) updateSnapshot() {
	all, listed := []Host{}, []Host{}
	seen := map[hostKey][]Host{}
	for _, p := range s.publishers {
		for _, h := range p.hosts {
			key := hostKeyOf(h)
			if h = s.withOverlay(h); !slices.ContainsFunc(seen[key], h.Equal) {
				all, seen[key] = append(all, h), append(seen[key], h)
			}
		}
	}
	SortHosts(all)
	for _, h := range all {
		if h.Enabled {
			listed = append(listed, h)
		}
	}
	s.snapshot, s.listed = all, listed
}

// Snapshot is the list of a service as it is sent to a client.
type Snapshot struct {
	Key   Key
	Hosts []Host // sorted, never nil; shared, so not to be changed
	// LastRefTime is in milliseconds since the table's zero, and greater than in
	// each earlier snapshot of the service: clients drop lists that are not newer.
	LastRefTime int64
}

// Read returns the list of k as it was last pushed.
func (t *Table) Read(now time.Duration, k Key) Snapshot {
	s := t.services[k]
	if s == nil {
		return Snapshot{Key: k, Hosts: []Host{}, LastRefTime: now.Milliseconds()}
	}
	if !s.known {
		return s.newSnapshot(now, k, []Host{})
	}
	if s.snapshot == nil {
		s.updateSnapshot()
	}
	return s.newSnapshot(now, k, s.listed)
}

// Find returns the host with the address and cluster of h as it was last
// pushed, enabled or not.
func (t *Table) Find(now time.Duration, k Key, h Host) (Host, bool) {
	t.Read(now, k)
	if s := t.services[k]; s != nil {
		if i := indexOfHost(s.snapshot, h); i >= 0 {
			return s.snapshot[i].clone(), true
		}
	}
	return Host{}, false
}

func (s *service) newSnapshot(now time.Duration, k Key, hosts []Host) Snapshot {
	s.lastRefTime = max(s.lastRefTime+1, now.Milliseconds())
	return Snapshot{Key: k, Hosts: hosts, LastRefTime: s.lastRefTime}
}

// Subscribe makes client a subscriber of k and returns the current list. A new
// subscriber is also pushed the list after the push delay.
func (t *Table) Subscribe(now time.Duration, client ClientID, k Key) Snapshot {
	s := t.service(k)
	snap := t.Read(now, k)
	if !slices.Contains(s.subscribers, client) {
		s.subscribers = append(s.subscribers, client)
		t.pushes.subscribed(now, k, client)
	}
	return snap
}

// Unsubscribe ends the subscription of client to k.
func (t *Table) Unsubscribe(client ClientID, k Key) {
	if s := t.services[k]; s != nil {
		s.subscribers = slices.DeleteFunc(s.subscribers, func(o ClientID) bool { return o == client })
	}
}

// Published returns all hosts that are published under k now, with their
// overlays applied, enabled or not, sorted. It is the server's own view, which
// clients see after the next push.
func (t *Table) Published(k Key) []Host {
	var out []Host
	if s := t.services[k]; s != nil {
		for _, p := range s.publishers {
			for _, h := range p.hosts {
				out = append(out, s.withOverlay(h))
			}
		}
	}
	SortHosts(out)
	return out
}

// Services returns the sorted names of the known services of a group.
func (t *Table) Services(namespace, group string) []string {
	var out []string
	for _, k := range t.keys() {
		if t.services[k].known && k.Namespace == namespace && k.Group == group {
			out = append(out, k.Service)
		}
	}
	return out
}

// Next returns the earliest instant at which Due has something to do.
func (t *Table) Next() (time.Duration, bool) {
	at, scheduled := t.pushes.next()
	if t.sweepAt != 0 && (!scheduled || t.sweepAt < at) {
		return t.sweepAt, true
	}
	return at, scheduled
}

// Due does what is due at now and returns the pushes to send, in a fixed order.
// A push that is not answered with Ack fails at its deadline.
func (t *Table) Due(now time.Duration) []Push {
	t.pushes.failOverdue(now)
	t.sweep(now)
	var out []Push
	for _, k := range t.pushes.dueServices(now) {
		out = append(out, t.push(now, k)...)
	}
	return out
}

// push updates the snapshot of k, which reads return from here on, even if
// there is no subscriber, and returns the pushes to send.
func (t *Table) push(now time.Duration, k Key) []Push {
	s := t.service(k)
	hosts := []Host{}
	if s.known {
		s.updateSnapshot()
		hosts = s.listed
	}
	task := t.pushes.take(k)
	var out []Push
	for _, to := range s.subscribers {
		if task.includes(to) {
			out = append(out, t.pushes.send(now, to, task, s.newSnapshot(now, k, hosts)))
		}
	}
	return out
}

// Ack takes the subscriber's acknowledgement of a push. It returns false if
// none is awaited: it came before, comes too late, or the push was never sent.
func (t *Table) Ack(client ClientID, id uint64) (Push, bool) { return t.pushes.ack(client, id) }

// Nack takes the failure of a push that could not be sent or was refused. The
// push is sent again.
func (t *Table) Nack(now time.Duration, client ClientID, id uint64) { t.pushes.nack(now, client, id) }

// SetPushEnabled enables pushes, or stops them all, and with them the updates of
// the lists that reads return. Enabling sends at once what became due meanwhile.
// It is Nacos' switch pushEnabled.
func (t *Table) SetPushEnabled(on bool) { t.pushes.disabled = !on }

// SetPushDelay sets the push delay of changes to come; 0 or less is none.
func (t *Table) SetPushDelay(d time.Duration) { t.pushes.timing.PushDelay = max(d, 0) }

// SetFault sets the fault of a service's pushes; the service "" stands for all
// that have no fault of their own. The zero Fault ends it.
func (t *Table) SetFault(service string, f Fault) { t.pushes.setFault(service, f) }
