package loadgen

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"zeroloss/loadgen/record"
)

// Run sends the load and returns once the last response has arrived and the log
// is complete. When ctx is done, Run sends nothing more and gives requests in
// flight c.DrainTimeout to finish. That is not an error; Stats.Interrupted
// reports it. An error means that the load was not sent or not recorded as
// configured.
func Run(ctx context.Context, c Config) (Stats, error) {
	c, err := c.withDefaults()
	if err != nil {
		return Stats{}, err
	}
	now := time.Now()
	// From here on, time is measured by this machine's monotonic clock.
	c.Zero = now.Add(c.Zero.Sub(now) - time.Duration(c.ClockOffset)*time.Microsecond)
	k, err := newSink(c.Out, c.ClockOffset)
	if err != nil {
		return Stats{}, err
	}
	events := eventWriter{c: c}
	if err := events.write(record.Event{Payload: record.Starting{Streams: len(c.Streams)}}); err != nil {
		return Stats{}, err
	}
	before := readHost()
	stats, senders, err := sendAll(ctx, c, k)
	stats.HostStats = before.statsSince()
	if c.Progress != nil {
		last := progress(senders, time.Now())
		last.Stats = &stats
		c.Progress(last)
	}
	if err != nil {
		return stats, err
	}
	return stats, events.writeEnd(stats)
}

// sendAll sends all streams and runs the sink until both are finished.
func sendAll(ctx context.Context, c Config, k *sink) (Stats, []*streamSender, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	requestCtx, cancelRequests := context.WithCancel(context.WithoutCancel(ctx))
	defer cancelRequests()
	defer context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(c.DrainTimeout, cancelRequests)
		context.AfterFunc(requestCtx, func() { timer.Stop() })
	})()

	senders := make([]*streamSender, len(c.Streams))
	for i, s := range c.Streams {
		senders[i] = newStreamSender(requestCtx, c, s, k, newTally(s, c.Shard))
	}
	over := make(chan struct{})
	written := make(chan error, 1)
	go func() {
		written <- k.run(over, func() {
			if c.Progress != nil {
				c.Progress(progress(senders, time.Now()))
			}
		}, stop)
	}()
	var wg sync.WaitGroup
	for _, s := range senders {
		wg.Go(func() { s.run(ctx, c) })
	}
	wg.Wait()
	close(over)
	err := <-written

	stats := Stats{}
	for _, s := range senders {
		one := s.tally.final()
		stats.Streams = append(stats.Streams, one)
		stats.Interrupted = stats.Interrupted || one.Due < s.pacer.schedule.count
	}
	return stats, senders, err
}

// eventWriter writes the generator's own events, if the configuration asks for
// them.
type eventWriter struct{ c Config }

func (t eventWriter) write(e record.Event) error {
	if t.c.Events == nil {
		return nil
	}
	e.At, e.Instance = record.At(time.Now())+t.c.ClockOffset, t.c.Instance
	return t.c.Events.Write(e)
}

func (t eventWriter) writeEnd(s Stats) error {
	stats, err := json.Marshal(s.HostStats)
	if err != nil {
		return fmt.Errorf("encoding host stats: %w", err)
	}
	var sent uint64
	for _, one := range s.Streams {
		sent += one.Sent
	}
	events := []record.Event{
		{Payload: record.LoadEnd{Sent: int(sent)}},
		{Payload: record.HostStats{Phase: record.StatsLoad, Stats: stats}},
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
