// Package faultserver is an HTTP server on a loopback port that loses chosen
// requests in a chosen way and remembers them. It is for testing the load
// generator and the ledger: k requests that it loses must appear as k requests
// of the corresponding class in the request log and in the ledger.
//
// The package knows nothing about generators and ledgers; any test may use it.
package faultserver

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
)

// Fault is a way to lose a request.
type Fault string

// The faults. Only [RefusingAddr] can refuse a dial.
const (
	None           Fault = ""                 // answer normally
	FIN            Fault = "fin"              // close after reading the request
	RST            Fault = "rst"              // reset after reading the request
	RSTMidBody     Fault = "rst-mid-body"     // reset in the middle of the answer's body
	Truncated      Fault = "truncated"        // close in the middle of the answer's body
	Status503      Fault = "status-503"       // answer 503
	StallFirstByte Fault = "stall-first-byte" // never answer
	StallBody      Fault = "stall-body"       // stop in the middle of the answer's body
)

// Arrival is a request as it reached the server.
type Arrival struct {
	Method   string
	Path     string
	Seq      uint64      // from the header X-Vegeta-Seq
	Header   http.Header // headers of the request
	Nth      int         // position on its connection, from 1; above 1: the connection is reused
	Delivery int         // deliveries of this path and Seq so far, from 1; above 1: it was sent again
}

// Reused reports whether the connection had served another request. If such a
// connection breaks before the answer, Go's transport sends a GET again.
func (a Arrival) Reused() bool { return a.Nth > 1 }

// Lost is a request that was lost on purpose.
type Lost struct {
	Arrival
	Fault Fault
}

// Answer is the answer to a request that is not lost. The zero Answer is 200
// with the body "ok".
type Answer struct {
	Body   string
	Header http.Header
}

// Server is a fault server. Use [Start] to create one.
type Server struct {
	choose func(Arrival) Fault
	answer func(Arrival) Answer
	ln     net.Listener

	mu         sync.Mutex
	conns      map[net.Conn]bool
	deliveries map[string]int
	lost       []Lost
	err        error
	wg         sync.WaitGroup
}

// Start serves on a free port of 127.0.0.1. It calls choose for each arrival,
// one at a time. answer may be nil.
func Start(choose func(Arrival) Fault, answer func(Arrival) Answer) (*Server, error) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0") //nolint:noctx // a loopback address: there is nothing to wait for
	if err != nil {
		return nil, fmt.Errorf("starting fault server: %w", err)
	}
	s := &Server{choose: choose, answer: answer, ln: ln, conns: map[net.Conn]bool{}, deliveries: map[string]int{}}
	s.wg.Go(s.accept)
	return s, nil
}

// URL returns the server's base URL.
func (s *Server) URL() string { return "http://" + s.ln.Addr().String() }

// Lost lists the requests lost so far, in order.
func (s *Server) Lost() []Lost {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Lost(nil), s.lost...)
}

// Close stops the server and closes all connections. It returns an error if a
// request could not be answered or lost as intended.
func (s *Server) Close() error {
	err := s.ln.Close()
	s.mu.Lock()
	for c := range s.conns {
		_ = c.Close() // fails only if it is closed already
	}
	s.mu.Unlock()
	s.wg.Wait()
	return errors.Join(err, s.err)
}

func (s *Server) accept() {
	for {
		c, err := s.ln.Accept()
		if err != nil {
			return // closed
		}
		s.mu.Lock()
		s.conns[c] = true
		s.mu.Unlock()
		s.wg.Go(func() {
			defer func() {
				_ = c.Close() // fails only if it is closed already
				s.mu.Lock()
				delete(s.conns, c)
				s.mu.Unlock()
			}()
			s.serve(c.(*net.TCPConn))
		})
	}
}

// serve answers the requests of one connection until it ends.
func (s *Server) serve(c *net.TCPConn) {
	in := bufio.NewReader(c)
	for nth := 1; ; nth++ {
		req, err := http.ReadRequest(in)
		if err != nil {
			return // the client has closed the connection
		}
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return
		}
		a, fault, err := s.arrive(req, nth)
		if err != nil {
			s.recordError(err)
			return
		}
		ends, err := s.handle(c, a, fault)
		if err != nil && fault != None {
			s.recordError(fmt.Errorf("losing request %d by %s: %w", a.Seq, fault, err))
		}
		if err != nil || ends || req.Close {
			return
		}
	}
}

func (s *Server) recordError(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = errors.Join(s.err, err)
}

func (s *Server) arrive(req *http.Request, nth int) (Arrival, Fault, error) {
	seq, err := strconv.ParseUint(req.Header.Get("X-Vegeta-Seq"), 10, 64)
	if err != nil {
		return Arrival{}, None, fmt.Errorf("reading the request's number from X-Vegeta-Seq: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := req.URL.Path + " " + strconv.FormatUint(seq, 10)
	s.deliveries[key]++
	a := Arrival{Method: req.Method, Path: req.URL.Path, Seq: seq, Header: req.Header, Nth: nth, Delivery: s.deliveries[key]}
	fault := s.choose(a)
	if fault != None {
		s.lost = append(s.lost, Lost{Arrival: a, Fault: fault})
	}
	return a, fault, nil
}

const (
	partHead = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
	part     = partHead + "ten bytes."
	failing  = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"
)

// handle answers or loses one request. ends reports whether the connection is
// to be closed.
func (s *Server) handle(c *net.TCPConn, a Arrival, f Fault) (ends bool, err error) {
	switch f {
	case None:
		return false, s.reply(c, a)
	case Status503:
		_, err = io.WriteString(c, failing)
		return false, err
	case FIN:
		return true, nil
	case RST:
		return true, reset(c)
	case Truncated:
		_, err = io.WriteString(c, part)
		return true, err
	case RSTMidBody:
		if _, err = io.WriteString(c, part); err == nil {
			err = reset(c)
		}
		return true, err
	case StallFirstByte:
		stall(c)
		return true, nil
	case StallBody:
		if _, err = io.WriteString(c, part); err == nil {
			stall(c)
		}
		return true, err
	}
	return true, fmt.Errorf("unknown fault %q", f)
}

func (s *Server) reply(c net.Conn, a Arrival) error {
	ans := Answer{}
	if s.answer != nil {
		ans = s.answer(a)
	}
	if ans.Body == "" {
		ans.Body = "ok"
	}
	out := bufio.NewWriter(c)
	fmt.Fprintf(out, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n", len(ans.Body))
	if err := ans.Header.Write(out); err != nil {
		return err
	}
	fmt.Fprintf(out, "\r\n%s", ans.Body)
	return out.Flush() // returns the first error of all writes
}

// reset makes the connection end with a RST.
func reset(c *net.TCPConn) error {
	if err := c.SetLinger(0); err != nil {
		return err
	}
	return c.Close()
}

// stall waits until the client gives up or the server is closed.
func stall(c *net.TCPConn) {
	// The read may end for any reason: the request has stalled long enough.
	_, _ = io.Copy(io.Discard, c)
}
