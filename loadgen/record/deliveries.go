package record

import (
	"net"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"
)

// Deliveries counts how often Go's transport sends one request. The transport
// silently resends a request if a reused connection breaks before the answer's
// first byte. Each time the transport asks for a connection is one delivery. A
// delivery that got a connection and is followed by another one has failed and
// was masked, even if the next one ends in a refused dial.
//
// Create one for each request with [NewDeliveries], put [Deliveries.Trace] into
// the request's context, and call [Deliveries.Seal] once the round trip has
// ended. The transport's dialler should wrap its connections in [WatchConn];
// otherwise the class of a masked delivery is always [Other].
//
// Deliveries is safe for use by the transport's goroutines. Trace calls after
// Seal are ignored.
type Deliveries struct {
	mu     sync.Mutex
	sealed bool
	addr   string
	at     Micros // when the latest delivery was addressed
	conn   net.Conn
	n      int
	first  Micros
	masked []Attempt
	trace  httptrace.ClientTrace
}

// NewDeliveries returns the Deliveries of a request to addr (host:port).
func NewDeliveries(addr string) *Deliveries {
	d := &Deliveries{addr: addr, at: At(time.Now())}
	d.trace.GetConn = d.getConn
	d.trace.GotConn = d.gotConn
	d.trace.GotFirstResponseByte = d.firstByte
	return d
}

// Trace returns the trace for httptrace.WithClientTrace.
func (d *Deliveries) Trace() *httptrace.ClientTrace { return &d.trace }

func (d *Deliveries) getConn(string) {
	now := At(time.Now())
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sealed {
		return
	}
	if d.conn != nil {
		class := Classify(ConnError(d.conn), Connected)
		if class == "" {
			class = Other
		}
		d.masked = append(d.masked, Attempt{At: d.at, Addr: d.addr, Class: class})
	}
	d.conn, d.at, d.first = nil, now, 0
	d.n++
}

func (d *Deliveries) gotConn(info httptrace.GotConnInfo) {
	now := At(time.Now())
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.sealed {
		d.conn, d.at = info.Conn, now
	}
}

func (d *Deliveries) firstByte() {
	now := At(time.Now())
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.sealed && d.first == 0 {
		d.first = now
	}
}

// DeliveryResult is what [Deliveries.Seal] returns.
type DeliveryResult struct {
	Count     int       // deliveries including the last; a failed dial counts as one
	Masked    []Attempt // all but the last, each of which failed
	At        Micros    // when the last one was addressed
	FirstByte Micros    // first byte of the answer to the last one; 0 if there was none
	Progress  Progress  // progress of the last one
	// ConnError is the error that broke the connection of the last delivery,
	// or nil. It is the cause if the error of net/http hides it.
	ConnError error
}

// Seal stops counting and returns the result.
func (d *Deliveries) Seal() DeliveryResult {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sealed = true
	s := DeliveryResult{Count: max(d.n, 1), Masked: d.masked, At: d.at, FirstByte: d.first}
	switch {
	case d.first != 0:
		s.Progress = FirstByteIn
	case d.conn != nil:
		s.Progress = Connected
	}
	if d.conn != nil {
		s.ConnError = ConnError(d.conn)
	}
	d.conn = nil
	return s
}

// WatchConn wraps c so that [ConnError] can return its first error.
func WatchConn(c net.Conn) net.Conn { return &watchedConn{Conn: c} }

// ConnError returns the first read or write error of a connection that
// [WatchConn] wrapped. It returns nil if there was none, or if c is any other
// connection.
func ConnError(c net.Conn) error {
	w, ok := c.(*watchedConn)
	if !ok {
		return nil
	}
	if err := w.err.Load(); err != nil {
		return *err
	}
	return nil
}

type watchedConn struct {
	net.Conn
	err atomic.Pointer[error]
}

func (w *watchedConn) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	w.note(err)
	return n, err
}

func (w *watchedConn) Write(b []byte) (int, error) {
	n, err := w.Conn.Write(b)
	w.note(err)
	return n, err
}

func (w *watchedConn) note(err error) {
	if err != nil {
		first := err // a copy, so that the parameter stays off the heap where there is none
		w.err.CompareAndSwap(nil, &first)
	}
}
