package loadgen

import (
	"context"
	"math"
	"net/http"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
)

// attack sends stream s through rt until its end or until ctx is done, and
// returns when the last answer is in.
//
// Of vegeta it uses the elastic pool of workers: its pacers catch up in
// bursts, its clock stamps the pick-up, and its client's time-out covers no
// phases, so all those are ours. It calls next for each hit; rt finds the
// hit's number in the header X-Vegeta-Seq.
func attack(ctx context.Context, s traffic.Stream, url string, workers, most uint64, next nextHit, rt http.RoundTripper) {
	client := &http.Client{
		Transport:     rt,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	a := vegeta.NewAttacker(vegeta.Client(client), vegeta.Workers(workers), vegeta.MaxWorkers(most), vegeta.MaxBody(0))
	// All workers may be busy when ctx ends: only Stop gets vegeta's loop
	// out of waiting for one.
	defer context.AfterFunc(ctx, func() { a.Stop() })()

	target := vegeta.Target{Method: s.Method, URL: url, Body: []byte(s.Body), Header: header(s)}
	for range a.Attack(vegeta.NewStaticTargeter(target), next, 0, "") {
		// What vegeta has to say, the round tripper has written down better.
	}
}

const seqHeader = "X-Vegeta-Seq"

func header(s traffic.Stream) http.Header {
	h := http.Header{}
	if s.Tag != "" {
		h.Set(record.TagHeader, s.Tag)
	}
	for k, v := range s.Header {
		h.Set(k, v)
	}
	return h
}

// nextHit blocks until the n-th hit is due; false ends the attack.
type nextHit func(n uint64) bool

// Pace is called by vegeta's one loop before each hit.
func (f nextHit) Pace(_ time.Duration, hits uint64) (time.Duration, bool) { return 0, !f(hits) }

// Rate is asked for by vegeta's plots only.
func (nextHit) Rate(time.Duration) float64 { return math.NaN() }
