package embedded

import (
	"strconv"
	"time"

	"zeroloss/demo-services/registry"
)

// newConnHealth returns the checks of silent connections with Nacos' times, none
// of which is longer than the idle limit.
func newConnHealth(idle time.Duration) registry.ConnHealth {
	return registry.ConnHealth{
		IdleLimit: idle, CheckInterval: min(idle, 3*time.Second), ProbeTimeout: min(idle, 5*time.Second),
	}
}

// checkHealth probes connections that have been silent for too long, and ejects
// those that did not answer: their publications are removed as if they had
// closed. Callers hold the catalog's lock.
func (c *connections) checkHealth() {
	probe, eject := c.health.Due(c.catalog.now())
	for _, id := range probe {
		c.lastProbe++
		request := namingRequest{RequestID: "detect-" + strconv.FormatUint(c.lastProbe, 10)}
		// A probe that cannot be encoded or queued counts as not answered.
		if frame, err := payload("ClientDetectionRequest", request); err == nil {
			c.byID[id].send(frame)
		}
	}
	for _, id := range eject {
		conn := c.byID[id]
		delete(c.byID, id) // its further calls are refused as unregistered
		c.catalog.removeClient(conn.name(), id)
		conn.close()
	}
}

// nextHealthCheck returns when checkHealth has something to do.
func (c *connections) nextHealthCheck() (time.Duration, bool) { return c.health.Next() }

// active records a sign of life of a connection that is set up. Callers hold the
// catalog's lock.
func (c *connections) active(conn *conn) {
	if c.has(conn) && conn.setUp {
		c.health.Active(c.catalog.now(), conn.id)
	}
}
