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

// gun sends one stream: it is vegeta's RoundTripper, and sees each request
// from its sending to the last byte of its answer.
type gun struct {
	stream   traffic.Stream
	base     context.Context // its end cancels what is in flight
	late     time.Duration
	pacer    *pacer
	sink     *sink
	tally    *tally // the sink's
	divert   func(stream string, seq uint64) string
	wire     *http.Transport
	rule     *traffic.Rule // of the body; nil: any
	inFlight atomic.Int64
}

func newGun(base context.Context, c Config, s traffic.Stream, k *sink, t *tally) *gun {
	_, most := c.workers(s)
	g := &gun{stream: s, base: base, late: c.Late, sink: k, tally: t, divert: c.Divert}
	g.pacer = newPacer(newSchedule(s, c.Shard, c.Late), c.Zero, g.unsent)
	g.rule, _ = s.Answer.Compile() // withDefaults has read it
	g.wire = &http.Transport{
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

func (g *gun) unsent(seq uint64) {
	g.sink.put(&hit{gun: g, req: record.Request{Stream: g.stream.Name, Seq: seq, Due: g.pacer.due(seq), Unsent: true}})
}

// RoundTrip sends vegeta's request as the stream's request that is due.
func (g *gun) RoundTrip(r *http.Request) (*http.Response, error) {
	n, err := strconv.ParseUint(r.Header.Get(seqHeader), 10, 64)
	if err != nil {
		return nil, errNoHit
	}
	seq, ok := g.pacer.claim(n)
	if !ok {
		return nil, errNoHit
	}
	now := time.Now()
	if now.Sub(g.pacer.zero)-g.stream.Due(seq) > g.late {
		g.unsent(seq)
		return nil, errTooLate
	}
	if seq != n { // something was skipped: the header tells the stream's number
		r.Header[seqHeader] = []string{strconv.FormatUint(seq, 10)}
	}
	h := &hit{gun: g, req: record.Request{
		Stream: g.stream.Name, Seq: seq, Due: g.pacer.due(seq), Sent: record.At(now),
	}}
	return h.send(r)
}

// hit is one request on its way; it is its answer's body, too.
type hit struct {
	gun    *gun
	addr   string
	watch  *record.Deliveries
	cancel context.CancelFunc
	answer io.ReadCloser
	head   []byte // of the body, up to record.MaxBody
	whole  []byte // the body, up to mostJudged, where a rule wants it
	trail  string // header as it came
	who    string // of the stream's instance header
	done   bool
	req    record.Request
}

func (h *hit) send(r *http.Request) (*http.Response, error) {
	g := h.gun
	ctx, cancel := context.WithTimeout(g.base, g.stream.Timeout)
	h.cancel = cancel
	u := *r.URL
	if g.divert != nil {
		if other := g.divert(g.stream.Name, h.req.Seq); other != "" {
			u.Host = other
		}
	}
	h.addr = hostPort(u.Host, u.Scheme)
	h.watch = record.NewDeliveries(h.addr)
	r = r.WithContext(httptrace.WithClientTrace(ctx, h.watch.Trace()))
	r.URL = &u
	if r.Body != nil {
		r.GetBody = nil // a body that can be had again would be sent again
	}
	g.inFlight.Add(1)
	resp, err := g.wire.RoundTrip(r)
	if err != nil {
		h.finish(err)
		return nil, err
	}
	h.req.Status = resp.StatusCode
	if v := resp.Header[record.TrailHeader]; len(v) > 0 {
		h.trail = v[0]
	}
	if name := g.stream.InstanceHeader; name != "" {
		h.who = resp.Header.Get(name)
	}
	h.answer, resp.Body = resp.Body, h
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
	n, err := h.answer.Read(b)
	h.req.Bytes += int64(n)
	if room := record.MaxBody - len(h.head); n > 0 && room > 0 {
		h.head = append(h.head, b[:min(n, room)]...)
	}
	if h.gun.rule != nil && n > 0 && len(h.whole) <= mostJudged {
		h.whole = append(h.whole, b[:n]...)
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
	return h.answer.Close()
}

// finish takes the record, once, and hands it to the sink.
func (h *hit) finish(err error) {
	if h.done {
		return
	}
	h.done = true
	r := &h.req
	r.Done = record.At(time.Now())
	seen := h.watch.Seal()
	h.cancel()
	r.FirstByte = seen.FirstByte
	r.Body = string(h.head)
	r.Class = classify(err, seen, r.Status)
	if s := h.gun.stream; s.External() && err == nil {
		r.Class, err = h.foreign(r.Status)
	}
	if err != nil {
		r.Error = cut(err.Error(), record.MaxBody)
	}
	r.Attempts = seen.Masked
	if r.Class != "" {
		r.Attempts = append(r.Attempts, record.Attempt{At: seen.At, Addr: h.addr, Class: r.Class})
	}
	h.gun.inFlight.Add(-1)
	h.gun.sink.put(h)
}

// classify prefers what the connection died of to how net/http puts it, but
// not to a time-out or a cancellation, of which that death is an effect.
func classify(err error, seen record.Seen, status int) record.Class {
	switch {
	case err == nil:
		return record.ClassifyStatus(status)
	case seen.ConnError == nil, errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return record.Classify(err, seen.Progress)
	}
	return record.Classify(seen.ConnError, seen.Progress)
}

func cut(s string, most int) string {
	if len(s) > most {
		return s[:most]
	}
	return s
}
