package embedded

import (
	"net"
	"sync"
)

// sockets is a listener that keeps hold of what it accepted: gRPC has no way to
// end one connection.
type sockets struct {
	net.Listener
	mu  sync.Mutex
	all map[string]net.Conn // by the client's address
}

func newSockets(l net.Listener) *sockets { return &sockets{Listener: l, all: map[string]net.Conn{}} }

// Accept waits for a connection.
func (l *sockets) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all[c.RemoteAddr().String()] = c
	return socket{c, l}, nil
}

// end closes the connection from remote, if it is open.
func (l *sockets) end(remote string) {
	l.mu.Lock()
	c := l.all[remote]
	l.mu.Unlock()
	if c != nil {
		_ = c.Close() // it fails only on what is closed
	}
}

// socket is a connection that is forgotten when it is closed.
type socket struct {
	net.Conn
	from *sockets
}

// Close closes the connection.
func (c socket) Close() error {
	c.from.mu.Lock()
	delete(c.from.all, c.RemoteAddr().String())
	c.from.mu.Unlock()
	return c.Conn.Close()
}
