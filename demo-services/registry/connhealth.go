package registry

import (
	"maps"
	"slices"
	"time"
)

// ConnHealth decides what happens to a connection that falls silent because its
// node or the network has died: like a real server, it probes connections from
// which nothing came for IdleLimit, and ejects those that do not answer within
// ProbeTimeout.
//
// It checks in rounds. With the default times an ejection comes 25 to 28 s after
// the last sign of life. If other connections die as well it comes up to 33 s
// after it, because a round ends only when all its probes are answered or
// overdue.
//
// The zero value is ready for use. It is not safe for concurrent use.
type ConnHealth struct {
	IdleLimit     time.Duration // how long a connection may be silent; 0 is 20 s
	CheckInterval time.Duration // from the end of a round to the next; 0 is 3 s
	ProbeTimeout  time.Duration // how long the answer to a probe may take; 0 is 5 s

	lastActive     map[ClientID]time.Duration
	probeDeadlines map[ClientID]time.Duration
	nextCheck      time.Duration
}

func (c *ConnHealth) withDefaults() (idle, interval, timeout time.Duration) {
	or := func(d, def time.Duration) time.Duration {
		if d <= 0 {
			return def
		}
		return d
	}
	return or(c.IdleLimit, 20*time.Second), or(c.CheckInterval, 3*time.Second), or(c.ProbeTimeout, 5*time.Second)
}

// Active records a sign of life. A connection is watched from its first one on.
func (c *ConnHealth) Active(now time.Duration, id ClientID) {
	if c.lastActive == nil {
		c.lastActive, c.probeDeadlines = map[ClientID]time.Duration{}, map[ClientID]time.Duration{}
	}
	if len(c.lastActive) == 0 {
		c.scheduleCheck(now)
	}
	c.lastActive[id] = now
	c.endProbe(now, id)
}

// Closed records the end of a connection: it is no longer watched.
func (c *ConnHealth) Closed(now time.Duration, id ClientID) {
	delete(c.lastActive, id)
	c.endProbe(now, id)
}

func (c *ConnHealth) endProbe(now time.Duration, id ClientID) {
	if _, probed := c.probeDeadlines[id]; !probed {
		return
	}
	delete(c.probeDeadlines, id)
	if len(c.probeDeadlines) == 0 {
		c.scheduleCheck(now)
	}
}

func (c *ConnHealth) scheduleCheck(now time.Duration) {
	_, interval, _ := c.withDefaults()
	c.nextCheck = now + interval
}

// Due does what is due at now and returns the connections to probe and those to
// eject, both sorted. Ejected connections are no longer watched.
func (c *ConnHealth) Due(now time.Duration) (probe, eject []ClientID) {
	for _, id := range slices.Sorted(maps.Keys(c.probeDeadlines)) {
		if c.probeDeadlines[id] <= now {
			c.Closed(now, id)
			eject = append(eject, id)
		}
	}
	if len(c.lastActive) == 0 || len(c.probeDeadlines) > 0 || now < c.nextCheck {
		return nil, eject
	}
	c.scheduleCheck(now)
	idle, _, timeout := c.withDefaults()
	for _, id := range slices.Sorted(maps.Keys(c.lastActive)) {
		if now-c.lastActive[id] >= idle {
			c.probeDeadlines[id] = now + timeout
			probe = append(probe, id)
		}
	}
	return probe, eject
}

// Next returns the earliest instant at which Due has something to do.
func (c *ConnHealth) Next() (time.Duration, bool) {
	at := c.nextCheck
	if len(c.probeDeadlines) > 0 {
		at = slices.Min(slices.Collect(maps.Values(c.probeDeadlines)))
	}
	return at, len(c.lastActive) > 0
}
