package loadgen

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"time"

	"zeroloss/loadgen/record"
)

// hit is one request in flight. It is also the body of its response.
type hit struct {
	sender       *streamSender
	addr         string
	deliveries   *record.Deliveries
	cancel       context.CancelFunc
	respBody     io.ReadCloser
	bodyStart    []byte // of the body, up to record.MaxBody bytes
	body         []byte // the body, up to mostJudged, where a rule wants it
	trailHeader  string // the header's value
	instanceName string // the value of the stream's instance header
	finished     bool
	req          record.Request
}

func (h *hit) send(r *http.Request) (*http.Response, error) {
	g := h.sender
	ctx, cancel := context.WithTimeout(g.requestCtx, g.stream.Timeout)
	h.cancel = cancel
	u := *r.URL
	if g.divert != nil {
		if other := g.divert(g.stream.Name, h.req.Seq); other != "" {
			u.Host = other
		}
	}
	h.addr = hostPort(u.Host, u.Scheme)
	h.deliveries = record.NewDeliveries(h.addr)
	r = r.WithContext(httptrace.WithClientTrace(ctx, h.deliveries.Trace()))
	r.URL = &u
	if r.Body != nil {
		r.GetBody = nil // otherwise the transport would send the body again
	}
	g.inFlight.Add(1)
	resp, err := g.transport.RoundTrip(r)
	if err != nil {
		h.finish(err)
		return nil, err
	}
	h.req.Status = resp.StatusCode
	if v := resp.Header[record.TrailHeader]; len(v) > 0 {
		h.trailHeader = v[0]
	}
	if name := g.stream.InstanceHeader; name != "" {
		h.instanceName = resp.Header.Get(name)
	}
	h.respBody, resp.Body = resp.Body, h
	return resp, nil
}

func hostPort(host, scheme string) string {
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	if scheme == "https" {
		return net.JoinHostPort(host, "443")
	}
	return net.JoinHostPort(host, "80")
}

// Read reads the body and keeps its beginning. vegeta reads to the end.
func (h *hit) Read(b []byte) (int, error) {
	n, err := h.respBody.Read(b)
	h.req.Bytes += int64(n)
	if room := record.MaxBody - len(h.bodyStart); n > 0 && room > 0 {
		h.bodyStart = append(h.bodyStart, b[:min(n, room)]...)
	}
	if h.sender.rule != nil && n > 0 && len(h.body) <= maxJudgedBody {
		h.body = append(h.body, b[:n]...)
	}
	switch {
	case errors.Is(err, io.EOF): // unlike io.ErrUnexpectedEOF
		h.finish(nil)
	case err != nil:
		h.finish(err)
	}
	return n, err
}

// Close closes the body of the response.
func (h *hit) Close() error {
	h.finish(io.ErrUnexpectedEOF) // has no effect if the body was read to its end
	return h.respBody.Close()
}

// finish completes the record and passes it to the sink, once.
func (h *hit) finish(err error) {
	if h.finished {
		return
	}
	h.finished = true
	r := &h.req
	r.Done = record.At(time.Now())
	seen := h.deliveries.Seal()
	h.cancel()
	r.FirstByte = seen.FirstByte
	r.Body = string(h.bodyStart)
	r.Class = classify(err, seen, r.Status)
	if s := h.sender.stream; s.External() && err == nil {
		r.Class, err = h.classifyExternal(r.Status)
	}
	if err != nil {
		r.Error = truncate(err.Error(), record.MaxBody)
	}
	r.Attempts = seen.Masked
	if r.Class != "" {
		r.Attempts = append(r.Attempts, record.Attempt{At: seen.At, Addr: h.addr, Class: r.Class})
	}
	h.sender.inFlight.Add(-1)
	h.sender.sink.put(h)
}

// classify prefers the error of the connection to that of net/http, which may
// hide the cause; but not to a timeout or a cancellation, which themselves end
// the connection.
func classify(err error, seen record.DeliveryResult, status int) record.Class {
	switch {
	case err == nil:
		return record.ClassifyStatus(status)
	case seen.ConnError == nil, errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return record.Classify(err, seen.Progress)
	}
	return record.Classify(seen.ConnError, seen.Progress)
}

func truncate(s string, most int) string {
	if len(s) > most {
		return s[:most]
	}
	return s
}
