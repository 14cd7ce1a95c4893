package embedded

import (
	"net"
	"sync"
)

// connTracker is a listener that remembers the connections that it accepted, so
// that a single one can be closed: gRPC offers no way to do that.
type connTracker struct {
	net.Listener
	mu    sync.Mutex
	conns map[string]net.Conn // by the client's address
}

func newConnTracker(l net.Listener) *connTracker {
	return &connTracker{Listener: l, conns: map[string]net.Conn{}}
}

// Accept waits for a connection.
func (t *connTracker) Accept() (net.Conn, error) {
	c, err := t.Listener.Accept()
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.conns[c.RemoteAddr().String()] = c
	return trackedConn{c, t}, nil
}

// closeConn closes the connection from remote if it is open.
func (t *connTracker) closeConn(remote string) {
	t.mu.Lock()
	c := t.conns[remote]
	t.mu.Unlock()
	if c != nil {
		_ = c.Close() // fails only if it is closed already
	}
}

// trackedConn is a connection that is forgotten when it is closed.
type trackedConn struct {
	net.Conn
	tracker *connTracker
}

// Close closes the connection.
func (c trackedConn) Close() error {
	c.tracker.mu.Lock()
	delete(c.tracker.conns, c.RemoteAddr().String())
	c.tracker.mu.Unlock()
	return c.Conn.Close()
}
