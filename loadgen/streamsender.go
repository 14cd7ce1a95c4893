package loadgen

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
)

var (
	errTooLate = errors.New("not sent: too late")
	errNoHit   = errors.New("not sent: no request is due for this hit")
)

// streamSender sends one stream. As vegeta's RoundTripper it observes each
// request until the last byte of its response.
type streamSender struct {
	stream      traffic.Stream
	requestCtx  context.Context // its end cancels the requests in flight
	maxLateness time.Duration
	pacer       *pacer
	sink        *sink
	tally       *tally // owned by the sink
	divert      func(stream string, seq uint64) string
	transport   *http.Transport
	rule        *traffic.BodyRule // of the body; nil: any
	inFlight    atomic.Int64
}

func newStreamSender(requestCtx context.Context, c Config, stream traffic.Stream, k *sink, t *tally) *streamSender {
	_, most := c.workers(stream)
	s := &streamSender{stream: stream, requestCtx: requestCtx, maxLateness: c.MaxLateness, sink: k, tally: t, divert: c.Divert}
	s.pacer = newPacer(newSchedule(stream, c.Shard, c.MaxLateness), c.Zero, s.recordUnsent)
	s.rule, _ = stream.Answer.Compile() // withDefaults has checked it
	s.transport = &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := c.Dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return record.WatchConn(conn), nil
		},
		MaxIdleConnsPerHost: int(most), //nolint:gosec // Config.workers bounds it
		DisableKeepAlives:   stream.Connections == traffic.New,
		DisableCompression:  true,
	}
	return s
}

func (s *streamSender) recordUnsent(seq uint64) {
	s.sink.put(&hit{sender: s, req: record.Request{Stream: s.stream.Name, Seq: seq, Due: s.pacer.due(seq), Unsent: true}})
}

// RoundTrip sends vegeta's request as the request of the stream that is due.
func (s *streamSender) RoundTrip(r *http.Request) (*http.Response, error) {
	n, err := strconv.ParseUint(r.Header.Get(seqHeader), 10, 64)
	if err != nil {
		return nil, errNoHit
	}
	seq, ok := s.pacer.claim(n)
	if !ok {
		return nil, errNoHit
	}
	now := time.Now()
	if now.Sub(s.pacer.zero)-s.stream.Due(seq) > s.maxLateness {
		s.recordUnsent(seq)
		return nil, errTooLate
	}
	if seq != n { // requests were skipped: the header must have the stream's number
		r.Header[seqHeader] = []string{strconv.FormatUint(seq, 10)}
	}
	h := &hit{sender: s, req: record.Request{
		Stream: s.stream.Name, Seq: seq, Due: s.pacer.due(seq), Sent: record.At(now),
	}}
	return h.send(r)
}

// run sends the stream.
func (s *streamSender) run(ctx context.Context, c Config) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	defer s.transport.CloseIdleConnections()
	initial, most := c.workers(s.stream)
	next := func(n uint64) bool { return s.pacer.pace(ctx, timer, n) }
	var stopped atomic.Pointer[time.Time] // nothing is due after that
	defer context.AfterFunc(ctx, func() { now := time.Now(); stopped.Store(&now) })()
	attack(ctx, s.stream, s.stream.Target+s.stream.Path, initial, most, next, s)
	if at := stopped.Load(); at != nil {
		s.pacer.finish(*at, true)
		return
	}
	s.pacer.finish(time.Now(), false)
}
