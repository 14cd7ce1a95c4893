// Package embedded is a Nacos 2.x server within this binary, as far as clients
// of the naming service see it: gRPC for SDKs, HTTP for lists and switches, and
// the timing of a real server's pushes (500 ms after the first change, on a
// tick of 100 ms). The decisions are those of the pure registry.Table; here are
// the sockets, the clock and the knobs for faults.
//
// It may not know who its clients are beyond what they say of themselves.
package embedded

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	pb "github.com/nacos-group/nacos-sdk-go/v2/api/grpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"zeroloss/demo-services/registry"
	"zeroloss/loadgen/record"
)

// Options configures a Server; the zero value is a server of Nacos' timing on
// free ports of 127.0.0.1.
type Options struct {
	Bind     string // address to listen on; "" is 127.0.0.1
	Port     int    // HTTP; 0 is any that is free
	GRPCPort int    // 0 is Port + 1000, or any that is free if Port is 0

	Timing registry.Timing // of pushes
	// SilentLoss is for how long a connection may be silent before it is asked
	// whether it lives, at the next look every 3 s; unanswered for 5 s, it is
	// ended. 0 is 20 s; below 3 and 5 s, those times are no longer than it.
	ConnIdleLimit time.Duration

	// OnEvent is told of each change of the table (record.Changed, before the
	// publisher hears of it) and of each acknowledged push (record.Pushed; its
	// Data is a JSON array of the hosts' IDs, its Text why it went out). Calls
	// never overlap. It must not block, nor call the server.
	OnEvent func(record.Event)
}

// Server is a running registry.
type Server struct {
	opts Options
	wake chan struct{} // the table's next deadline may have changed
	quit chan struct{}
	loop sync.WaitGroup

	updown sync.Mutex // serialises Up, Down and Close
	ports  *ports     // nil while down
	closed bool

	mu    sync.Mutex // guards what follows; OnEvent is called under it
	zero  time.Time  // the table's
	table *registry.Table
	conns map[registry.ClientID]*conn
	quiet registry.ConnHealth
	beats map[registry.ClientID]*beat // publishers over HTTP
	knobs knobs
	lastC uint64
}

// knobs survive a restart of the server.
type knobs struct {
	pushDisabled bool
	faults       map[string]registry.Fault
}

// ports is what listens while the server is up.
type ports struct {
	grpc *grpc.Server
	http *http.Server
	done sync.WaitGroup
}

// Start listens and serves until Close.
func Start(o Options) (*Server, error) {
	o.Bind = cmp.Or(o.Bind, "127.0.0.1")
	if o.Port != 0 && o.GRPCPort == 0 {
		o.GRPCPort = o.Port + 1000
	}
	o.ConnIdleLimit = cmp.Or(o.ConnIdleLimit, 20*time.Second)
	if o.OnEvent == nil {
		o.OnEvent = func(record.Event) {}
	}
	s := &Server{
		opts: o, wake: make(chan struct{}, 1), quit: make(chan struct{}),
		knobs: knobs{faults: map[string]registry.Fault{}},
	}
	s.reset()
	if err := s.Up(); err != nil {
		return nil, err
	}
	s.loop.Go(s.pushLoop)
	return s, nil
}

// reset forgets all but the knobs.
func (s *Server) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.zero = time.Now()
	s.table = registry.New(s.opts.Timing)
	s.table.SetPushEnabled(!s.knobs.pushDisabled)
	for service, f := range s.knobs.faults {
		s.table.SetFault(service, f)
	}
	s.conns = map[registry.ClientID]*conn{}
	s.beats = map[registry.ClientID]*beat{}
	s.quiet = registry.ConnHealth{
		IdleLimit: s.opts.ConnIdleLimit, CheckInterval: min(s.opts.ConnIdleLimit, 3*time.Second), ProbeTimeout: min(s.opts.ConnIdleLimit, 5*time.Second),
	}
}

// Host is the address that the server listens on.
func (s *Server) Host() string { return s.opts.Bind }

// Port is the HTTP port.
func (s *Server) Port() int { return s.opts.Port }

// GRPCPort is the port of SDKs.
func (s *Server) GRPCPort() int { return s.opts.GRPCPort }

func (s *Server) listen(what string, port int) (net.Listener, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(s.opts.Bind, strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("opening the registry's %s port: %w", what, err)
	}
	return l, nil
}

// errClosed is what Up answers after Close.
var errClosed = errors.New("the registry is closed")

// Up makes a server that is down listen again, on its old ports; one that is
// up it leaves alone.
func (s *Server) Up() error {
	s.updown.Lock()
	defer s.updown.Unlock()
	if s.closed {
		return errClosed
	}
	if s.ports != nil {
		return nil
	}
	hl, err := s.listen("HTTP", s.opts.Port)
	if err != nil {
		return err
	}
	gl, err := s.listen("gRPC", s.opts.GRPCPort)
	if err != nil {
		return errors.Join(err, hl.Close())
	}
	s.opts.Port = hl.Addr().(*net.TCPAddr).Port
	s.opts.GRPCPort = gl.Addr().(*net.TCPAddr).Port
	s.ports = s.serve(hl, gl)
	return nil
}

// maxFrame bounds a gRPC message, as a real server does.
const maxFrame = 10 << 20

func (s *Server) serve(hl, gl net.Listener) *ports {
	held := newSockets(gl)
	p := &ports{
		http: &http.Server{Handler: s.mux(), ReadHeaderTimeout: 5 * time.Second},
		grpc: grpc.NewServer(
			grpc.StatsHandler(connTagger{s, held}),
			grpc.MaxRecvMsgSize(maxFrame),
			grpc.WaitForHandlers(true),
			// SDKs ping after 60 s of silence, streams or not.
			grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
		),
	}
	pb.RegisterRequestServer(p.grpc, unary{s: s})
	pb.RegisterBiRequestStreamServer(p.grpc, stream{s: s})
	// Both Serve calls end with an error by design, when they are stopped; a
	// listener that fails otherwise shows in every client.
	p.done.Go(func() { _ = p.http.Serve(hl) })
	p.done.Go(func() { _ = p.grpc.Serve(held) })
	return p
}

// Down ends all connections, closes the ports and forgets all publications and
// subscriptions: a crash of the registry. Its clients try to come back.
func (s *Server) Down() error {
	s.updown.Lock()
	defer s.updown.Unlock()
	return s.down()
}

func (s *Server) down() error {
	if s.ports == nil {
		return nil
	}
	p := s.ports
	s.ports = nil
	// First, so that the ends of connections find nothing to deregister: a
	// registry that dies tells nobody.
	s.reset()
	err := p.http.Close()
	p.grpc.Stop()
	p.done.Wait()
	if err != nil {
		return fmt.Errorf("closing the registry's HTTP port: %w", err)
	}
	return nil
}

// Restart is Down, a time without registry, and Up.
func (s *Server) Restart(ctx context.Context, down time.Duration) error {
	if err := s.Down(); err != nil {
		return err
	}
	t := time.NewTimer(down)
	defer t.Stop()
	select {
	case <-t.C:
		return s.Up()
	case <-ctx.Done():
		return errors.Join(ctx.Err(), s.Up())
	}
}

// Close stops the server. When it returns, no port is open, no goroutine runs
// and no event comes any more.
func (s *Server) Close() error {
	s.updown.Lock()
	defer s.updown.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	err := s.down()
	close(s.quit)
	s.loop.Wait()
	return err
}

// now is the table's time. Callers hold mu.
func (s *Server) now() time.Duration { return time.Since(s.zero) }

func (s *Server) instant(d time.Duration) record.Micros { return record.At(s.zero.Add(d)) }

// nudge tells the loop to look again.
func (s *Server) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// pushLoop is the table's executor.
func (s *Server) pushLoop() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-s.quit:
			return
		case <-s.wake:
		case <-timer.C:
		}
		if next, ok := s.push(); ok {
			timer.Reset(next)
		} else {
			timer.Stop()
		}
	}
}

// push does what is due and tells in how long there will be more.
func (s *Server) push() (time.Duration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expireBeats()
	s.breakSilence()
	for _, p := range s.table.Due(s.now()) {
		s.deliver(p)
	}
	next, ok := s.table.Next()
	for _, other := range []func() (time.Duration, bool){s.nextBeat, s.quiet.Next} {
		if at, any := other(); any && (!ok || at < next) {
			next, ok = at, true
		}
	}
	return max(next-s.now(), 0), ok
}

func (s *Server) deliver(p registry.Push) {
	if p.Discard {
		return
	}
	k := p.Snapshot.Key
	c := s.conns[p.To]
	if c == nil {
		s.table.Nack(s.now(), p.To, p.ID)
		return
	}
	frame, err := payload("NotifySubscriberRequest", notifyRequest{
		RequestID: strconv.FormatUint(p.ID, 10), Namespace: k.Namespace, Service: k.Service, Group: k.Group,
		Module: "naming", ServiceInfo: s.info(p.Snapshot, c.clusters[k], false),
	})
	if err != nil {
		s.table.Nack(s.now(), p.To, p.ID)
		return
	}
	c.send(frame)
}

// acked is the answer to a push.
func (s *Server) acked(owner registry.ClientID, id uint64, success bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.conns[owner]
	if c == nil {
		return
	}
	if !success {
		s.table.Nack(s.now(), owner, id)
		s.nudge()
		return
	}
	p, ok := s.table.Ack(owner, id)
	if !ok {
		return
	}
	ids := make([]string, len(p.Snapshot.Hosts))
	for i, h := range p.Snapshot.Hosts {
		ids[i] = h.ID()
	}
	data, err := json.Marshal(ids)
	if err != nil { // strings always encode
		data = nil
	}
	s.opts.OnEvent(record.Event{
		At: s.instant(s.now()), Kind: record.KindPush, Service: p.Snapshot.Key.Service, Peer: c.name(),
		Since: s.instant(p.Since), N: int64(len(ids)), Text: p.Reason, Data: data,
	})
}

// tell reports changes of the table. Callers hold mu.
func (s *Server) tell(by string, changes []registry.Change) {
	at := s.instant(s.now())
	for _, c := range changes {
		s.opts.OnEvent(record.Event{
			At: at, Kind: record.KindRegistryChange, Instance: c.Host.Instance(), Service: c.Key.Service, Tag: c.Host.Tag(),
			Addr: c.Host.Addr(), Peer: by, Text: c.How,
		})
	}
	s.nudge()
}
