package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"zeroloss/demo-services/lossless"
	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

// businessServer serves the business port: it admits requests, runs the handler,
// and stops in the steps that the lifecycle asks for.
type businessServer struct {
	doc         settings.Document
	handler     Handler
	hop         record.Hop // what each of our hops begins with
	contentType []string
	events      *eventLog
	clock       clock
	workers     *workerPool
	next        *nextService // nil at the end of the chain
	stopped     <-chan struct{}

	http      *http.Server
	newConns  newConns
	consumers recentCallers
	counters  requestCounters
	rejecting atomic.Bool
	marker    atomic.Pointer[[]string]    // value of the marker header; nil: none
	addr      atomic.Pointer[net.TCPAddr] // of the listener; nil before it listens
}

// requestCounters counts requests without a lock. The lifecycle samples them.
type requestCounters struct {
	inFlight atomic.Int64
	last     atomic.Int64 // nanoseconds on the lifecycle's clock; 0: never
	received atomic.Int64
}

func (c *requestCounters) begin(now time.Duration) {
	c.inFlight.Add(1)
	c.received.Add(1)
	c.last.Store(int64(max(now, 1)))
}

func (c *requestCounters) end() { c.inFlight.Add(-1) }

func newBusinessServer(d settings.Document, h Handler, events *eventLog, c clock, stopped <-chan struct{}) *businessServer {
	b := &businessServer{
		doc: d, handler: h, events: events, clock: c, workers: newWorkerPool(d), stopped: stopped,
		hop:         record.Hop{Service: d.Service, Instance: identity(d), Tag: d.Tag},
		contentType: []string{"text/plain; charset=utf-8"},
		consumers:   recentCallers{list: lossless.Callers{Memory: d.Offline.ConsumerMemory}},
	}
	b.http = &http.Server{Handler: b, ConnState: b.newConns.track} //nolint:gosec // no time limit: its callers are this run's, and a slow one is what is measured
	return b
}

// ServeHTTP admits a request and runs the handler.
func (b *businessServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &Request{server: b, w: w, r: r, arrived: time.Now(), hop: b.hop}
	if p := b.doc.Online.HealthPath; p != "" && r.URL.Path == p {
		// Not counted: a probe must not prolong the drain.
		x.Reply("UP")
		return
	}
	b.counters.begin(b.clock.since(x.arrived))
	defer b.counters.end()
	if from := r.Header[lossless.ConsumerHeader]; len(from) > 0 {
		b.consumers.seen(b.clock.since(x.arrived), from[0])
	}
	if b.rejecting.Load() {
		x.fail(http.StatusServiceUnavailable, record.Rejected)
		return
	}
	if !b.workers.acquire(r.Context()) {
		x.fail(http.StatusServiceUnavailable, record.Overload)
		return
	}
	defer b.workers.release()
	if err := x.readBody(); err != nil {
		x.Refuse(http.StatusBadRequest, err.Error())
		return
	}
	b.workers.simulateWork(b.stopped)
	b.handler(x)
}

// listen opens the port and serves it in the background. fail is called if
// serving ends for any other reason than a shutdown.
func (b *businessServer) listen(ctx context.Context, fail context.CancelCauseFunc) error {
	var config net.ListenConfig
	ln, err := config.Listen(ctx, "tcp", net.JoinHostPort(b.doc.IP, strconv.Itoa(b.doc.Port)))
	if err != nil {
		return fmt.Errorf("opening the business port of %s: %w", b.doc.Service, err)
	}
	addr, _ := ln.Addr().(*net.TCPAddr) // always, for a tcp listener
	b.addr.Store(addr)
	b.events.setAddr(addr.String())
	b.events.note(record.Event{Payload: record.Listening{}})
	go serve(b.http, ln, fail)
	return nil
}

// serve serves until the server is shut down or closed.
func serve(s *http.Server, ln net.Listener, fail context.CancelCauseFunc) {
	if err := s.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		fail(fmt.Errorf("serving %s: %w", ln.Addr(), err))
	}
}

// port returns the port that it listens on, or will.
func (b *businessServer) port() int {
	if a := b.addr.Load(); a != nil {
		return a.Port
	}
	return b.doc.Port
}

// hostPort returns host:port of the business port.
func (b *businessServer) hostPort() string {
	return net.JoinHostPort(b.doc.IP, strconv.Itoa(b.port()))
}

// setMarker puts the marker on all answers from here on.
func (b *businessServer) setMarker(id lossless.Identity) { b.marker.Store(&[]string{id.String()}) }

// newConnGrace is how long connections without a request may live after the
// listener is closed: long enough for a request that is on its way.
const newConnGrace = 100 * time.Millisecond

// shutdown closes the listener and waits until all requests are answered or ctx
// ends. It closes connections that never carried a request after newConnGrace;
// net/http alone would give them 5 s.
func (b *businessServer) shutdown(ctx context.Context) error {
	stop := time.AfterFunc(newConnGrace, b.newConns.close)
	defer stop.Stop()
	if err := b.http.Shutdown(ctx); err != nil {
		return fmt.Errorf("closing gracefully: %w", err)
	}
	return nil
}

// close ends the port and all its connections at once.
func (b *businessServer) close() {
	_ = b.http.Close() // fails only if it is closed already
}
