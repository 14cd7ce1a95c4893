package service

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"zeroloss/demo-services/lossless"
	"zeroloss/loadgen/record"
)

// Handler is what a service does with a request that was let in. It answers
// by calling one of the Exchange's methods Reply, Pass and Refuse exactly
// once, or not at all after Next told false. It must not keep the Exchange.
type Handler func(x *Request)

// Request is one request on its way through a service.
type Request struct {
	s       *Service
	w       http.ResponseWriter
	r       *http.Request
	arrived time.Time
	hop     record.Hop
	rest    string // trail of the hops behind this one
	body    []byte
}

// Path of the request.
func (x *Request) Path() string { return x.r.URL.Path }

// Query of the request, undecoded.
func (x *Request) Query() string { return x.r.URL.RawQuery }

// Tag is the version of the service that answers; "" is base.
func (x *Request) Tag() string { return x.s.doc.Tag }

// IP is the address of the service that answers.
func (x *Request) IP() string { return x.s.doc.IP }

// IsLast tells whether the chain ends here.
func (x *Request) IsLast() bool { return x.s.next == nil }

// maxBody bounds what a request may bring.
const maxBody = 1 << 20

// serve lets a request of the business port in: counted, bounded, worked on.
func (s *Service) serve(w http.ResponseWriter, r *http.Request) {
	x := &Request{s: s, w: w, r: r, arrived: time.Now(), hop: s.hop}
	if p := s.doc.Online.HealthPath; p != "" && r.URL.Path == p {
		// Not counted: a probe must not keep the drain from coming to an end.
		x.Reply("UP")
		return
	}
	s.load.begin(s.since(x.arrived))
	defer s.load.end()
	if from := r.Header[lossless.ConsumerHeader]; len(from) > 0 {
		s.callers.seen(s.since(x.arrived), from[0])
	}
	if s.rejecting.Load() {
		x.fail(http.StatusServiceUnavailable, record.Rejected)
		return
	}
	ctx := r.Context()
	if !s.pool.acquire(ctx) {
		x.fail(http.StatusServiceUnavailable, record.Overload)
		return
	}
	defer s.pool.release()
	if err := x.readBody(); err != nil {
		x.Refuse(http.StatusBadRequest, err.Error())
		return
	}
	s.pool.simulateWork(s.gone)
	s.handler(x)
}

var errBody = errors.New("the body is larger than 1 MiB")

func (x *Request) readBody() error {
	if x.r.ContentLength == 0 {
		return nil
	}
	b, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, maxBody))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return errBody
	}
	x.body = b
	return err
}

// Reply answers 200 with body.
func (x *Request) Reply(body string) { x.write(http.StatusOK, body) }

// Refuse answers with a status of the service's own that is no failure of the
// chain, such as 404.
func (x *Request) Refuse(status int, text string) { x.write(status, text) }

// fail answers with a failure of this hop's own.
func (x *Request) fail(status int, class record.Class) {
	x.hop.Class = class
	x.write(status, string(class))
}

// CallNext calls the next service of the chain with the request's method, tag and
// body, and returns the answer's body. If the call failed, ok is false and the
// request has been answered, 502 or 504.
func (x *Request) CallNext(path, query string) (body string, ok bool) {
	a := x.s.next.call(x, path, query)
	x.hop.Call, x.rest = &a.call, a.trail
	switch a.call.Class {
	case "":
		return a.body, true
	case record.TimeoutConnect, record.TimeoutFirstByte, record.TimeoutBody:
		x.write(http.StatusGatewayTimeout, string(a.call.Class))
	default:
		x.write(http.StatusBadGateway, string(a.call.Class))
	}
	return "", false
}

// write is the only way out, so that trail and marker are on every answer. The
// marker is decided on here, not on arrival: the answer to a request that was
// in flight when the instance began to close carries it too.
func (x *Request) write(status int, body string) {
	x.hop.Took = time.Since(x.arrived)
	h := x.w.Header()
	h[record.TrailHeader] = []string{record.PrependHop(x.hop, x.rest)}
	h["Content-Type"] = x.s.plain
	if m := x.s.marker.Load(); m != nil {
		h[lossless.MarkerHeader] = *m
	}
	x.w.WriteHeader(status)
	// An error here is a caller who has gone: it has its own account of that.
	_, _ = io.WriteString(x.w, body)
}

// requestCounters counts requests without locks; the lifecycle samples it.
type requestCounters struct {
	inFlight atomic.Int64
	last     atomic.Int64 // nanoseconds on the lifecycle's clock; 0 is never
	received atomic.Int64
}

func (g *requestCounters) begin(now time.Duration) {
	g.inFlight.Add(1)
	g.received.Add(1)
	g.last.Store(int64(max(now, 1)))
}

func (g *requestCounters) end() { g.inFlight.Add(-1) }
