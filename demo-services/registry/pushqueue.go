package registry

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Timing is the server's timing. A zero field is the default of Nacos 2.x, a
// negative value means no time at all.
type Timing struct {
	PushDelay  time.Duration // from the first change to the push; 0 is 500 ms
	Tick       time.Duration // pushes go out on a grid of this width; 0 is 100 ms
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

// Why a push goes out.
const (
	Changed    = "change"    // the service changed
	Subscribed = "subscribe" // there is a new subscriber
	Retry      = "retry"     // an earlier push was not acknowledged
)

// Push is a list on its way to a subscriber.
type Push struct {
	ID       uint64 // unique
	To       ClientID
	Snapshot Snapshot
	Since    time.Duration // the first change that it includes, or the subscription if it includes none
	At       time.Duration // when it is sent
	Reason   string        // Changed, Subscribed, Retry
	Deadline time.Duration // when it counts as failed
	// Discard tells the server not to send it (see Fault).
	Discard bool
}

// Fault is what goes wrong with the pushes of a service.
type Fault struct {
	Drop      bool // pushes are discarded and count as delivered: subscribers never get them
	Blackhole bool // pushes are discarded and not acknowledged: they are retried forever
}

// pushQueue decides when which subscribers are pushed the list of a service: it
// delays and merges changes, tracks acknowledgements and retries.
type pushQueue struct {
	timing   Timing
	disabled bool
	tasks    map[Key]*pushTask
	inFlight map[uint64]Push  // sent and not acknowledged
	faults   map[string]Fault // by service name
	lastID   uint64
}

// pushTask is a delayed push. There is one per service, as changes merge.
type pushTask struct {
	start  time.Duration // of the delay
	merged time.Duration // when the latest change was merged into it
	delay  time.Duration
	since  time.Duration // the first change that it includes
	all    bool          // for every subscriber, otherwise for those in to
	to     []ClientID
	reason string
}

func newPushQueue(t Timing) pushQueue {
	return pushQueue{timing: t, tasks: map[Key]*pushTask{}, inFlight: map[uint64]Push{}, faults: map[string]Fault{}}
}

// includes reports whether the task is for a subscriber.
func (n pushTask) includes(client ClientID) bool { return n.all || slices.Contains(n.to, client) }

// serviceChanged schedules a push to all subscribers of k.
func (q *pushQueue) serviceChanged(now time.Duration, k Key) {
	q.schedule(k, pushTask{start: now, since: now, delay: q.timing.PushDelay, all: true, reason: Changed})
}

// subscribed schedules a push to a new subscriber of k.
func (q *pushQueue) subscribed(now time.Duration, k Key, client ClientID) {
	q.schedule(k, pushTask{start: now, since: now, delay: q.timing.PushDelay, to: []ClientID{client}, reason: Subscribed})
}

// schedule merges tasks as a real server does: the earlier start, the newer
// delay, and all subscribers if either task is for all. So a storm of changes
// does not postpone a push, and a change that comes while a push waits is
// included in it.
func (q *pushQueue) schedule(k Key, n pushTask) {
	if old := q.tasks[k]; old != nil {
		n.merged = max(n.start, old.merged)
		n.start = min(n.start, old.start)
		n.since = firstChange(*old, n)
		n.all = n.all || old.all
		n.to = append(slices.Clone(old.to), n.to...)
		if n.reason != Changed {
			n.reason = old.reason
		}
	}
	q.tasks[k] = &n
}

// firstChange returns the earliest change of two tasks. A subscription is not a
// change, unless both tasks are subscriptions.
func firstChange(a, b pushTask) time.Duration {
	switch {
	case a.reason == Subscribed && b.reason != Subscribed:
		return b.since
	case b.reason == Subscribed && a.reason != Subscribed:
		return a.since
	}
	return min(a.since, b.since)
}

// nextTick returns the first instant of the grid that is not before d.
func (q *pushQueue) nextTick(d time.Duration) time.Duration {
	w := q.timing.Tick
	if w == 0 {
		return d
	}
	past := (d - q.timing.Phase) % w
	if past < 0 {
		past += w
	}
	if past == 0 {
		return d
	}
	return d + w - past
}

// dueAt is never before the latest merge: a change that is merged into a retry,
// whose delay is longer, may bring a delay that has ended by then.
func (q *pushQueue) dueAt(n *pushTask) time.Duration {
	return q.nextTick(max(n.start+n.delay, n.merged))
}

// next returns the earliest deadline of a task or an acknowledgement.
func (q *pushQueue) next() (at time.Duration, ok bool) {
	earliest := func(d time.Duration) {
		if !ok || d < at {
			at, ok = d, true
		}
	}
	if !q.disabled {
		for _, n := range q.tasks {
			earliest(q.dueAt(n))
		}
	}
	for _, p := range q.inFlight {
		earliest(p.Deadline)
	}
	return at, ok
}

// dueServices returns the services whose push is due, in a fixed order.
func (q *pushQueue) dueServices(now time.Duration) []Key {
	if q.disabled {
		return nil
	}
	var keys []Key
	for k, n := range q.tasks {
		if q.dueAt(n) <= now {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b Key) int {
		return cmp.Or(cmp.Compare(q.dueAt(q.tasks[a]), q.dueAt(q.tasks[b])), a.compare(b))
	})
	return keys
}

// take removes and returns the task of k.
func (q *pushQueue) take(k Key) pushTask {
	n := q.tasks[k]
	delete(q.tasks, k)
	return *n
}

// send returns a push of a task to a subscriber and awaits its acknowledgement.
func (q *pushQueue) send(now time.Duration, to ClientID, n pushTask, snap Snapshot) Push {
	fault := q.fault(snap.Key.Service)
	q.lastID++
	p := Push{
		ID: q.lastID, To: to, Snapshot: snap, Since: n.since, At: now, Reason: n.reason,
		Deadline: now + q.timing.AckTimeout, Discard: fault.Drop || fault.Blackhole,
	}
	if !fault.Drop {
		q.inFlight[p.ID] = p
	}
	return p
}

// failOverdue fails the pushes that were not acknowledged in time.
func (q *pushQueue) failOverdue(now time.Duration) {
	for _, id := range slices.Sorted(maps.Keys(q.inFlight)) {
		if p := q.inFlight[id]; p.Deadline <= now {
			q.fail(p.Deadline, p)
		}
	}
}

// fail schedules a retry of a push.
func (q *pushQueue) fail(at time.Duration, p Push) {
	delete(q.inFlight, p.ID)
	q.schedule(p.Snapshot.Key, pushTask{start: at, since: p.Since, delay: q.timing.RetryDelay, to: []ClientID{p.To}, reason: Retry})
}

func (q *pushQueue) ack(client ClientID, id uint64) (Push, bool) {
	p, ok := q.inFlight[id]
	if !ok || p.To != client {
		return Push{}, false
	}
	delete(q.inFlight, id)
	return p, true
}

func (q *pushQueue) nack(now time.Duration, client ClientID, id uint64) {
	if p, ok := q.inFlight[id]; ok && p.To == client {
		q.fail(now, p)
	}
}

// removeClient forgets the unacknowledged pushes to a client that has gone.
func (q *pushQueue) removeClient(client ClientID) {
	maps.DeleteFunc(q.inFlight, func(_ uint64, p Push) bool { return p.To == client })
}

func (q *pushQueue) setFault(service string, f Fault) {
	if f == (Fault{}) {
		delete(q.faults, service)
		return
	}
	q.faults[service] = f
}

func (q *pushQueue) fault(service string) Fault {
	if f, ok := q.faults[service]; ok {
		return f
	}
	return q.faults[""]
}
