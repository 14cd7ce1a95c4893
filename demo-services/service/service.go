// Package service is the skeleton that every demo service shares: a business
// port with bounded workers behind it, calls of the next service through the
// registry, the trail on every answer, the administrative ports of MSE, EDAS
// and Polaris, and a life from start to drain. [Run] is all of it; what a
// service does with a request is its [Handler].
//
// It decides nothing: when to register and how to leave is lossless.Machine's,
// whom to call consumer.View's. It executes their actions, samples its
// counters for them and writes down their steps.
//
// It may not know manifests, scenarios or the registry's client, which comes
// in through [Options.Connect].
package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"zeroloss/demo-services/lossless"
	"zeroloss/demo-services/registry"
	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

// Registry is a connection to the registry. [Run] closes it.
type Registry interface {
	registry.Registrar
	registry.Watcher
}

// Options is what a service is made of.
type Options struct {
	Settings settings.Document
	Handler  Handler
	// Connect opens the registry's client. It is called at once, beside the
	// opening of the ports, and may take until ctx ends.
	Connect func(ctx context.Context, d settings.Document) (Registry, error)
	// Term is closed, or sent to, when the process is told to end in order
	// (SIGTERM). To make it go at once, end Run's ctx.
	Term <-chan os.Signal
	// Events takes the events' lines, one Write each; nil opens what the
	// settings name.
	Events io.Writer
}

// ErrParentExited is why a service ends whose parent has gone.
var ErrParentExited = errors.New("the parent process has gone")

// Service is one running service.
type Service struct {
	doc     settings.Document
	hop     record.Hop // what each of our hops begins with
	zero    time.Time  // of the machines' clocks
	handler Handler
	events  *eventLog
	pool    *workerPool
	callers recentCallers
	next    *nextService // nil where the chain ends
	plain   []string

	load      requestCounters
	ready     atomic.Bool
	rejecting atomic.Bool
	marker    atomic.Pointer[[]string] // header value; nil: none
	state     atomic.Pointer[lossless.State]
	at        atomic.Pointer[net.TCPAddr] // of the business listener

	life      lifecycle
	started   time.Time // of the first Register; the lifecycle's loop sets it
	registry  *registryConn
	business  *http.Server
	newborn   newConns
	admin     []*http.Server
	client    *http.Client // for notices and our own health
	conflicts dedup

	quit       context.CancelCauseFunc
	gone       chan struct{} // closed when the lifecycle has ended
	goroutines sync.WaitGroup
}

// Run runs a service until its lifecycle ends, and returns the exit code that
// it asks for. It goes at once when ctx ends, which is no error, or when the
// parent's pipe ends ([ErrParentExited]). Any other error means that the service could not be what the
// settings say: a port that is taken, a registry that refuses, events that
// cannot be written.
//
// All that it opened is closed when it returns.
func Run(ctx context.Context, o Options) (int, error) {
	if addr, ok := strings.CutPrefix(o.Settings.Events, "tcp:"); ok && o.Events == nil {
		far := newCollectorClient(addr, identity(o.Settings))
		if o.Settings.Online.Prewarmed {
			// One description serves all pods of a Deployment: only those
			// that the run begins with are old.
			o.Settings.Online.Prewarmed = o.Settings.Incarnation == 1 && !far.begun(ctx)
		}
		o.Events = far
		code, err := run(ctx, o, far)
		return code, errors.Join(err, far.Close())
	}
	if o.Events == nil {
		f, err := openEvents(o.Settings.Events)
		if err != nil {
			return 1, err
		}
		defer f.Close()
		o.Events = f
	}
	return run(ctx, o, nil)
}

// errLeave is why a service ends whose collector told it to.
var errLeave = errors.New("the collector says that the run is over")

// run is Run once it is known where the events go; far is where they go over
// the network, nil if they do not.
func run(ctx context.Context, o Options, far *collectorClient) (int, error) {
	inner, quit := context.WithCancelCause(ctx)
	defer quit(nil)
	s := newService(o, newEventLog(o.Settings, o.Events), quit)
	if far != nil {
		far.begin(s.obey, s.tellOffset)
	}
	why := s.live(inner, o)
	if why != nil && (ctx.Err() != nil || errors.Is(why, errLeave)) {
		return 0, s.leave("told to go at once")
	}
	if why != nil {
		return 1, errors.Join(why, s.leave(why.Error()))
	}
	return s.life.code, s.leave("")
}

func newService(o Options, j *eventLog, quit context.CancelCauseFunc) *Service {
	d := o.Settings
	s := &Service{
		doc: d, events: j, handler: o.Handler, quit: quit, zero: time.Now(),
		hop:     record.Hop{Service: d.Service, Instance: identity(d), Tag: d.Tag},
		pool:    newWorkerPool(d),
		callers: recentCallers{list: lossless.Callers{Memory: d.Offline.ConsumerMemory}},
		plain:   []string{"text/plain; charset=utf-8"},
		gone:    make(chan struct{}),
		client:  newClient(d),
	}
	s.life.s = s
	s.business = &http.Server{Handler: http.HandlerFunc(s.serve), ConnState: s.newborn.watch}
	return s
}

// newClient is for the few calls that are no part of a request's way.
func newClient(d settings.Document) *http.Client {
	dialer := &net.Dialer{Timeout: dialTimeout, LocalAddr: source(d.IP)}
	return &http.Client{
		Timeout:   time.Second,
		Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true},
	}
}

// live starts everything and drives the lifecycle to its end.
func (s *Service) live(ctx context.Context, o Options) error {
	s.events.note(record.Event{Kind: record.KindStarting})
	if v := s.doc.Version; v > 1 { // rules that were changed before it came
		s.events.note(record.Event{Kind: record.KindSettingsApplied, N: int64(v)})
	}
	s.watchParent()
	s.background(func() { s.watchStalls(ctx) })
	// First of all, as it takes the longest.
	s.registry = connectRegistry(ctx, s.doc, o.Connect)
	if err := s.openAdmin(); err != nil {
		return err
	}
	if s.next != nil {
		s.background(func() { s.next.discovery.drive(ctx) })
		s.background(func() { s.follow(ctx) })
	}
	s.background(func() { s.listen(ctx) })
	s.background(func() {
		select {
		case <-o.Term:
			s.life.term()
		case <-ctx.Done():
		case <-s.gone:
		}
	})
	return s.life.drive(ctx)
}

// background runs f beside; leave waits for it.
func (s *Service) background(f func()) { s.goroutines.Go(f) }

// fail ends the service with err; the first one counts.
func (s *Service) fail(err error) { s.quit(err) }

func (s *Service) openAdmin() error {
	var notices net.Addr
	for i, d := range s.adminListeners() {
		addr, err := s.open(d)
		if err != nil {
			return err
		}
		if i == 0 {
			notices = addr
		}
	}
	if s.doc.Next == "" {
		return nil
	}
	v := newDiscovery(s.doc, s.events, s.zero)
	v.pull = func(ctx context.Context) ([]registry.Host, error) {
		r, err := s.registry.get(ctx)
		if err != nil {
			return nil, err
		}
		return r.Pull(ctx, s.doc.Next)
	}
	s.next = newNextService(s.doc, v, notices.String())
	return nil
}

// listen opens the business port, after the time that starting up takes.
func (s *Service) listen(ctx context.Context) {
	if s.doc.Online.Early {
		s.life.put(lossless.Event{Kind: lossless.Started})
	}
	if !s.doc.Online.Prewarmed && pause(ctx, s.doc.Online.StartUp) != nil {
		return
	}
	ln, err := net.Listen("tcp", net.JoinHostPort(s.doc.IP, strconv.Itoa(s.doc.Port)))
	if err != nil {
		s.fail(fmt.Errorf("opening the business port of %s: %w", s.doc.Service, err))
		return
	}
	addr, _ := ln.Addr().(*net.TCPAddr) // it is one: we asked for tcp
	s.at.Store(addr)
	s.events.at(addr.String())
	s.events.note(record.Event{Kind: record.KindListening})
	go s.run(s.business, ln)
	s.life.put(lossless.Event{Kind: lossless.Listening})
}

// follow subscribes to the service that we call.
func (s *Service) follow(ctx context.Context) {
	r, err := s.registry.get(ctx)
	if err == nil {
		err = r.Subscribe(ctx, s.doc.Next, s.next.discovery.pushed)
	}
	if err != nil && ctx.Err() == nil {
		s.fail(err)
	}
}

// leave closes what is still open and ends the journal. why is "" when the
// lifecycle came to its end, which has closed all that matters by then.
func (s *Service) leave(why string) error {
	if n := s.load.inFlight.Load(); n > 0 && why != "" {
		s.events.note(record.Event{Kind: record.KindRequestsCut, N: n, Text: why})
	}
	close(s.gone)
	s.quit(nil)
	s.cut()
	for _, srv := range s.admin {
		// Closing a listener fails only where it is closed already.
		_ = srv.Close()
	}
	s.goroutines.Wait()
	// Before the registry's client, whose end may take longer than we have.
	err := s.events.end(why)
	if s.registry != nil {
		err = errors.Join(err, s.registry.close())
	}
	if s.next != nil {
		s.next.transport.CloseIdleConnections()
	}
	s.client.CloseIdleConnections()
	return err
}

// cut ends the business port and all its connections at once.
func (s *Service) cut() {
	// Closing a listener fails only where it is closed already.
	_ = s.business.Close()
}

// watchParent ends the service with its parent: a pipe of the parent's ends
// when the parent does, however it dies.
func (s *Service) watchParent() {
	if s.doc.ParentFD <= 0 {
		return
	}
	f, err := openFD(strconv.Itoa(s.doc.ParentFD), "the parent's pipe")
	if err != nil {
		s.fail(err)
		return
	}
	go func() {
		defer f.Close()
		// Whatever ends the reading, the parent is not there any more.
		_, _ = io.Copy(io.Discard, f)
		s.fail(ErrParentExited)
	}()
}

func (s *Service) since(t time.Time) time.Duration { return t.Sub(s.zero) }

// addr is host:port of the business port.
func (s *Service) addr() string { return net.JoinHostPort(s.doc.IP, strconv.Itoa(s.port())) }

func (s *Service) port() int {
	if a := s.at.Load(); a != nil {
		return a.Port
	}
	return s.doc.Port
}
