package registrytest

import (
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// Proxy is a TCP proxy between a client and a server that can break the network
// between them.
type Proxy struct {
	listener net.Listener
	dropping atomic.Bool
	running  sync.WaitGroup

	mu      sync.Mutex
	crashed bool
	conns   []*net.TCPConn
}

// NewProxy returns a Proxy that forwards to host:port until the test ends or
// Crash.
func NewProxy(t testing.TB, host string, port int) *Proxy {
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", net.JoinHostPort(host, "0"))
	require.NoError(t, err)
	p := &Proxy{listener: l}
	p.running.Go(func() { p.accept(net.JoinHostPort(host, strconv.Itoa(port))) })
	t.Cleanup(func() { p.Crash(); p.running.Wait() })
	return p
}

// Port returns the port that it listens on.
func (p *Proxy) Port() int { return p.listener.Addr().(*net.TCPAddr).Port }

// Crash resets all connections and refuses new ones, as if the other side had
// died.
func (p *Proxy) Crash() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.crashed {
		return
	}
	p.crashed = true
	_ = p.listener.Close() // ends accept
	p.resetConnections()
}

// ResetConnections resets all connections. New ones are accepted.
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

// DropAll discards all bytes in both directions from here on, and keeps the
// connections open, like a network that has died.
func (p *Proxy) DropAll() { p.dropping.Store(true) }

func reset(c *net.TCPConn) {
	_ = c.SetLinger(0) // RST instead of FIN; fails only if it is closed already
	_ = c.Close()
}

func (p *Proxy) accept(target string) {
	for {
		in, err := p.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", target) //nolint:noctx // a server of the test: it answers at once or refuses
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
			_ = to.CloseWrite() // the other side may be closed already
			return
		}
	}
}
