package kube

import (
	"context"
	"fmt"
	"time"

	"zeroloss/internal/ctxtime"
	"zeroloss/loadgen/record"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/observe"
	"zeroloss/scenarios/run/kube/target"
)

// releasePollInterval is how often a target that is only observed is looked at.
const releasePollInterval = time.Second

// endAfterRelease ends the load once a release of the target, whoever started it,
// has been over for quiet.
func endAfterRelease(ctx context.Context, d *target.Deployment, quiet time.Duration, end func(run.EndLoad)) {
	e := observe.ReleaseEnd{QuietFor: quiet}
	for {
		s, err := d.State(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			e.Unknown() // the duration ends the load at the latest
		case e.Over(time.Now(), s):
			end(run.EndLoad{Payload: record.Concluded{}, Why: fmt.Sprintf("the release of %s was over for %v", d, quiet)})
			return
		}
		if ctxtime.Sleep(ctx, releasePollInterval) != nil {
			return
		}
	}
}

// lossLimit is how many requests a run may lose before it is aborted; 0 means any
// number.
type lossLimit struct{ requests int }

// reached returns how many requests are lost, and whether that is the limit.
func (l lossLimit) reached(counts []run.StreamCount) (lost uint64, reached bool) {
	for _, c := range counts {
		for class, n := range c.Failed {
			if class != "" {
				lost += n
			}
		}
	}
	return lost, l.requests > 0 && lost >= uint64(l.requests)
}

// watch ends the load once the limit is reached.
func (l lossLimit) watch(ctx context.Context, progress func() []run.StreamCount, end func(run.EndLoad)) {
	for ctxtime.Sleep(ctx, 100*time.Millisecond) == nil {
		if lost, reached := l.reached(progress()); reached {
			end(run.EndLoad{Payload: record.Aborted{}, Why: fmt.Sprintf("%d requests are lost; the limit (--abort-after) is %d", lost, l.requests)})
			return
		}
	}
}
