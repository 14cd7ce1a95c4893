package record

import (
	"net"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"
)

// Deliveries watches one request inside Go's transport, which sends it again
// unseen when a reused connection dies before the answer's first byte. Each
// time the request asks for a connection is one delivery; one that got its
// connection and is followed by another has failed and was masked (also if
// the other ends in a refused dial).
//
// Make one for each request with [NewDeliveries], put [Deliveries.Trace] into
// its context, and call [Deliveries.Seal] once the answer is there or has
// failed. The transport's dialler should wrap its connections in [WatchConn]:
// without that a masked delivery's class can only be [Other].
//
// Safe for the transport's goroutines; what they report after Seal is
// dropped.
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

// NewDeliveries watches a request to addr (host:port).
func NewDeliveries(addr string) *Deliveries {
	d := &Deliveries{addr: addr, at: At(time.Now())}
	d.trace.GetConn = d.getConn
	d.trace.GotConn = d.gotConn
	d.trace.GotFirstResponseByte = d.firstByte
	return d
}

// Trace is for httptrace.WithClientTrace.
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
	Count     int       // deliveries, the last included; a dial that failed counts as one
	Masked    []Attempt // all but the last, each of which failed
	At        Micros    // when the last one was addressed
	FirstByte Micros    // of the last one's answer; 0 if none came
	Progress  Progress  // of the last one
	// ConnError is what the last one's connection died of, if it did: the
	// cause where net/http's own error hides it.
	ConnError error
}

// Seal ends the watch.
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

// WatchConn wraps c so that [ConnError] can tell what it died of.
func WatchConn(c net.Conn) net.Conn { return &watchedConn{Conn: c} }

// ConnError is the first error that reading from or writing to a connection
// of [WatchConn] gave; nil if there was none, or c is another connection.
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
