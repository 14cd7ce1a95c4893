package embedded

import (
	"context"
	"fmt"
	"sync"
	"time"

	pb "github.com/nacos-group/nacos-sdk-go/v2/api/grpc"
	"google.golang.org/grpc/stats"

	"zeroloss/demo-services/registry"
)

// connections are the gRPC connections of clients. The catalog's lock guards
// them.
type connections struct {
	catalog   *catalog
	idleLimit time.Duration
	byID      map[registry.ClientID]*conn
	health    registry.ConnHealth
	lastID    uint64
	lastProbe uint64
}

func newConnections(c *catalog, idleLimit time.Duration) *connections {
	cs := &connections{catalog: c, idleLimit: idleLimit}
	cs.reset()
	return cs
}

// reset forgets all connections. Those that are still open are refused as
// unregistered.
func (c *connections) reset() {
	c.byID, c.health = map[registry.ClientID]*conn{}, newConnHealth(c.idleLimit)
}

// has reports whether a connection is known: a restart or an ejection forgets
// it before it ends.
func (c *connections) has(conn *conn) bool { return c.byID[conn.id] == conn }

// opened adds a connection. closeConn closes it from this side.
func (c *connections) opened(remote string, closeConn func()) *conn {
	c.catalog.mu.Lock()
	defer c.catalog.mu.Unlock()
	c.lastID++
	conn := &conn{
		id:     registry.ClientID(fmt.Sprintf("%d_%s", c.lastID, remote)),
		remote: remote, close: closeConn, clusters: map[registry.Key]string{}, configs: map[configKey]bool{},
		wake: make(chan struct{}, 1), closed: make(chan struct{}),
	}
	c.byID[conn.id] = conn
	return conn
}

// setUp takes the client's ConnectionSetupRequest: from here on its calls are
// served and its health is checked.
func (c *connections) setUp(conn *conn, r setupRequest) {
	c.catalog.mu.Lock()
	defer c.catalog.mu.Unlock()
	if !c.has(conn) {
		return
	}
	conn.setUp = true
	conn.version = r.ClientVersion
	conn.identity = r.Labels["app_"+registry.IdentityLabel]
	c.active(conn)
	c.catalog.reschedule()
}

// ended removes a connection that has ended, with everything that it published.
func (c *connections) ended(conn *conn) {
	close(conn.closed)
	c.catalog.mu.Lock()
	defer c.catalog.mu.Unlock()
	if !c.has(conn) {
		return
	}
	delete(c.byID, conn.id)
	c.health.Closed(c.catalog.now(), conn.id)
	c.catalog.removeClient(conn.name(), conn.id)
}

// conn is a client's TCP connection with its unary calls and its stream. It owns
// publications and subscriptions, which end with it.
type conn struct {
	id     registry.ClientID
	remote string // host:port
	close  func()

	// Guarded by the catalog's lock:
	identity string                  // what the client calls itself
	version  string                  // of the client's SDK
	setUp    bool                    // ConnectionSetupRequest has come
	clusters map[registry.Key]string // to which its subscriptions are limited
	configs  map[configKey]bool      // to which it listens

	mu     sync.Mutex
	queue  []*pb.Payload // to be sent on the stream, in order
	queued int           // bytes that wait, those that are being sent included
	wake   chan struct{}
	closed chan struct{} // closed when the connection has ended
}

// name returns what events call the client.
func (c *conn) name() string {
	if c.identity != "" {
		return c.identity
	}
	return c.remote
}

// maxQueued is how many bytes of bodies may wait in a connection's queue before further
// frames are refused; that of a real server. A single frame may be longer.
const maxQueued = 32 << 10

// send queues a frame. A single goroutine sends, as gRPC streams require. It
// returns false if the client does not read what waits already. Such a client
// costs no more than the queue and the buffers of its connection: its pushes fail
// and are tried again every RetryDelay, each time with the current list, until it
// reads or is ejected because it leaves a probe unanswered.
func (c *conn) send(p *pb.Payload) bool {
	c.mu.Lock()
	busy := c.queued >= maxQueued
	if !busy {
		c.queue = append(c.queue, p)
		c.queued += frameSize(p)
	}
	c.mu.Unlock()
	if busy {
		return false
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return true
}

// frameSize is the size of a frame's body in bytes, which is nearly all of it.
// (The messages of old SDKs do not have the methods that proto.Size needs.)
func frameSize(p *pb.Payload) int { return len(p.GetBody().GetValue()) }

func (c *conn) takeQueue() []*pb.Payload {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.queue
	c.queue = nil
	return q
}

// sent takes a frame that was sent off the account of the queue.
func (c *conn) sent(p *pb.Payload) {
	c.mu.Lock()
	c.queued -= frameSize(p)
	c.mu.Unlock()
}

// sendQueued sends what is queued until the connection or the stream ends.
func (c *conn) sendQueued(ctx context.Context, send func(*pb.Payload) error) {
	for {
		select {
		case <-c.wake:
		case <-c.closed:
			return
		case <-ctx.Done():
			return
		}
		for _, p := range c.takeQueue() {
			if send(p) != nil {
				return // the stream is broken: its reader ends it
			}
			c.sent(p)
		}
	}
}

type connKey struct{}

// connOf returns the connection of a call or stream.
func connOf(ctx context.Context) *conn {
	c, _ := ctx.Value(connKey{}).(*conn)
	return c
}

// connTagger is the gRPC stats handler that ties calls and streams to their TCP
// connection and reports its end. (Matching them by the client's address would
// mix up the clients of one machine.)
type connTagger struct {
	conns   *connections
	tracker *connTracker
}

func (t connTagger) TagConn(ctx context.Context, info *stats.ConnTagInfo) context.Context {
	remote := info.RemoteAddr.String()
	return context.WithValue(ctx, connKey{}, t.conns.opened(remote, func() { t.tracker.closeConn(remote) }))
}

func (t connTagger) HandleConn(ctx context.Context, s stats.ConnStats) {
	if _, end := s.(*stats.ConnEnd); end {
		t.conns.ended(connOf(ctx))
	}
}

func (connTagger) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }
func (connTagger) HandleRPC(context.Context, stats.RPCStats)                       {}
