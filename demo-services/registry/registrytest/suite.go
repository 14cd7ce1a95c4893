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
	busy  kind = iota // a few of them at once
	waits             // for long: it disturbs nobody, and nobody waits for it
	alone             // after all others, as it takes the server down
)

// checks is the contract: by number what an SDK sees, with a W the frames.
func checks() []check {
	return []check{
		{"10", "silent loss", silentLoss, waits},
		{"15", "sticky overlay", stickyOverlay, waits},
		{"W3", "push sent again", pushAgain, waits},
		{"W6", "detection of the silent", detection, waits},
		{"W8", "heartbeats over HTTP", beats, waits},
		{"02", "register and read", registerAndRead, busy},
		{"03", "unknown service", unknownService, busy},
		{"04", "subscribe replay", subscribeReplay, busy},
		{"05", "push on add", pushOnAdd, busy},
		{"06", "push on deregister", pushOnDeregister, busy},
		{"07", "last one out", lastOneOut, busy},
		{"08", "graceful close", gracefulClose, busy},
		{"09", "crash", crash, busy},
		{"11", "metadata update", metadataUpdate, busy},
		{"12", "weight", weight, busy},
		{"13", "disable over HTTP", disableOverHTTP, busy},
		{"14", "disable by SDK", disableBySDK, busy},
		{"16", "HTTP DELETE is a no-op", deleteIsNoOp, busy},
		{"17", "healthy only", healthyOnly, busy},
		{"18", "groups", groups, busy},
		{"19", "namespaces", namespaces, busy},
		{"20", "clusters", clusters, busy},
		{"21", "one publication per connection", onePublication, busy},
		{"22", "merge window", mergeWindow, busy},
		{"23", "many", many, busy},
		{"W1", "refusals and answers", refusals, busy},
		{"W2", "each push acknowledged once", acknowledged, busy},
		{"W4", "twice does no harm", twice, busy},
		{"W5", "clusters are echoed", clustersEchoed, busy},
		{"W7", "answers over HTTP", answersOverHTTP, busy},
		{"01", "connect", connect, busy}, // not first: a real server's first connection is slow
		{"24", "restart", restart, alone},
	}
}

// abreast is how many busy checks run at once: more would measure the machine.
const abreast = 6

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
	slots := make(chan struct{}, abreast)
	var side sync.WaitGroup
	for i, c := range all {
		switch c.kind {
		case waits:
			side.Go(func() { one(i) })
		case busy:
			side.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				one(i)
			})
		}
	}
	side.Wait()
	for i, c := range all {
		if c.kind == alone {
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
		w.within(comeback, host(i))
		if last := d.pushes[len(d.pushes)-1]; last < d.target.PushDelay+tick+calm {
			return
		}
	}
}
