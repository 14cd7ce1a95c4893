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

// attack sends stream s through rt until the stream ends or ctx is done, and
// returns once the last response has arrived.
//
// It uses only vegeta's elastic pool of workers. Pacing, clock and timeouts are
// this package's: vegeta's pacers catch up in bursts, its clock stamps the
// pick-up, and the timeout of its client covers no phases. attack calls next for
// each hit; rt finds the number of the hit in the header X-Vegeta-Seq.
func attack(ctx context.Context, s traffic.Stream, url string, workers, most uint64, next nextHit, rt http.RoundTripper) {
	client := &http.Client{
		Transport:     rt,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	a := vegeta.NewAttacker(vegeta.Client(client), vegeta.Workers(workers), vegeta.MaxWorkers(most), vegeta.MaxBody(0))
	// All workers may be busy when ctx ends; only Stop ends vegeta's wait for one.
	defer context.AfterFunc(ctx, func() { a.Stop() })()

	target := vegeta.Target{Method: s.Method, URL: url, Body: []byte(s.Body), Header: header(s)}
	for range a.Attack(vegeta.NewStaticTargeter(target), next, 0, "") {
		// The round tripper has recorded each result in more detail.
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

// Pace is called by vegeta's only loop before each hit.
func (f nextHit) Pace(_ time.Duration, hits uint64) (time.Duration, bool) { return 0, !f(hits) }

// Rate is used only by vegeta's plots.
func (nextHit) Rate(time.Duration) float64 { return math.NaN() }
