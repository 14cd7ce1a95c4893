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

// Timeouts of a whole call by role, nested so that a caller outlives its
// callee and can tell what happened; the client's own is 2.5 s.
const (
	gatewayTimeout = 1800 * time.Millisecond
	aTimeout       = 1200 * time.Millisecond
	bTimeout       = 800 * time.Millisecond
	dialTimeout    = 300 * time.Millisecond
)

func callTimeout(d settings.Document) time.Duration {
	switch {
	case d.Call.Timeout > 0:
		return d.Call.Timeout
	case d.Role == "gateway":
		return gatewayTimeout
	case d.Role == "a":
		return aTimeout
	}
	return bTimeout
}

// nextService calls the next service of the chain, and records how that went.
type nextService struct {
	doc       settings.Document
	timeout   time.Duration
	transport *http.Transport
	discovery *discovery
	from      []string // our Zeroloss-Consumer
}

func newNextService(d settings.Document, v *discovery, notices string) *nextService {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: -1, LocalAddr: source(d.IP)}
	if d.Call.Dial > 0 {
		dialer.Timeout = d.Call.Dial
	}
	return &nextService{
		doc: d, timeout: callTimeout(d), discovery: v, from: []string{notices},
		transport: &http.Transport{
			DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				c, err := dialer.DialContext(ctx, network, addr)
				if err != nil {
					return nil, err
				}
				return record.WatchConn(c), nil
			},
			DisableKeepAlives:   d.Call.NewConnections,
			DisableCompression:  true,
			MaxIdleConnsPerHost: 1024,
			IdleConnTimeout:     90 * time.Second,
		},
	}
}

// source is the address that our connections come from: in one machine's
// loopback net, pods are told apart by it, as in a cluster.
func source(ip string) net.Addr {
	p := net.ParseIP(ip)
	if p == nil || !p.IsLoopback() {
		return nil
	}
	return &net.TCPAddr{IP: p}
}

// answer is a call's outcome.
type answer struct {
	call  record.Call
	body  string
	trail string
}

// call picks an instance and calls it; another one if that fails and the
// settings say so.
func (c *nextService) call(x *Request, path, query string) answer {
	ctx, cancel := context.WithTimeout(x.r.Context(), c.timeout)
	defer cancel()
	wanted := x.s.wanted(x.r.Header)
	t, err := c.discovery.pick(wanted)
	if err != nil {
		return answer{call: record.Call{
			Service: c.doc.Next, Wanted: wanted, Class: record.NoInstance, At: record.At(time.Now()),
		}}
	}
	a := c.try(ctx, x, t, wanted, path, query)
	if !c.doc.Consumer.RetryNextInstance || !retryable(x.r.Method, a.call.Class) || ctx.Err() != nil {
		return a
	}
	other, err := c.discovery.pick(wanted, t.instance)
	if err != nil {
		return a // there is no other: the first failure stands
	}
	b := c.try(ctx, x, other, wanted, path, query)
	b.call.Attempts += a.call.Attempts
	failed := record.Attempt{At: a.call.At, Addr: a.call.Addr, Class: a.call.Class}
	b.call.Masked = append(append(a.call.Masked, failed), b.call.Masked...)
	return b
}

// retryable tells whether calling another instance is safe: nothing arrived,
// or what did may arrive twice.
func retryable(method string, c record.Class) bool {
	switch c {
	case "", record.Cancelled, record.NoInstance:
		return false
	case record.Refused, record.Unreachable, record.TimeoutConnect:
		return true
	}
	return method == http.MethodGet || method == http.MethodHead
}

// try makes one call of one instance.
func (c *nextService) try(ctx context.Context, x *Request, t target, wanted string, path, query string) answer {
	seen := record.NewDeliveries(t.addr)
	resp, err := c.transport.RoundTrip(c.request(httptrace.WithClientTrace(ctx, seen.Trace()), x, t, wanted, path, query))
	a := answer{call: record.Call{Service: c.doc.Next, Callee: t.instance, Addr: t.addr, Tag: t.tag, Wanted: wanted}}
	if err == nil {
		a.call.Status = resp.StatusCode
		a.trail = resp.Header.Get(record.TrailHeader)
		if m := resp.Header[lossless.MarkerHeader]; len(m) > 0 {
			c.discovery.marked(m[0])
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

// request is built by hand: nothing of it needs parsing or checking again.
func (c *nextService) request(ctx context.Context, x *Request, t target, wanted string, path, query string) *http.Request {
	h := make(http.Header, 4)
	h[lossless.ConsumerHeader] = c.from
	h["User-Agent"] = nil // none
	lane.WriteTag(h, x.r.Header, wanted)
	r := &http.Request{
		Method: x.r.Method, URL: &url.URL{Scheme: "http", Host: t.addr, Path: path, RawQuery: query},
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: h, Host: t.addr,
	}
	if len(x.body) > 0 {
		// Without GetBody the transport cannot send it again unseen.
		r.Body = io.NopCloser(bytes.NewReader(x.body))
		r.ContentLength = int64(len(x.body))
	}
	return r.WithContext(ctx)
}

var errLong = errors.New("the answer is longer than 1 MiB")

// readAnswer reads to the end and closes, so that the connection can be used
// again.
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
		return "", errLong
	}
	return string(b), err
}
