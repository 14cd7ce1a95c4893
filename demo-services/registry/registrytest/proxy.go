package registrytest

import (
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// Proxy stands between a client and a server's port, to break what is between
// them.
type Proxy struct {
	listener net.Listener
	dropping atomic.Bool
	running  sync.WaitGroup

	mu      sync.Mutex
	crashed bool
	conns   []*net.TCPConn
}

// NewProxy forwards to host:port until the test ends or it crashes.
func NewProxy(t testing.TB, host string, port int) *Proxy {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	require.NoError(t, err)
	p := &Proxy{listener: l}
	p.running.Go(func() { p.accept(net.JoinHostPort(host, strconv.Itoa(port))) })
	t.Cleanup(func() { p.Crash(); p.running.Wait() })
	return p
}

// Port is where it listens.
func (p *Proxy) Port() int { return p.listener.Addr().(*net.TCPAddr).Port }

// Crash resets all connections and refuses new ones: to the server, the client
// is dead, and to the client the server.
func (p *Proxy) Crash() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.crashed {
		return
	}
	p.crashed = true
	_ = p.listener.Close() // ends accept; there is nothing to lose
	p.resetConnections()
}

// ResetConnections resets all connections; new ones are welcome.
func (p *Proxy) ResetConnections() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resetConnections()
}

func (p *Proxy) resetConnections() {
	for _, c := range p.conns {
		reset(c)
	}
	p.conns = nil
}

// DropAll swallows all bytes from here on, in both directions, and keeps the
// connections open: a network that has gone without a word.
func (p *Proxy) DropAll() { p.dropping.Store(true) }

func reset(c *net.TCPConn) {
	_ = c.SetLinger(0) // RST in place of FIN; fails only on what is closed
	_ = c.Close()
}

func (p *Proxy) accept(target string) {
	for {
		in, err := p.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", target)
		if err != nil {
			reset(in.(*net.TCPConn))
			continue
		}
		p.join(in.(*net.TCPConn), out.(*net.TCPConn))
	}
}

func (p *Proxy) join(in, out *net.TCPConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, in, out)
	if p.crashed {
		reset(in)
		reset(out)
		return
	}
	p.running.Go(func() { p.copy(in, out) })
	p.running.Go(func() { p.copy(out, in) })
}

func (p *Proxy) copy(from, to *net.TCPConn) {
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && !p.dropping.Load() {
			if _, werr := to.Write(buf[:n]); werr != nil {
				err = werr
			}
		}
		if err != nil {
			_ = to.CloseWrite() // hand the end on; the other side may be closed by now
			return
		}
	}
}
