// Package service is the framework that all demo services share. [Run] runs a
// service; what it does with a request is its [Handler].
//
// A request takes this path:
//
//	receive   businessServer   count it, remember its consumer, answer health probes
//	admit     businessServer   503 "rejected" while closing in mode reject;
//	          workerPool       wait for a worker, or 503 "overload" if the queue is full
//	work      workerPool       take as long as the settings say
//	handle    Handler          answer with Reply or Refuse, or first CallNext
//	call      nextService      find the tag of the request
//	          discovery        pick an instance
//	          nextService      call it, and after a failure perhaps another instance
//	answer    Request          write the answer with the trail, and with the marker while closing
//
// Around it:
//
//	lifecycle        registers the instance, and takes it out of service on /offline or TERM
//	registration     what the lifecycle says to the registry
//	adminServer      the ports of MSE, EDAS, Polaris and our own
//	eventLog         the instance's events; collectorClient sends them over the network
//
// The package decides nothing: lossless.Machine decides when to register and
// how to shut down, consumer.View decides whom to call. The package executes
// their actions, samples its counters for them, and logs their steps.
//
// It may not know manifests, scenarios, or the registry's client, which comes in
// through [Options.Connect].
package service

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"zeroloss/demo-services/registry"
	"zeroloss/demo-services/settings"
	"zeroloss/internal/ctxtime"
	"zeroloss/loadgen/record"
)

// Registry is a connection to the registry. [Run] closes it.
type Registry interface {
	registry.Registrar
	registry.Watcher
}

// Options configures a service.
type Options struct {
	Settings settings.Document
	Handler  Handler
	// Connect opens the registry's client. It is called once, while the ports
	// are opened, and may take until ctx ends.
	Connect func(ctx context.Context, d settings.Document) (Registry, error)
	// Term receives a value, or is closed, when the process gets SIGTERM. To end
	// the service at once, end Run's ctx instead.
	Term <-chan os.Signal
	// Events receives the event lines, one per Write; nil opens what the
	// settings name.
	Events io.Writer
}

var (
	// ErrParentExited is returned when the parent process has exited.
	ErrParentExited = errors.New("the parent process has exited")
	// errRunOver ends a service when its collector says so.
	errRunOver = errors.New("the collector says that the run is over")
)

// Run runs a service until its lifecycle ends, and returns the exit code that
// the lifecycle asks for. It returns at once when ctx ends, which is not an
// error, or when the parent's pipe ends ([ErrParentExited]). Other errors mean
// that the service could not do what the settings say: a port is taken, the
// registry refuses, or events cannot be written.
//
// Everything that it opened is closed when it returns.
func Run(ctx context.Context, o Options) (int, error) {
	if addr, ok := strings.CutPrefix(o.Settings.Events, "tcp:"); ok && o.Events == nil {
		collector := newCollectorClient(addr, identity(o.Settings))
		if o.Settings.Online.Prewarmed {
			// All pods of a Deployment share one settings document, but only those
			// that run before the load begins are prewarmed.
			o.Settings.Online.Prewarmed = o.Settings.Incarnation == 1 && !collector.loadHasBegun(ctx)
		}
		o.Events = collector
		code, err := run(ctx, o, collector)
		return code, errors.Join(err, collector.Close())
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

// run runs a service whose events go to o.Events. collector is nil if they do
// not go over the network.
func run(ctx context.Context, o Options, collector *collectorClient) (int, error) {
	inner, quit := context.WithCancelCause(ctx)
	defer quit(nil)
	s := newInstance(o, quit)
	if collector != nil {
		collector.start(s.onCommand, s.events.noteClockOffset) //nolint:contextcheck // it outlives ctx: it sends the last events
	}
	cause := s.run(inner, o)
	if cause != nil && (ctx.Err() != nil || errors.Is(cause, errRunOver)) {
		return 0, s.stop("told to go at once")
	}
	if cause != nil {
		return 1, errors.Join(cause, s.stop(cause.Error()))
	}
	return s.lifecycle.exitCode, s.stop("")
}

// instance is one running service: it starts, joins and stops the parts.
type instance struct {
	doc       settings.Document
	clock     clock
	events    *eventLog
	registry  *registryConn
	business  *businessServer
	discovery *discovery // nil if the service calls nobody
	admin     *adminServer
	lifecycle *lifecycle
	peers     *peerClient

	quit       context.CancelCauseFunc // ends the service; the first cause counts
	stopped    chan struct{}           // closed when the lifecycle has ended
	background sync.WaitGroup
}

// clock is the clock of the service's state machines.
type clock struct{ zero time.Time }

func (c clock) since(t time.Time) time.Duration   { return t.Sub(c.zero) }
func (c clock) now() time.Duration                { return time.Since(c.zero) }
func (c clock) instant(d time.Duration) time.Time { return c.zero.Add(d) }

func newInstance(o Options, quit context.CancelCauseFunc) *instance {
	d := o.Settings
	s := &instance{
		doc: d, clock: clock{time.Now()}, events: newEventLog(d, o.Events), quit: quit,
		registry: newRegistryConn(), peers: newPeerClient(d), stopped: make(chan struct{}),
	}
	s.business = newBusinessServer(d, o.Handler, s.events, s.clock, s.stopped)
	s.lifecycle = newLifecycle(d, s.clock, s.events, lifecycleParts{
		business: s.business, registry: s.registry, registration: newRegistration(d, s.registry, s.business), peers: s.peers,
	}, s.stopped)
	if d.Next != "" {
		s.discovery = newDiscovery(d, s.events, s.clock)
		s.discovery.pull = s.pullNext
	}
	s.admin = &adminServer{doc: d, lifecycle: s.lifecycle, business: s.business, discovery: s.discovery, fail: s.quit}
	return s
}

// run starts everything and drives the lifecycle to its end.
func (s *instance) run(ctx context.Context, o Options) error {
	s.events.note(record.Event{Payload: record.Starting{}})
	if v := s.doc.Version; v > 1 { // rules that changed before this instance started
		s.events.note(record.Event{Payload: record.SettingsApplied{Version: v}})
	}
	if err := exitWithParent(s.doc.ParentFD, s.quit); err != nil {
		s.quit(err)
	}
	s.background.Go(func() { s.events.watchStalls(ctx, s.stopped) })
	// Connect first, as it takes the longest.
	s.registry.connect(ctx, s.doc, o.Connect)
	notifyAddr, err := s.admin.open(ctx)
	if err != nil {
		return err
	}
	if s.discovery != nil {
		s.business.next = newNextService(s.doc, s.discovery, s.events, notifyAddr.String())
		s.background.Go(func() { s.discovery.run(ctx) })
		s.background.Go(func() { s.subscribe(ctx) })
	}
	s.background.Go(func() { s.listen(ctx) })
	s.background.Go(func() {
		select {
		case <-o.Term:
			s.lifecycle.term()
		case <-ctx.Done():
		case <-s.stopped:
		}
	})
	return s.lifecycle.run(ctx)
}

// listen opens the business port after the start-up time.
func (s *instance) listen(ctx context.Context) {
	if s.doc.Online.Early {
		s.lifecycle.started()
	}
	if !s.doc.Online.Prewarmed && ctxtime.Sleep(ctx, s.doc.Online.StartUp) != nil {
		return
	}
	if err := s.business.listen(ctx, s.quit); err != nil {
		s.quit(err)
		return
	}
	s.lifecycle.listening()
}

// subscribe follows the instances of the next service.
func (s *instance) subscribe(ctx context.Context) {
	r, err := s.registry.get(ctx)
	if err == nil {
		err = r.Subscribe(ctx, s.doc.Next, s.discovery.pushed)
	}
	if err != nil && ctx.Err() == nil {
		s.quit(err)
	}
}

// pullNext asks the registry for the instances of the next service.
func (s *instance) pullNext(ctx context.Context) ([]registry.Host, error) {
	r, err := s.registry.get(ctx)
	if err != nil {
		return nil, err
	}
	return r.Pull(ctx, s.doc.Next)
}

// stop closes what is still open and ends the event log. reason is "" if the
// lifecycle has ended in order.
func (s *instance) stop(reason string) error {
	if n := s.business.counters.inFlight.Load(); n > 0 && reason != "" {
		s.events.note(record.Event{Payload: record.RequestsCut{Requests: int(n)}, Text: reason})
	}
	close(s.stopped)
	s.quit(nil)
	s.business.close()
	s.admin.close()
	s.background.Wait()
	// Before the registry's client, whose closing may take longer than we have.
	err := s.events.end(reason)
	err = errors.Join(err, s.registry.close())
	if s.business.next != nil {
		s.business.next.transport.CloseIdleConnections()
	}
	s.peers.close()
	return err
}

// onCommand executes a command of the collector.
func (s *instance) onCommand(w record.Command) {
	switch w {
	case record.CommandExit:
		s.quit(errRunOver)
	case record.CommandKill:
		// Like SIGKILL: nothing is logged, closed or answered any more.
		os.Exit(exitCodeSIGKILL)
	}
}

// exitCodeSIGKILL is the exit code of a process that was killed.
const exitCodeSIGKILL = 128 + 9
