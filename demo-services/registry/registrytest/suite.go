// Package registrytest is the contract of a registry: what a Nacos server,
// embedded or real, does on behalf of nacos-sdk-go, and what it sends on the
// wire. [Run] checks a running server against the contract, and [Table] shows how
// long each check took. Only the push delay may differ between servers.
//
// The checks are in checks_*.go. [StartNacos] runs a real server. [Proxy] and
// [Recorder] stand between a client and its server, and [WireClient] is a client
// without an SDK.
//
// The checks run in parallel and in real time: they wait for what must happen,
// with a deadline, and for a fixed time only if nothing may happen.
package registrytest

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// Target is a running server.
type Target struct {
	Name      string // in the table
	Host      string
	Port      int // HTTP
	GRPCPort  int
	PushDelay time.Duration // from a change to its push

	// Down kills the server. Up starts it again on the same ports without its
	// publications, and returns once the server answers.
	Down, Up func(testing.TB)
}

// OverlayTTL is how long overlays must outlive their instance in the contract. A
// server must be configured with it, as the default of 60 s would take too long.
const OverlayTTL = 5 * time.Second

// tick is the interval at which servers push.
const tick = 100 * time.Millisecond

// slack is how late a single push may come on a busy machine. [Table] shows the
// median of all pushes.
const slack = 2 * time.Second

// bound returns the latest time at which a push may come.
func (g Target) bound() time.Duration { return g.PushDelay + tick + slack }

// check is one line of the contract.
type check struct {
	id   string
	name string
	run  func(*driver)
	kind kind
}

// kind is how a check runs beside others.
type kind int

const (
	parallel    kind = iota // beside a few others
	longRunning             // takes long and disturbs no other check
	exclusive               // after all others, as it stops the server
)

// checks returns the contract. Numbered checks are about what an SDK sees, those
// with a W about the wire protocol.
func checks() []check {
	return []check{
		{"10", "silent loss", silentLoss, longRunning},
		{"15", "sticky overlay", stickyOverlay, longRunning},
		{"W3", "push retried", pushRetried, longRunning},
		{"W6", "detection of silent connections", detection, longRunning},
		{"W8", "heartbeats over HTTP", heartbeats, longRunning},
		{"02", "register and read", registerAndRead, parallel},
		{"03", "unknown service", unknownService, parallel},
		{"04", "subscribe replay", subscribeReplay, parallel},
		{"05", "push on add", pushOnAdd, parallel},
		{"06", "push on deregister", pushOnDeregister, parallel},
		{"07", "last one out", lastOneOut, parallel},
		{"08", "graceful close", gracefulClose, parallel},
		{"09", "crash", crash, parallel},
		{"11", "metadata update", metadataUpdate, parallel},
		{"12", "weight", weight, parallel},
		{"13", "disable over HTTP", disableOverHTTP, parallel},
		{"14", "disable by SDK", disableBySDK, parallel},
		{"16", "HTTP DELETE is a no-op", deleteIsNoOp, parallel},
		{"17", "healthy only", healthyOnly, parallel},
		{"18", "groups", groups, parallel},
		{"19", "namespaces", namespaces, parallel},
		{"20", "clusters", clusters, parallel},
		{"21", "one publication per connection", onePublication, parallel},
		{"22", "merge window", mergeWindow, parallel},
		{"23", "many", many, parallel},
		{"W1", "refusals and answers", refusals, parallel},
		{"W2", "each push acknowledged once", acknowledged, parallel},
		{"W4", "twice does no harm", twice, parallel},
		{"W5", "clusters are echoed", clustersEchoed, parallel},
		{"W7", "answers over HTTP", answersOverHTTP, parallel},
		{"01", "connect", connect, parallel}, // not first: a real server's first connection is slow
		{"24", "restart", restart, exclusive},
	}
}

// maxParallel is how many parallel checks run at once: with more of them the
// measurements would be those of the machine.
const maxParallel = 6

// Run checks target against the contract and returns what it measured.
func Run(t *testing.T, target Target) []Result {
	all := checks()
	results := make([]Result, len(all))
	one := func(i int) {
		c := all[i]
		t.Run(c.id+" "+c.name, func(t *testing.T) {
			d := &driver{T: t, target: target, service: fmt.Sprintf("check-%s-%d", c.id, time.Now().UnixNano())}
			t.Cleanup(func() { results[i] = d.result(c) })
			c.run(d)
		})
	}
	t.Run("warm", func(t *testing.T) { warmUp(&driver{T: t, target: target, service: "warm"}) })
	slots := make(chan struct{}, maxParallel)
	var side sync.WaitGroup
	for i, c := range all {
		switch c.kind {
		case longRunning:
			side.Go(func() { one(i) })
		case parallel:
			side.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				one(i)
			})
		case exclusive: // below, when the others are done
		}
	}
	side.Wait()
	for i, c := range all {
		if c.kind == exclusive {
			one(i)
		}
	}
	return results
}

// warmUp makes a server push until it does so quickly, as a server that has just
// been started is slow. It is not a check.
func warmUp(d *driver) {
	const most, calm = 10, 300 * time.Millisecond
	cs := d.clients(2)
	w := d.watch(cs[0])
	for i := range most {
		d.register(cs[1], host(i))
		w.within(reconnectTimeout, host(i))
		if last := d.pushes[len(d.pushes)-1]; last < d.target.PushDelay+tick+calm {
			return
		}
	}
}
