package service

import (
	"context"
	"time"

	"zeroloss/loadgen/record"
)

const (
	// stallCheckInterval is how often a service checks whether it gets CPU time.
	stallCheckInterval = 50 * time.Millisecond
	// minStall is the shortest stall that is logged: a third of the dial timeout.
	minStall = 100 * time.Millisecond
)

// watchStalls logs when this process got no CPU time although it had something
// to do: the machine was busy or the process was throttled. A request that timed
// out then was not lost by a release.
func (l *eventLog) watchStalls(ctx context.Context, stopped <-chan struct{}) {
	t := time.NewTimer(stallCheckInterval)
	defer t.Stop()
	for due := time.Now().Add(stallCheckInterval); ; due = time.Now().Add(stallCheckInterval) {
		select {
		case <-ctx.Done():
			return
		case <-stopped:
			return
		case <-t.C:
		}
		if e, ok := stallEvent(due, time.Now()); ok {
			l.note(e)
		}
		t.Reset(stallCheckInterval)
	}
}

// stallEvent returns the event of a process that was due to run at due and ran
// at now, if the delay is long enough to be logged.
func stallEvent(due, now time.Time) (record.Event, bool) {
	late := now.Sub(due)
	if late < minStall {
		return record.Event{}, false
	}
	return record.Event{Payload: record.Stalled{Since: record.At(due), Duration: late}}, true
}
