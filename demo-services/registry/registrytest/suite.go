// Package registrytest is the contract of a registry: what a Nacos server,
// embedded or real, does when nacos-sdk-go asks it to, and what it says on the
// wire. [Run] holds a running server to it, and [Table] tells how long each
// thing took; the only thing that may differ is the push delay. [StartNacos]
// runs a real server, [Proxy] and [Recorder] stand between a client and its
// server.
//
// The checks run in real time, side by side: they wait for what must happen,
// with a deadline, and wait a while only where nothing must happen.
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

	// Down kills the server, and Up starts it again on the same ports, with
	// nothing of what was published; it returns once the server answers.
	Down, Up func(testing.TB)
}

// OverlayTTL is how long what the console said of an instance must outlive it:
// a server is held to the contract with this time, not with its 60 s.
const OverlayTTL = 5 * time.Second

// tick is the grid on which servers push.
const tick = 100 * time.Millisecond

// slack is what a single push may take beyond that on a machine that has other
// things to do. What pushes take in the middle, [Table] tells.
const slack = 2 * time.Second

// bound is the latest that a push may come.
func (g Target) bound() time.Duration { return g.PushDelay + tick + slack }

// check is one line of the contract.
type check struct {
	id   string
	name string
	run  func(*driver)
	kind kind
}

// kind is how a check goes with others.
type kind int

const (
	parallel    kind = iota // a few of them at once
	longRunning             // for long: it disturbs nobody, and nobody waits for it
	exclusive               // after all others, as it takes the server down
)

// checks is the contract: by number what an SDK sees, with a W the frames.
func checks() []check {
	return []check{
		{"10", "silent loss", silentLoss, longRunning},
		{"15", "sticky overlay", stickyOverlay, longRunning},
		{"W3", "push sent again", pushAgain, longRunning},
		{"W6", "detection of the silent", detection, longRunning},
		{"W8", "heartbeats over HTTP", beats, longRunning},
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

// maxParallel is how many busy checks run at once: more would measure the machine.
const maxParallel = 6

// Run holds target to the contract and tells what it measured.
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

// warmUp has a server push until it does so swiftly: one that has just been
// started is slow at first. It is no check: what is wrong shows later.
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
