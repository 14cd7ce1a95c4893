package registry

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Why a push goes out.
const (
	Changed    = "change"    // the service changed
	Subscribed = "subscribe" // somebody is new
	Retry      = "retry"     // an earlier push was not acknowledged
)

// Push is a list on its way to a subscriber.
type Push struct {
	ID       uint64 // never twice
	To       ClientID
	Snapshot Snapshot
	Since    time.Duration // first change that it carries; of the subscription, if it carries none
	At       time.Duration // when it went out
	Reason   string        // Changed, Subscribed, Retry
	Deadline time.Duration // when it counts as failed
	// Lost tells the server not to put it on the wire (see Fault).
	Discard bool
}

// Fault is what is wrong with the pushes of a service.
type Fault struct {
	Drop      bool // pushes vanish, and count as delivered: subscribers never hear
	Blackhole bool // pushes vanish and are not acknowledged: tried again and again
}

// task is a push that is due: one per service, as changes merge into it.
type task struct {
	start  time.Duration // of the delay
	merged time.Duration // when the latest change met it
	delay  time.Duration
	since  time.Duration // first change that it carries
	all    bool          // to every subscriber; otherwise to those of to
	to     []ClientID
	reason string
}

// changed schedules a push to all subscribers of k.
func (t *Table) changed(now time.Duration, k Key) {
	t.schedule(k, task{start: now, since: now, delay: t.timing.PushDelay, all: true, reason: Changed})
}

// schedule merges as a real server does: the earlier start, the newer delay,
// and everybody if either means everybody. So a storm of changes does not
// postpone a push, and a change that meets a waiting push rides along.
func (t *Table) schedule(k Key, n task) {
	if old := t.tasks[k]; old != nil {
		n.merged = max(n.start, old.merged)
		n.start = min(n.start, old.start)
		n.since = firstChange(*old, n)
		n.all = n.all || old.all
		n.to = append(slices.Clone(old.to), n.to...)
		if n.reason != Changed {
			n.reason = old.reason
		}
	}
	t.tasks[k] = &n
}

// firstChange is the earliest change of two tasks: that somebody is new is
// none, unless both are of that kind.
func firstChange(a, b task) time.Duration {
	switch {
	case a.reason == Subscribed && b.reason != Subscribed:
		return b.since
	case b.reason == Subscribed && a.reason != Subscribed:
		return a.since
	}
	return min(a.since, b.since)
}

// tick is the first instant of the grid that is not before d.
func (t *Table) tick(d time.Duration) time.Duration {
	w := t.timing.Tick
	if w == 0 {
		return d
	}
	past := (d - t.timing.Phase) % w
	if past < 0 {
		past += w
	}
	if past == 0 {
		return d
	}
	return d + w - past
}

// due is not before the latest merge: a change that meets a retry, with its
// longer delay, may bring its own delay to an end that is past by then.
func (t *Table) due(n *task) time.Duration { return t.tick(max(n.start+n.delay, n.merged)) }

// Next is the earliest instant at which Due has something to do.
func (t *Table) Next() (time.Duration, bool) {
	var at time.Duration
	found := false
	note := func(d time.Duration) {
		if !found || d < at {
			at, found = d, true
		}
	}
	if !t.pushDisabled {
		for _, n := range t.tasks {
			note(t.due(n))
		}
	}
	for _, p := range t.inFlight {
		note(p.Deadline)
	}
	return at, found
}

// Due does what is due at now and returns the pushes to send, in a fixed
// order. Each must be answered by Ack, or fails at its deadline.
func (t *Table) Due(now time.Duration) []Push {
	t.expire(now)
	if t.pushDisabled {
		return nil
	}
	var keys []Key
	for k, n := range t.tasks {
		if t.due(n) <= now {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b Key) int {
		return cmp.Or(cmp.Compare(t.due(t.tasks[a]), t.due(t.tasks[b])), a.compare(b))
	})
	var out []Push
	for _, k := range keys {
		out = append(out, t.execute(now, k)...)
	}
	return out
}

// execute takes a fresh snapshot, which reads see from here on, and makes the
// pushes; also with nobody to push to.
func (t *Table) execute(now time.Duration, k Key) []Push {
	n, s := t.tasks[k], t.service(k)
	delete(t.tasks, k)
	hosts := []Host{}
	if s.known {
		s.compute()
		hosts = s.listed
	}
	var out []Push
	fault := t.fault(k.Service)
	for _, to := range s.subscribers {
		if !n.all && !slices.Contains(n.to, to) {
			continue
		}
		t.lastPush++
		p := Push{
			ID: t.lastPush, To: to, Snapshot: s.newSnapshot(now, k, hosts), Since: n.since, At: now,
			Reason: n.reason, Deadline: now + t.timing.AckTimeout, Discard: fault.Drop || fault.Blackhole,
		}
		if !fault.Drop {
			t.inFlight[p.ID] = p
		}
		out = append(out, p)
	}
	return out
}

// expire fails the pushes whose acknowledgement did not come in time.
func (t *Table) expire(now time.Duration) {
	for _, id := range slices.Sorted(maps.Keys(t.inFlight)) {
		if p := t.inFlight[id]; p.Deadline <= now {
			t.fail(p.Deadline, p)
		}
	}
}

func (t *Table) fail(at time.Duration, p Push) {
	delete(t.inFlight, p.ID)
	t.schedule(p.Snapshot.Key, task{start: at, since: p.Since, delay: t.timing.RetryDelay, to: []ClientID{p.To}, reason: Retry})
}

// Ack is the subscriber's answer to a push; false if none was awaited from it
// (answered before, too late, or never sent).
func (t *Table) Ack(owner ClientID, id uint64) (Push, bool) {
	p, ok := t.inFlight[id]
	if !ok || p.To != owner {
		return Push{}, false
	}
	delete(t.inFlight, id)
	return p, true
}

// Nack is a push that could not be sent, or was refused: it is tried again.
func (t *Table) Nack(now time.Duration, owner ClientID, id uint64) {
	if p, ok := t.inFlight[id]; ok && p.To == owner {
		t.fail(now, p)
	}
}

// SetPushEnabled(false) stops all pushes, and with them the updates of the
// lists that reads return. Enabling sends at once what became due meanwhile.
// It is the server switch pushEnabled.
func (t *Table) SetPushEnabled(on bool) { t.pushDisabled = !on }

// SetFault sets what is wrong with the pushes of a service; "" is for all that
// have no fault of their own. The zero Fault ends it.
func (t *Table) SetFault(service string, f Fault) {
	if f == (Fault{}) {
		delete(t.faults, service)
		return
	}
	t.faults[service] = f
}

func (t *Table) fault(service string) Fault {
	if f, ok := t.faults[service]; ok {
		return f
	}
	return t.faults[""]
}

// SetPushDelay changes the push delay for changes to come; 0 or less is none.
func (t *Table) SetPushDelay(d time.Duration) { t.timing.PushDelay = max(d, 0) }
