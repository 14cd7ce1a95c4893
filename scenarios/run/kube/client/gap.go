package client

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"zeroloss/internal/ctxtime"
)

// GapTracker reports watch outages: once when one is detected and once when it
// ends. What happens during one is seen late or not at all.
//
//	watching ── Suspect ──▶ suspected ── Lost, or not back within 1 s ──▶ lost (reported)
//	   ▲                        │                                          │
//	   └────── Recovered ───────┴────────────── Recovered (reported) ──────┘
type GapTracker struct {
	report func(since time.Time, lasted time.Duration)

	mu       sync.Mutex
	since    time.Time // zero: no gap
	reported bool
}

// NewGapTracker makes a tracker that calls report twice for an outage: with
// lasted 0 while it goes on, and with its length once it is over. report is
// called with the tracker locked: it must not call the tracker.
func NewGapTracker(report func(since time.Time, lasted time.Duration)) *GapTracker {
	return &GapTracker{report: report}
}

// resumeWithin is how long a watch that ended regularly may take to resume
// without counting as a gap.
const resumeWithin = time.Second

// Suspect notes that the watch has ended, at a point from which it may resume
// without having missed anything.
func (g *GapTracker) Suspect(now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.since.IsZero() {
		g.since = now
	}
}

// Lost notes that the watch has failed. The gap began when it was suspected, or
// now.
func (g *GapTracker) Lost(now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.since.IsZero() {
		g.since = now
	}
	g.reportOnce()
}

func (g *GapTracker) reportOnce() {
	if !g.reported {
		g.reported = true
		g.report(g.since, 0)
	}
}

// Recovered notes that the watch works again.
func (g *GapTracker) Recovered(now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.since.IsZero() {
		return
	}
	if now.Sub(g.since) > resumeWithin {
		g.reportOnce()
	}
	if g.reported {
		g.report(g.since, max(now.Sub(g.since), time.Microsecond)) // 0 would mean that it goes on
	}
	g.since, g.reported = time.Time{}, false
}

const (
	heartbeatInterval = time.Second
	heartbeatSlow     = 2 * time.Second  // an answer that takes longer is a gap
	heartbeatTimeout  = 15 * time.Second // of one request
)

// Heartbeat calls ping every second until ctx ends, and tells gaps when it
// does not answer. A connection that stands still (a VPN that is down) does not
// end the watches on it: what they deliver then comes late, and nothing else
// shows it.
func Heartbeat(ctx context.Context, gaps *GapTracker, ping func(context.Context) error) {
	for ctxtime.Sleep(ctx, heartbeatInterval) == nil {
		asked := time.Now()
		within, stop := context.WithTimeout(ctx, heartbeatTimeout)
		slow := time.AfterFunc(heartbeatSlow, func() { gaps.Lost(asked) })
		err := ping(within)
		slow.Stop()
		stop()
		switch {
		case ctx.Err() != nil:
		case err != nil:
			gaps.Lost(asked)
		default:
			gaps.Recovered(time.Now())
		}
	}
}

// Ping calls /version. Any response from the API server, even 403, counts as
// alive.
func (c *Client) Ping(ctx context.Context) error {
	err := c.REST.Get().AbsPath("/version").MaxRetries(0).Do(ctx).Error()
	var status *apierrors.StatusError
	if errors.As(err, &status) && status.Status().Code < http.StatusInternalServerError {
		return nil
	}
	return err
}
