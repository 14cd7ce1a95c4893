package kube

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"zeroloss/loadgen"
	"zeroloss/loadgen/collect"
	"zeroloss/loadgen/record"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
)

// load is the load pods' generators, from the harness's side.
type load struct {
	plan   *plan.Plan
	shards []*shard
	target func() (string, error)
	urls   map[string]string // of Services that streams name

	mu   sync.Mutex
	last map[uint64]collect.State // by shard
}

const (
	askEvery = 500 * time.Millisecond
	// silence is how long a load pod may be out of reach.
	silence = 10 * time.Second
)

// Start implements run.Load.
func (l *load) Start(ctx context.Context, zero time.Time, done func(error)) {
	go func() {
		err := l.each(func(s *shard) error { return l.start(ctx, s, zero) })
		if err == nil {
			err = l.await(ctx)
		}
		if err != nil {
			l.Stop() // what the others could still add proves nothing
		}
		done(err)
	}()
}

// each does something with all load pods at once, and returns when it is done
// with all of them.
func (l *load) each(do func(*shard) error) error {
	errs := make([]error, len(l.shards))
	var wg sync.WaitGroup
	for i, s := range l.shards {
		wg.Go(func() { errs[i] = s.wrap(do(s)) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// start hands a load pod its part of the job. They all have one time zero, by
// the record's clock.
func (l *load) start(ctx context.Context, s *shard, zero time.Time) error {
	target, err := l.target()
	if err != nil {
		return err
	}
	streams, err := run.ResolveHeaders(l.plan.Streams)
	if err != nil {
		return err
	}
	if streams, err = directed(streams, l.urls); err != nil {
		return err
	}
	at := record.At(zero)
	if clock := l.shards[0].clock; clock.Significant() {
		at += clock.Ahead
	}
	ctx, stop := context.WithTimeout(ctx, silence)
	defer stop()
	var linger time.Duration // the generator's own
	if l.plan.Target != nil {
		linger = patience(l.plan)
	}
	return s.client.Load(ctx, loadgen.Job{
		Schema: loadgen.JobSchema, Target: target, Zero: at, Streams: streams, Shard: s.Shard, Ahead: s.ahead(), Linger: linger,
		Instance: record.Instance{Pod: s.name(), Incarnation: 1},
	})
}

// await returns when all have done their part; one that fails ends the wait.
func (l *load) await(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	// The first reason is the one: the others stop because of it.
	_ = l.each(func(s *shard) error {
		err := s.wrap(l.follow(ctx, s))
		if err != nil {
			stop(err)
		}
		return err
	})
	return context.Cause(ctx)
}

// follow asks how it goes until the shard's load is over.
func (l *load) follow(ctx context.Context, x *shard) error {
	heard := time.Now()
	for {
		s, err := x.client.State(ctx)
		switch {
		case err == nil:
			heard = time.Now()
			l.keep(x, s)
			if s.Over && s.Err != "" {
				return errors.New(s.Err)
			}
			if s.Over {
				return nil
			}
		case time.Since(heard) > silence:
			return fmt.Errorf("the load pod has not answered for %v: %w", silence, err)
		}
		if err := client.Sleep(ctx, askEvery); err != nil {
			return fmt.Errorf("the run is over: %w", err)
		}
	}
}

func (l *load) keep(x *shard, s collect.State) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last == nil {
		l.last = map[uint64]collect.State{}
	}
	l.last[x.Index] = s
}

// latest is the sums over all load pods, by stream.
func (l *load) latest() []run.StreamCount {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []run.StreamCount
	for _, i := range slices.Sorted(maps.Keys(l.last)) {
		if l.last[i].Load == nil {
			continue
		}
		for _, x := range l.last[i].Load.Streams {
			k := slices.IndexFunc(out, func(c run.StreamCount) bool { return c.Stream == x.Name })
			if k < 0 {
				k, out = len(out), append(out, run.StreamCount{Stream: x.Name, Failed: map[record.Class]uint64{}})
			}
			add(&out[k], x)
		}
	}
	return out
}

func add(to *run.StreamCount, x loadgen.StreamProgress) {
	to.Due += x.Due
	to.Sent += x.Sent
	to.Unsent += x.Unsent
	to.OK += x.OK
	for class, n := range x.Failed {
		to.Failed[class] += n
	}
}

// Stop implements run.Load.
func (l *load) Stop() {
	for _, s := range l.shards {
		go func() {
			ctx, stop := context.WithTimeout(context.Background(), silence)
			defer stop()
			// That it could not be stopped shows in its not ending.
			_ = s.client.Stop(ctx)
		}()
	}
}

var _ run.Load = (*load)(nil)
