package loadgen

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"zeroloss/loadgen/record"
)

// Run sends the load and returns when the last answer is in and all is
// written. When ctx is done it sends nothing more, gives what is in flight
// c.Linger to finish, and writes the log's end; that is no error, but
// Stats.Interrupted. An error means that the load was not sent, or not
// recorded, as it should have been.
func Run(ctx context.Context, c Config) (Stats, error) {
	c, err := c.withDefaults()
	if err != nil {
		return Stats{}, err
	}
	now := time.Now()
	// From here on the monotonic clock counts, and it is this machine's own.
	c.Zero = now.Add(c.Zero.Sub(now) - time.Duration(c.ClockOffset)*time.Microsecond)
	k, err := newSink(c.Out, c.ClockOffset)
	if err != nil {
		return Stats{}, err
	}
	tell := eventWriter{c: c}
	if err := tell.write(record.Event{Payload: record.Starting{Streams: len(c.Streams)}}); err != nil {
		return Stats{}, err
	}
	before := readHost()
	stats, guns, err := sendAll(ctx, c, k)
	stats.HostStats = before.statsSince()
	if c.Progress != nil {
		last := progress(guns, time.Now())
		last.Stats = &stats
		c.Progress(last)
	}
	if err != nil {
		return stats, err
	}
	return stats, tell.writeEnd(stats)
}

// sendAll fires all streams and runs the sink until both are over.
func sendAll(ctx context.Context, c Config, k *sink) (Stats, []*streamSender, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	base, kill := context.WithCancel(context.WithoutCancel(ctx))
	defer kill()
	defer context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(c.DrainTimeout, kill)
		context.AfterFunc(base, func() { timer.Stop() })
	})()

	guns := make([]*streamSender, len(c.Streams))
	for i, s := range c.Streams {
		guns[i] = newStreamSender(base, c, s, k, newTally(s, c.Shard))
	}
	over := make(chan struct{})
	written := make(chan error, 1)
	go func() {
		written <- k.run(over, func() {
			if c.Progress != nil {
				c.Progress(progress(guns, time.Now()))
			}
		}, stop)
	}()
	var wg sync.WaitGroup
	for _, g := range guns {
		wg.Go(func() { g.run(ctx, c) })
	}
	wg.Wait()
	close(over)
	err := <-written

	stats := Stats{}
	for _, g := range guns {
		one := g.tally.final()
		stats.Streams = append(stats.Streams, one)
		stats.Interrupted = stats.Interrupted || one.Due < g.pacer.schedule.count
	}
	return stats, guns, err
}

// run fires one stream.
func (g *streamSender) run(ctx context.Context, c Config) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	defer g.transport.CloseIdleConnections()
	initial, most := c.workers(g.stream)
	next := func(n uint64) bool { return g.pacer.pace(ctx, timer, n) }
	var stopped atomic.Pointer[time.Time] // nothing is due any more from then on
	defer context.AfterFunc(ctx, func() { now := time.Now(); stopped.Store(&now) })()
	attack(ctx, g.stream, g.stream.Target+g.stream.Path, initial, most, next, g)
	if at := stopped.Load(); at != nil {
		g.pacer.finish(*at, true)
		return
	}
	g.pacer.finish(time.Now(), false)
}

// eventWriter writes the generator's own events, if anybody wants them.
type eventWriter struct{ c Config }

func (t eventWriter) write(e record.Event) error {
	if t.c.Events == nil {
		return nil
	}
	e.At, e.Instance = record.At(time.Now())+t.c.ClockOffset, t.c.Instance
	return t.c.Events.Write(e)
}

func (t eventWriter) writeEnd(s Stats) error {
	noise, err := json.Marshal(s.HostStats)
	if err != nil {
		return fmt.Errorf("encoding noise: %w", err)
	}
	var sent uint64
	for _, one := range s.Streams {
		sent += one.Sent
	}
	events := []record.Event{
		{Payload: record.LoadEnd{Sent: int(sent)}},
		{Payload: record.HostStats{Phase: record.StatsLoad, Stats: noise}},
		{Payload: record.End{}},
	}
	if s.Interrupted {
		events = append([]record.Event{{Payload: record.Interrupted{Sent: int(sent)}}}, events...)
	}
	for _, e := range events {
		if err := t.write(e); err != nil {
			return err
		}
	}
	return nil
}
