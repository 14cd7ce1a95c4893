package embedded

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	pb "github.com/nacos-group/nacos-sdk-go/v2/api/grpc"
	"google.golang.org/grpc/stats"

	"zeroloss/demo-services/registry"
)

// conn is one client's TCP connection: its unary calls and its stream. It owns
// publications and subscriptions, and they end with it.
type conn struct {
	id     registry.ClientID
	remote string // host:port
	end    func() // closes it, from this side

	identity string                  // what the client calls itself; guarded by the server's mu
	setup    bool                    // ConnectionSetupRequest has come; guarded by the server's mu
	clusters map[registry.Key]string // to which its subscriptions are cut; guarded by the server's mu

	mu    sync.Mutex
	queue []*pb.Payload // to be sent on the stream, in order
	wake  chan struct{}
	gone  chan struct{} // closed with the connection
}

// name is how events call the client.
func (c *conn) name() string {
	if c.identity != "" {
		return c.identity
	}
	return c.remote
}

// send queues a frame. One goroutine sends: streams of gRPC allow no more.
func (c *conn) send(p *pb.Payload) {
	c.mu.Lock()
	c.queue = append(c.queue, p)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *conn) take() []*pb.Payload {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.queue
	c.queue = nil
	return q
}

// drain sends what is queued until the connection or the stream ends.
func (c *conn) drain(ctx context.Context, send func(*pb.Payload) error) {
	for {
		select {
		case <-c.wake:
		case <-c.gone:
			return
		case <-ctx.Done():
			return
		}
		for _, p := range c.take() {
			if send(p) != nil {
				return // the stream is broken: its reader ends it
			}
		}
	}
}

type connKey struct{}

func connOf(ctx context.Context) *conn {
	c, _ := ctx.Value(connKey{}).(*conn)
	return c
}

// connTagger ties calls and streams to their TCP connection, and tells when it
// ends. (Correlating by the client's address would mix up the clients of one
// machine.)
type connTagger struct {
	s       *Server
	sockets *sockets
}

func (t connTagger) TagConn(ctx context.Context, info *stats.ConnTagInfo) context.Context {
	remote := info.RemoteAddr.String()
	return context.WithValue(ctx, connKey{}, t.s.connected(remote, func() { t.sockets.end(remote) }))
}

func (t connTagger) HandleConn(ctx context.Context, cs stats.ConnStats) {
	if _, end := cs.(*stats.ConnEnd); end {
		t.s.disconnected(connOf(ctx))
	}
}

func (connTagger) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }
func (connTagger) HandleRPC(context.Context, stats.RPCStats)                       {}

func (s *Server) connected(remote string, end func()) *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastC++
	c := &conn{
		id:     registry.ClientID(fmt.Sprintf("%d_%s", s.lastC, remote)),
		remote: remote, end: end, clusters: map[registry.Key]string{},
		wake: make(chan struct{}, 1), gone: make(chan struct{}),
	}
	s.conns[c.id] = c
	return c
}

func (s *Server) disconnected(c *conn) {
	close(c.gone)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns[c.id] != c {
		return // forgotten by a restart
	}
	delete(s.conns, c.id)
	s.quiet.Closed(s.now(), c.id)
	s.tell(c.name(), s.table.RemoveClient(s.now(), c.id))
}

type unary struct {
	pb.UnimplementedRequestServer
	s *Server
}

// Request is a client's call.
func (u unary) Request(ctx context.Context, p *pb.Payload) (*pb.Payload, error) {
	a := u.s.answer(connOf(ctx), p.GetMetadata().GetType(), p.GetBody().GetValue())
	return payload(a.kind, a.body)
}

type stream struct {
	pb.UnimplementedBiRequestStreamServer
	s *Server
}

// RequestBiStream carries the client's setup and its acknowledgements in, and
// pushes out.
func (b stream) RequestBiStream(st pb.BiRequestStream_RequestBiStreamServer) error {
	c := connOf(st.Context())
	var sender sync.WaitGroup
	ctx, cancel := context.WithCancel(st.Context())
	defer sender.Wait()
	defer cancel()
	sender.Go(func() { c.drain(ctx, st.Send) })
	for {
		p, err := st.Recv()
		if err != nil {
			return nil // the client has gone: nobody to tell it to
		}
		b.s.received(c, p.GetMetadata().GetType(), p.GetBody().GetValue())
	}
}

// received handles a frame of the stream. What cannot be read is passed over,
// as a real server does: an acknowledgement that was lost is awaited in vain.
func (s *Server) received(c *conn, kind string, body []byte) {
	s.heard(c)
	switch kind {
	case "ConnectionSetupRequest":
		if r, err := decode[setupRequest](body); err == nil {
			s.setUp(c, r)
		}
	case "NotifySubscriberResponse":
		r, err := decode[base](body)
		if err != nil {
			return
		}
		if id, err := strconv.ParseUint(r.RequestID, 10, 64); err == nil {
			s.acked(c.id, id, r.ResultCode == codeOK)
		}
	}
}

// heard notes that a connection that is set up lives.
func (s *Server) heard(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns[c.id] == c && c.setup {
		s.quiet.Active(s.now(), c.id)
	}
}

// breakSilence asks connections that are silent whether they live, and ends
// those that did not answer. Callers hold mu.
func (s *Server) breakSilence() {
	ask, end := s.quiet.Due(s.now())
	for _, id := range ask {
		s.lastC++
		// The one that must be reached is the client: what cannot be encoded is
		// as good as not answered.
		if frame, err := payload("ClientDetectionRequest", naming{RequestID: "detect-" + strconv.FormatUint(s.lastC, 10)}); err == nil {
			s.conns[id].send(frame)
		}
	}
	for _, id := range end {
		c := s.conns[id]
		delete(s.conns, id) // from here on its calls are those of a stranger
		s.tell(c.name(), s.table.RemoveClient(s.now(), id))
		c.end()
	}
}

func (s *Server) setUp(c *conn, r setupRequest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns[c.id] != c {
		return // forgotten by a restart
	}
	c.setup = true
	s.quiet.Active(s.now(), c.id)
	s.nudge()
	c.identity = r.Labels["app_"+registry.IdentityLabel]
}
