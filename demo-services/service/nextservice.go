package service

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"

	"zeroloss/demo-services/lane"
	"zeroloss/demo-services/lossless"
	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

// nextService calls the next service of the chain and records each call.
type nextService struct {
	doc          settings.Document
	timeout      time.Duration // of a whole call, with its retry
	transport    *http.Transport
	discovery    *discovery
	events       *eventLog
	announced    []string // value of the consumer header: where we take notices
	tagConflicts dedup
}

func newNextService(d settings.Document, disc *discovery, events *eventLog, notifyAddr string) *nextService {
	c := d.Call.WithDefaults(d.Role)
	dialer := &net.Dialer{Timeout: c.Dial, KeepAlive: -1, LocalAddr: localAddr(d.IP)}
	return &nextService{
		doc: d, timeout: c.Timeout, discovery: disc, events: events, announced: []string{notifyAddr},
		transport: &http.Transport{
			DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				c, err := dialer.DialContext(ctx, network, addr)
				if err != nil {
					return nil, err
				}
				return record.WatchConn(c), nil
			},
			DisableKeepAlives:   c.NewConnections,
			DisableCompression:  true,
			MaxIdleConnsPerHost: 1024,
			IdleConnTimeout:     90 * time.Second,
		},
	}
}

// localAddr returns the address that our connections come from: on one machine's
// loopback network pods are told apart by it, as in a cluster.
func localAddr(ip string) net.Addr {
	p := net.ParseIP(ip)
	if p == nil || !p.IsLoopback() {
		return nil
	}
	return &net.TCPAddr{IP: p}
}

// wantedTag returns the tag that the call of a request asks for.
func (n *nextService) wantedTag(h http.Header) string {
	c := lane.ReadTag(h)
	if c.Conflict != "" && n.tagConflicts.first(c.Conflict) {
		n.events.note(record.Event{Payload: record.TagConflict{}, Text: c.Conflict})
	}
	return lane.Outgoing(c.Tag, n.doc.Tag, n.doc.Lane.TraceTag)
}

// answer is the outcome of a call.
type answer struct {
	call  record.Call
	body  string
	trail string
}

// call picks an instance and calls it. If that fails and the settings allow a
// retry, it calls another instance.
func (n *nextService) call(x *Request, path, query string) answer {
	ctx, cancel := context.WithTimeout(x.r.Context(), n.timeout)
	defer cancel()
	wanted := n.wantedTag(x.r.Header)
	t, err := n.discovery.pick(wanted)
	if err != nil {
		return answer{call: record.Call{
			Service: n.doc.Next, Wanted: wanted, Class: record.NoInstance, At: record.At(time.Now()),
		}}
	}
	a := n.try(ctx, x, t, wanted, path, query)
	if !n.doc.Consumer.RetryNextInstance || !retryable(x.r.Method, a.call.Class) || ctx.Err() != nil {
		return a
	}
	other, err := n.discovery.pick(wanted, t.instance)
	if err != nil {
		return a // no other instance: the first failure stands
	}
	b := n.try(ctx, x, other, wanted, path, query)
	b.call.Attempts += a.call.Attempts
	failed := record.Attempt{At: a.call.At, Addr: a.call.Addr, Class: a.call.Class}
	b.call.Masked = append(append(a.call.Masked, failed), b.call.Masked...)
	return b
}

// retryable reports whether calling another instance is safe: either nothing
// arrived, or the request may arrive twice.
func retryable(method string, c record.Class) bool {
	switch c {
	case "", record.Cancelled, record.NoInstance:
		return false
	case record.Refused, record.Unreachable, record.TimeoutConnect:
		return true
	default: // it may have arrived
		return method == http.MethodGet || method == http.MethodHead
	}
}

// try calls one instance once.
func (n *nextService) try(ctx context.Context, x *Request, t target, wanted string, path, query string) answer {
	seen := record.NewDeliveries(t.addr)
	resp, err := n.transport.RoundTrip(n.request(httptrace.WithClientTrace(ctx, seen.Trace()), x, t, wanted, path, query))
	a := answer{call: record.Call{Service: n.doc.Next, Callee: t.instance, Addr: t.addr, Tag: t.tag, Wanted: wanted}}
	if err == nil {
		a.call.Status = resp.StatusCode
		a.trail = resp.Header.Get(record.TrailHeader)
		if m := resp.Header[lossless.MarkerHeader]; len(m) > 0 {
			n.discovery.marked(m[0])
		}
		a.body, err = readAnswer(resp)
	}
	s := seen.Seal()
	a.call.At, a.call.Attempts, a.call.Masked = s.At, s.Count, s.Masked
	a.call.Class = record.Classify(err, s.Progress)
	if a.call.Class == record.Other && s.ConnError != nil {
		a.call.Class = record.Classify(s.ConnError, s.Progress)
	}
	if err == nil {
		a.call.Class = record.ClassifyStatus(resp.StatusCode)
	}
	return a
}

// request is built by hand, as none of it needs parsing or checking.
func (n *nextService) request(ctx context.Context, x *Request, t target, wanted string, path, query string) *http.Request {
	h := make(http.Header, 4)
	h[lossless.ConsumerHeader] = n.announced
	h["User-Agent"] = nil // send none
	lane.WriteTag(h, x.r.Header, wanted)
	r := &http.Request{
		Method: x.r.Method, URL: &url.URL{Scheme: "http", Host: t.addr, Path: path, RawQuery: query},
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: h, Host: t.addr,
	}
	if len(x.body) > 0 {
		// Without GetBody the transport cannot retry without our knowledge.
		r.Body = io.NopCloser(bytes.NewReader(x.body))
		r.ContentLength = int64(len(x.body))
	}
	return r.WithContext(ctx)
}

var errAnswerTooLong = errors.New("the answer is longer than 1 MiB")

// readAnswer reads the body to its end and closes it, so that the connection can
// be reused.
func readAnswer(resp *http.Response) (string, error) {
	defer resp.Body.Close()
	var b []byte
	var err error
	if n := resp.ContentLength; n >= 0 && n <= maxBody {
		b = make([]byte, n)
		_, err = io.ReadFull(resp.Body, b)
	} else {
		b, err = io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	}
	if len(b) > maxBody {
		return "", errAnswerTooLong
	}
	return string(b), err
}
