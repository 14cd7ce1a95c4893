package kube

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"zeroloss/loadgen"
	"zeroloss/loadgen/collect"
	"zeroloss/loadgen/record"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/rundir"
)

// load is the load pod's generator, from the harness's side.
type load struct {
	plan   *plan.Plan
	client *collect.Client
	clock  record.Offset // to the load pod's
	target func() (string, error)

	mu     sync.Mutex
	counts []run.StreamCount
}

const (
	askEvery = 500 * time.Millisecond
	// silence is how long the load pod may be out of reach.
	silence = 10 * time.Second
)

// Start implements run.Load.
func (l *load) Start(ctx context.Context, zero time.Time, done func(error)) {
	go func() {
		if err := l.start(ctx, zero); err != nil {
			done(err)
			return
		}
		done(l.await(ctx))
	}()
}

func (l *load) start(ctx context.Context, zero time.Time) error {
	target, err := l.target()
	if err != nil {
		return err
	}
	at := record.At(zero)
	if l.clock.Significant() {
		at += l.clock.Ahead
	}
	ctx, stop := context.WithTimeout(ctx, silence)
	defer stop()
	return l.client.Load(ctx, loadgen.Job{
		Schema: loadgen.JobSchema, Target: target, Zero: at, Streams: l.plan.Streams,
		Instance: record.Instance{Pod: rundir.Load, Incarnation: 1},
	})
}

// await asks how it goes until the load is over.
func (l *load) await(ctx context.Context) error {
	heard := time.Now()
	for {
		s, err := l.client.State(ctx)
		switch {
		case err == nil:
			heard = time.Now()
			l.keep(s)
			if s.Over && s.Err != "" {
				return errors.New(s.Err)
			}
			if s.Over {
				return nil
			}
		case time.Since(heard) > silence:
			return fmt.Errorf("the load pod has not answered for %v: %w", silence, err)
		}
		if err := pauseFor(ctx, askEvery); err != nil {
			return fmt.Errorf("the run is over: %w", err)
		}
	}
}

func (l *load) keep(s collect.State) {
	if s.Load == nil {
		return
	}
	var counts []run.StreamCount
	for _, x := range s.Load.Streams {
		counts = append(counts, run.StreamCount{Stream: x.Name, Due: x.Due, Sent: x.Sent, Unsent: x.Unsent, OK: x.OK, Failed: x.Failed})
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts = counts
}

func (l *load) latest() []run.StreamCount {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts
}

// Stop implements run.Load.
func (l *load) Stop() {
	go func() {
		ctx, stop := context.WithTimeout(context.Background(), silence)
		defer stop()
		// That it could not be stopped shows in its not ending.
		_ = l.client.Stop(ctx)
	}()
}

var _ run.Load = (*load)(nil)
