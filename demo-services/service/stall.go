package service

import (
	"context"
	"time"

	"zeroloss/loadgen/record"
)

const (
	// stallCheckInterval is how often a service looks whether it is let run.
	stallCheckInterval = 50 * time.Millisecond
	// minStall is what counts: a third of the time that a dial may take.
	minStall = 100 * time.Millisecond
)

// watchStalls writes down when this process was not let run though it had
// something to do: its machine was busy, or its share of it used up. Whoever
// timed out then was not lost by anything that a release did.
func (s *Service) watchStalls(ctx context.Context) {
	t := time.NewTimer(stallCheckInterval)
	defer t.Stop()
	for due := time.Now().Add(stallCheckInterval); ; due = time.Now().Add(stallCheckInterval) {
		select {
		case <-ctx.Done():
			return
		case <-s.gone:
			return
		case <-t.C:
		}
		if e, ok := stallEvent(due, time.Now()); ok {
			s.events.note(e)
		}
		t.Reset(stallCheckInterval)
	}
}

// stallEvent is the event of a process that was due to run at due and did so at
// now, if it is worth one.
func stallEvent(due, now time.Time) (record.Event, bool) {
	late := now.Sub(due)
	if late < minStall {
		return record.Event{}, false
	}
	return record.Event{Kind: record.KindStalled, Since: record.At(due), N: late.Microseconds()}, true
}
