// Package embedded is a Nacos 2.x naming server within this process: gRPC for
// SDKs, HTTP for the open API, pushes with the timing of a real server (500 ms
// after the first change, on a tick of 100 ms), and faults on demand. Any
// Nacos 2.x client works with it.
//
// [Start] starts a [Server]; the zero [Options] are a server on free ports of
// 127.0.0.1. Tests connect their client to [Server.Port] and [Server.GRPCPort],
// and cause trouble with [Server.Down], [Server.Up], [Server.Restart],
// [Server.SetPushDelay], [Server.SetPushEnabled] and [Server.SetFault].
//
// The decisions are those of the pure registry.Table and registry.ConnHealth.
// This package executes them; its parts share the lock of the catalog:
//
//	catalog.go      the table, its clock and its events
//	grpcapi.go      what an SDK calls (register, subscribe, query)
//	grpcconn.go     the connections of SDKs and what ends with them
//	connhealth.go   what happens to a connection that falls silent
//	push.go         when lists are pushed, and what their acknowledgements do
//	httpapi.go      the routes of the open API; its handlers are http*.go
//	heartbeat.go    instances registered over HTTP, which live by heartbeats
//	configs.go      configuration, in memory
//	faults.go       push delay, disabled pushes, dropped pushes
//	wire.go         the JSON messages
//
// It may not know its clients beyond what they say of themselves.
package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc"

	"zeroloss/demo-services/registry"
	"zeroloss/internal/ctxtime"
	"zeroloss/loadgen/record"
)

// Options configures a Server. The zero value is a server with Nacos' timing on
// free ports of 127.0.0.1.
type Options struct {
	Bind     string // address to listen on; "" is 127.0.0.1
	Port     int    // HTTP port; 0 is any free port
	GRPCPort int    // 0 is Port + 1000, or any free port if Port is 0

	Timing registry.Timing // of pushes
	// ConnIdleLimit is how long a connection may be silent before it is probed
	// in the next check; 0 is 20 s. Checks are 3 s apart and a probe must be
	// answered within 5 s, but both are no longer than ConnIdleLimit.
	ConnIdleLimit time.Duration

	// OnEvent gets an event for each change of the table, before the publisher
	// gets its answer, and for each acknowledged push. Calls do not overlap. It
	// must neither block nor call the server.
	OnEvent func(record.Event)
}

// Server is a running registry.
type Server struct {
	catalog    *catalog
	conns      *connections
	heartbeats *heartbeats
	faults     *faults
	configs    *configs
	pusher     *pusher
	addr       listenAddr

	lifecycle sync.Mutex // serializes Up, Down and Close
	listeners *listeners // nil while down
	closed    bool
}

// listenAddr is where the server listens; ports that are 0 are filled in by the
// first Up.
type listenAddr struct {
	host       string
	http, grpc int
}

// Start listens and serves until Close.
func Start(o Options) (*Server, error) {
	s := newServer(o)
	if err := s.Up(); err != nil {
		return nil, err
	}
	s.pusher.start()
	return s, nil
}

// newServer returns a server that does not listen and does not push.
func newServer(o Options) *Server {
	s := &Server{addr: listenAddr{host: cmp.Or(o.Bind, "127.0.0.1"), http: o.Port, grpc: o.GRPCPort}}
	if o.Port != 0 && o.GRPCPort == 0 {
		s.addr.grpc = o.Port + 1000
	}
	s.catalog = newCatalog(o.Timing, o.OnEvent)
	s.faults = newFaults(s.catalog)
	s.conns = newConnections(s.catalog, cmp.Or(o.ConnIdleLimit, 20*time.Second))
	s.configs = newConfigs(s.conns)
	s.heartbeats = newHeartbeats(s.catalog)
	s.pusher = newPusher(s.catalog, s.conns, s.heartbeats)
	return s
}

// Host returns the address that the server listens on.
func (s *Server) Host() string { return s.addr.host }

// Port returns the HTTP port.
func (s *Server) Port() int { return s.addr.http }

// GRPCPort returns the port for SDKs.
func (s *Server) GRPCPort() int { return s.addr.grpc }

// SetPushDelay sets the push delay of changes to come; 0 is none.
func (s *Server) SetPushDelay(d time.Duration) {
	s.catalog.mu.Lock()
	defer s.catalog.mu.Unlock()
	s.faults.setPushDelay(d)
}

// SetPushEnabled enables pushes, or stops them all, and with them the updates of
// the lists that reads return, until pushes are enabled again.
func (s *Server) SetPushEnabled(on bool) {
	s.catalog.mu.Lock()
	defer s.catalog.mu.Unlock()
	s.faults.setPushEnabled(on)
}

// SetFault sets the fault of a service's pushes; the service "" stands for all
// that have no fault of their own. The zero Fault ends it.
func (s *Server) SetFault(service string, f registry.Fault) {
	s.catalog.mu.Lock()
	defer s.catalog.mu.Unlock()
	s.faults.setService(service, f)
}

// httpHandler returns the open API.
func (s *Server) httpHandler() http.Handler {
	api := &httpAPI{catalog: s.catalog, conns: s.conns, heartbeats: s.heartbeats, faults: s.faults, configs: s.configs}
	return api.routes()
}

// grpcAPI returns the API of SDKs.
func (s *Server) grpcAPI() *grpcAPI { return &grpcAPI{s.catalog, s.conns, s.pusher, s.configs} }

// errClosed is returned by Up after Close.
var errClosed = errors.New("the registry is closed")

// Up makes a server that is down listen again, on the same ports. It does
// nothing if the server is up.
func (s *Server) Up() error {
	s.lifecycle.Lock()
	defer s.lifecycle.Unlock()
	if s.closed {
		return errClosed
	}
	if s.listeners != nil {
		return nil
	}
	hl, err := listen("HTTP", s.addr.host, s.addr.http)
	if err != nil {
		return err
	}
	gl, err := listen("gRPC", s.addr.host, s.addr.grpc)
	if err != nil {
		return errors.Join(err, hl.Close())
	}
	s.addr.http = hl.Addr().(*net.TCPAddr).Port
	s.addr.grpc = gl.Addr().(*net.TCPAddr).Port
	tracked := newConnTracker(gl)
	s.listeners = serve(hl, s.httpHandler(), tracked, newGRPCServer(s.grpcAPI(), tracked))
	return nil
}

// Down ends all connections, closes the ports and forgets all publications and
// subscriptions, like a crash of the registry. Its clients try to reconnect.
func (s *Server) Down() error {
	s.lifecycle.Lock()
	defer s.lifecycle.Unlock()
	return s.down()
}

func (s *Server) down() error {
	if s.listeners == nil {
		return nil
	}
	l := s.listeners
	s.listeners = nil
	// Forget first, so that connections that end now find nothing to deregister:
	// a registry that crashes tells nobody.
	s.forget()
	return l.close()
}

// forget resets everything except the faults.
func (s *Server) forget() {
	s.catalog.mu.Lock()
	defer s.catalog.mu.Unlock()
	s.catalog.reset()
	s.conns.reset()
	s.heartbeats.reset()
	s.faults.apply()
}

// Restart is Down, a pause, and Up.
func (s *Server) Restart(ctx context.Context, pause time.Duration) error {
	if err := s.Down(); err != nil {
		return err
	}
	err := ctxtime.Sleep(ctx, pause)
	return errors.Join(err, s.Up())
}

// Close stops the server. When it returns, no port is open, no goroutine runs,
// and no further event comes.
func (s *Server) Close() error {
	s.lifecycle.Lock()
	defer s.lifecycle.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	err := s.down()
	s.pusher.stop()
	return err
}

// listeners is what serves while the server is up.
type listeners struct {
	http *http.Server
	grpc *grpc.Server
	done sync.WaitGroup
}

func listen(protocol, host string, port int) (net.Listener, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port))) //nolint:noctx // an address of this host: there is nothing to wait for
	if err != nil {
		return nil, fmt.Errorf("opening the registry's %s port: %w", protocol, err)
	}
	return l, nil
}

func serve(hl net.Listener, handler http.Handler, gl net.Listener, g *grpc.Server) *listeners {
	l := &listeners{http: &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}, grpc: g}
	// Both Serve calls return an error when they are stopped. A listener that
	// fails otherwise shows in every client.
	l.done.Go(func() { _ = l.http.Serve(hl) })
	l.done.Go(func() { _ = l.grpc.Serve(gl) })
	return l
}

func (l *listeners) close() error {
	err := l.http.Close()
	l.grpc.Stop()
	l.done.Wait()
	if err != nil {
		return fmt.Errorf("closing the registry's HTTP port: %w", err)
	}
	return nil
}
