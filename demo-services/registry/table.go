package registry

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Names that stand for no name.
const (
	DefaultNamespace = "public"
	DefaultGroup     = "DEFAULT_GROUP"
)

// Key is a service within its namespace and group.
type Key struct{ Namespace, Group, Service string }

// NewKey fills in the defaults for names that are empty. A service may carry
// its group in front, as "group@@service".
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

// Grouped is group@@service, as Nacos writes it.
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

// ClientID is a connection, or what else publishes and subscribes.
type ClientID string

// Timing is a server's; zero fields are those of Nacos 2.x. A negative value
// means none at all.
type Timing struct {
	PushDelay  time.Duration // from the first change to the push; 0 is 500 ms
	Tick       time.Duration // pushes happen on a grid of this width; 0 is 100 ms
	Phase      time.Duration // an instant of that grid
	AckTimeout time.Duration // of a push; 0 is 5 s
	RetryDelay time.Duration // from the failure of a push to its next attempt; 0 is 1 s
	OverlayTTL time.Duration // how long an overlay outlives its host; 0 is 60 s
}

func (t Timing) withDefaults() Timing {
	fill := func(d *time.Duration, def time.Duration) {
		switch {
		case *d == 0:
			*d = def
		case *d < 0:
			*d = 0
		}
	}
	fill(&t.PushDelay, 500*time.Millisecond)
	fill(&t.Tick, 100*time.Millisecond)
	fill(&t.AckTimeout, 5*time.Second)
	fill(&t.RetryDelay, time.Second)
	fill(&t.OverlayTTL, time.Minute)
	return t
}

// Table is the registry's mind: who publishes what, who follows what, what is
// to be pushed when. Instants are offsets from a zero of the caller's and never
// run backwards. It is not safe for concurrent use.
//
// Invariants, all of a real server's: one publication per owner and service; a
// service is known from its first publication on; reads answer from the
// snapshot of the last push, and only the first read computes one; a push goes
// out at the first tick that is a push delay past the first change, and takes
// later changes along.
type Table struct {
	timing       Timing
	pushDisabled bool
	services     map[Key]*service
	tasks        map[Key]*task
	inFlight     map[uint64]Push // sent, not acknowledged
	faults       map[string]Fault
	lastPush     uint64
}

type service struct {
	known       bool                      // it has been published once
	publishers  []*publication            // in order of their first publication
	subscribers []ClientID                // in order of subscription
	overlays    map[hostKey]*overlayEntry // what the console said
	snapshot    []Host                    // of the last push or first read; nil is none
	listed      []Host                    // those of it that are enabled
	lastRefTime int64                     // the last one given out
}

type publication struct {
	client ClientID
	hosts  []Host
}

// New is an empty table.
func New(t Timing) *Table {
	return &Table{
		timing:   t.withDefaults(),
		services: map[Key]*service{},
		tasks:    map[Key]*task{},
		inFlight: map[uint64]Push{},
		faults:   map[string]Fault{},
	}
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

// Change is a host that came, went or became another.
type Change struct {
	Key  Key
	Host Host
	How  string // Added, Removed, Updated
}

// Publish makes hosts the publication of owner in k, in place of what it had,
// and tells what changed. Even if nothing did, a push follows.
func (t *Table) Publish(now time.Duration, owner ClientID, k Key, hosts []Host) []Change {
	s := t.service(k)
	s.known = true
	next := make([]Host, len(hosts))
	for i, h := range hosts {
		next[i] = h.clone()
	}
	p := s.publication(owner)
	if p == nil {
		p = &publication{client: owner}
		s.publishers = append(s.publishers, p)
	}
	changes := changesBetween(k, p.hosts, next)
	p.hosts = next
	t.updateOverlayExpiry(now, s)
	t.changed(now, k)
	return changes
}

// Withdraw takes back the publication of owner in k, whatever it names.
func (t *Table) Withdraw(now time.Duration, owner ClientID, k Key) []Change {
	s := t.services[k]
	if s == nil {
		return nil
	}
	p := s.publication(owner)
	if p == nil {
		return nil
	}
	s.publishers = slices.DeleteFunc(s.publishers, func(o *publication) bool { return o == p })
	t.updateOverlayExpiry(now, s)
	t.changed(now, k)
	return changesBetween(k, p.hosts, nil)
}

// RemoveClient is the end of owner's connection: its publications, subscriptions and
// pushes under way are gone.
func (t *Table) RemoveClient(now time.Duration, owner ClientID) []Change {
	var changes []Change
	for _, k := range t.keys() {
		t.Unsubscribe(owner, k)
		changes = append(changes, t.Withdraw(now, owner, k)...)
	}
	maps.DeleteFunc(t.inFlight, func(_ uint64, p Push) bool { return p.To == owner })
	return changes
}

func (t *Table) keys() []Key {
	return slices.SortedFunc(maps.Keys(t.services), Key.compare)
}

func (s *service) publication(owner ClientID) *publication {
	for _, p := range s.publishers {
		if p.client == owner {
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

// compute takes the snapshot: all hosts under their overlays, sorted.
func (s *service) compute() {
	all, listed := []Host{}, []Host{}
	for _, p := range s.publishers {
		for _, h := range p.hosts {
			if h = s.withOverlay(h); !slices.ContainsFunc(all, h.Equal) {
				all = append(all, h)
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

// Snapshot is a service's list as it is told to somebody.
type Snapshot struct {
	Key   Key
	Hosts []Host // sorted; never nil; shared, so not to be changed
	// Stamp is in milliseconds since the table's zero, and greater than that of
	// each snapshot of the service before: clients drop what is not newer.
	LastRefTime int64
}

// Read is the list of k as it was last pushed.
func (t *Table) Read(now time.Duration, k Key) Snapshot {
	s := t.services[k]
	if s == nil {
		return Snapshot{Key: k, Hosts: []Host{}, LastRefTime: now.Milliseconds()}
	}
	if !s.known {
		return s.newSnapshot(now, k, []Host{})
	}
	if s.snapshot == nil {
		s.compute()
	}
	return s.newSnapshot(now, k, s.listed)
}

// Find is the host at the place of h (address and cluster) as it was at the
// last push, enabled or not.
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

// Subscribe makes owner a subscriber of k and answers with the list. The first
// time, a push to this one owner follows.
func (t *Table) Subscribe(now time.Duration, owner ClientID, k Key) Snapshot {
	s := t.service(k)
	snap := t.Read(now, k)
	if !slices.Contains(s.subscribers, owner) {
		s.subscribers = append(s.subscribers, owner)
		t.schedule(k, task{start: now, since: now, delay: t.timing.PushDelay, to: []ClientID{owner}, reason: Subscribed})
	}
	return snap
}

// Unsubscribe ends it.
func (t *Table) Unsubscribe(owner ClientID, k Key) {
	if s := t.services[k]; s != nil {
		s.subscribers = slices.DeleteFunc(s.subscribers, func(o ClientID) bool { return o == owner })
	}
}

// Published is all that is published under k at this moment, under its
// overlays, enabled or not, sorted: the server's own view, which no client sees
// before the next push.
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

// Services lists the names of the known services of a group, sorted.
func (t *Table) Services(namespace, group string) []string {
	var out []string
	for _, k := range t.keys() {
		if t.services[k].known && k.Namespace == namespace && k.Group == group {
			out = append(out, k.Service)
		}
	}
	return out
}
