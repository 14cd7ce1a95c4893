package loadgen

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"sync/atomic"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
)

var (
	errTooLate = errors.New("not sent: it was too late")
	errNoHit   = errors.New("not sent: no such hit")
)

// streamSender sends one stream: it is vegeta's RoundTripper, and sees each request
// from its sending to the last byte of its answer.
type streamSender struct {
	stream      traffic.Stream
	requestCtx  context.Context // its end cancels what is in flight
	maxLateness time.Duration
	pacer       *pacer
	sink        *sink
	tally       *tally // the sink's
	divert      func(stream string, seq uint64) string
	transport   *http.Transport
	rule        *traffic.BodyRule // of the body; nil: any
	inFlight    atomic.Int64
}

func newStreamSender(base context.Context, c Config, s traffic.Stream, k *sink, t *tally) *streamSender {
	_, most := c.workers(s)
	g := &streamSender{stream: s, requestCtx: base, maxLateness: c.MaxLateness, sink: k, tally: t, divert: c.Divert}
	g.pacer = newPacer(newSchedule(s, c.Shard, c.MaxLateness), c.Zero, g.recordUnsent)
	g.rule, _ = s.Answer.Compile() // withDefaults has read it
	g.transport = &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := c.Dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return record.WatchConn(conn), nil
		},
		MaxIdleConnsPerHost: int(most),
		DisableKeepAlives:   s.Connections == traffic.New,
		DisableCompression:  true,
	}
	return g
}

func (g *streamSender) recordUnsent(seq uint64) {
	g.sink.put(&hit{sender: g, req: record.Request{Stream: g.stream.Name, Seq: seq, Due: g.pacer.due(seq), Unsent: true}})
}

// RoundTrip sends vegeta's request as the stream's request that is due.
func (g *streamSender) RoundTrip(r *http.Request) (*http.Response, error) {
	n, err := strconv.ParseUint(r.Header.Get(seqHeader), 10, 64)
	if err != nil {
		return nil, errNoHit
	}
	seq, ok := g.pacer.claim(n)
	if !ok {
		return nil, errNoHit
	}
	now := time.Now()
	if now.Sub(g.pacer.zero)-g.stream.Due(seq) > g.maxLateness {
		g.recordUnsent(seq)
		return nil, errTooLate
	}
	if seq != n { // something was skipped: the header tells the stream's number
		r.Header[seqHeader] = []string{strconv.FormatUint(seq, 10)}
	}
	h := &hit{sender: g, req: record.Request{
		Stream: g.stream.Name, Seq: seq, Due: g.pacer.due(seq), Sent: record.At(now),
	}}
	return h.send(r)
}

// hit is one request on its way; it is its answer's body, too.
type hit struct {
	sender       *streamSender
	addr         string
	deliveries   *record.Deliveries
	cancel       context.CancelFunc
	respBody     io.ReadCloser
	bodyStart    []byte // of the body, up to record.MaxBody
	body         []byte // the body, up to mostJudged, where a rule wants it
	trailHeader  string // header as it came
	instanceName string // of the stream's instance header
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
		r.GetBody = nil // a body that can be had again would be sent again
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

// Read passes the body on and keeps its beginning. vegeta reads to the end.
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
	case errors.Is(err, io.EOF): // as opposed to io.ErrUnexpectedEOF
		h.finish(nil)
	case err != nil:
		h.finish(err)
	}
	return n, err
}

// Close closes the answer's body.
func (h *hit) Close() error {
	h.finish(io.ErrUnexpectedEOF) // only if it was not read to its end
	return h.respBody.Close()
}

// finish takes the record, once, and hands it to the sink.
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

// classify prefers what the connection died of to how net/http puts it, but
// not to a time-out or a cancellation, of which that death is an effect.
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
