package service

import (
	"errors"
	"io"
	"net/http"
	"time"

	"zeroloss/demo-services/lossless"
	"zeroloss/loadgen/record"
)

// Handler handles a request that was admitted. It answers by calling Reply or
// Refuse exactly once, or not at all after CallNext returned false. It must not
// keep the Request.
type Handler func(x *Request)

// Request is one request on its way through a service, and its answer.
type Request struct {
	server  *businessServer
	w       http.ResponseWriter
	r       *http.Request
	arrived time.Time
	hop     record.Hop
	rest    string // trail of the hops behind this one
	body    []byte
}

// Path returns the path of the request.
func (x *Request) Path() string { return x.r.URL.Path }

// Query returns the encoded query of the request.
func (x *Request) Query() string { return x.r.URL.RawQuery }

// Tag returns the version of the service that answers; "" is the base version.
func (x *Request) Tag() string { return x.server.doc.Tag }

// IP returns the address of the service that answers.
func (x *Request) IP() string { return x.server.doc.IP }

// IsLast reports whether the service calls no other one.
func (x *Request) IsLast() bool { return x.server.next == nil }

// maxBody bounds the body of requests and answers in bytes.
const maxBody = 1 << 20

var errBodyTooLarge = errors.New("the body is larger than 1 MiB")

func (x *Request) readBody() error {
	if x.r.ContentLength == 0 {
		return nil
	}
	b, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, maxBody))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return errBodyTooLarge
	}
	x.body = b
	return err
}

// Reply answers 200 with body.
func (x *Request) Reply(body string) { x.write(http.StatusOK, body) }

// Refuse answers with a status that is not a failure of the chain, such as 404.
func (x *Request) Refuse(status int, text string) { x.write(status, text) }

// fail answers with a failure of this hop.
func (x *Request) fail(status int, class record.Class) {
	x.hop.Class = class
	x.write(status, string(class))
}

// CallNext calls the next service of the chain with the request's method, tag
// and body, and returns the body of the answer. If the call fails, ok is false
// and the request has been answered with 502 or 504.
func (x *Request) CallNext(path, query string) (body string, ok bool) {
	a := x.server.next.call(x, path, query)
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

// write is the only way to answer, so trail and marker are on every answer. The
// marker is read when the answer is written, not when the request arrives: a
// request that was in flight when the instance began to close is answered with
// it, too.
func (x *Request) write(status int, body string) {
	x.hop.Took = time.Since(x.arrived)
	h := x.w.Header()
	h[record.TrailHeader] = []string{record.PrependHop(x.hop, x.rest)}
	h["Content-Type"] = x.server.contentType
	if m := x.server.marker.Load(); m != nil {
		h[lossless.MarkerHeader] = *m
	}
	x.w.WriteHeader(status)
	_, _ = io.WriteString(x.w, body) // fails only if the caller has gone, which records that itself
}
