package kube

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
)

// eye knows since when something is not seen, and tells of it twice: when that
// is found out, and when it is over. What happened meanwhile is told late, or
// not at all.
type eye struct {
	tell func(since time.Time, lasted time.Duration) // 0: it goes on

	mu    sync.Mutex
	since time.Time // zero: it sees
	told  bool
}

// shortBlink is how long a watch may take to be taken up from where it was.
const shortBlink = time.Second

// blink: it sees nothing from now on, and may have missed nothing once it sees
// again.
func (y *eye) blink(now time.Time) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.since.IsZero() {
		y.since = now
	}
}

// lose: it sees nothing from now on, or since it has blinked.
func (y *eye) lose(now time.Time) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.since.IsZero() {
		y.since = now
	}
	y.admit()
}

func (y *eye) admit() {
	if !y.told {
		y.told = true
		y.tell(y.since, 0)
	}
}

// regain: it sees again.
func (y *eye) regain(now time.Time) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.since.IsZero() {
		return
	}
	if now.Sub(y.since) > shortBlink {
		y.admit()
	}
	if y.told {
		y.tell(y.since, max(now.Sub(y.since), time.Microsecond)) // 0 would be that it goes on
	}
	y.since, y.told = time.Time{}, false
}

// eye is one of a run's.
func (n *node) eye(what string) *eye {
	return &eye{tell: func(since time.Time, lasted time.Duration) {
		n.inbox.Control(control.Event{Kind: control.Unwatched, Err: what, Since: record.At(since), N: int(lasted.Microseconds())})
	}}
}

const (
	pulseEvery = time.Second
	pulseLate  = 2 * time.Second
	pulseOver  = 15 * time.Second
)

// pulse asks the API server for next to nothing, again and again: a connection
// that stands still (a VPN that is down) does not end the watches on it. What
// they tell then comes late, and nobody says so.
func (n *node) pulse(ask func(context.Context) error) {
	y := n.eye("its API server")
	for pauseFor(n.over, pulseEvery) == nil {
		asked := time.Now()
		ctx, stop := context.WithTimeout(n.over, pulseOver)
		late := time.AfterFunc(pulseLate, func() { y.lose(asked) })
		err := ask(ctx)
		late.Stop()
		stop()
		switch {
		case n.over.Err() != nil:
		case err != nil:
			y.lose(asked)
		default:
			y.regain(time.Now())
		}
	}
}

// version asks for the server's. Any answer of its own is one, be it a no.
func (a *api) version(ctx context.Context) error {
	err := a.core.Get().AbsPath("/version").MaxRetries(0).Do(ctx).Error()
	var said *apierrors.StatusError
	if errors.As(err, &said) && said.Status().Code < http.StatusInternalServerError {
		return nil
	}
	return err
}
