package kube

import (
	"context"
	"sync"
)

// runActivity is what goes on during a run: goroutines that end with it, and the
// first error that makes the run worthless.
type runActivity struct {
	ctx    context.Context // ends with the run; not with an interruption
	end    context.CancelFunc
	wg     sync.WaitGroup
	failed chan error
}

// newActivity returns that of a run which ctx may interrupt: it goes on until stop
// is called, so that the end of the run is observed, too.
func newActivity(ctx context.Context) *runActivity {
	a := &runActivity{failed: make(chan error, 1)}
	a.ctx, a.end = context.WithCancel(context.WithoutCancel(ctx))
	return a
}

// stop ends the goroutines and waits for them.
func (a *runActivity) stop() {
	a.end()
	a.wg.Wait()
}

// fail ends the run with err. After the first error, and after the end, it does
// nothing.
func (a *runActivity) fail(err error) {
	if a.ctx.Err() != nil {
		return
	}
	select {
	case a.failed <- err:
	default:
	}
}
