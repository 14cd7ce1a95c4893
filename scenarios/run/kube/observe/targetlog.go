package observe

import (
	"errors"
	"os"
	"sync"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/rundir"
)

// TargetLog is the run directory's event log of a target: what is seen of it
// besides its pods. It is safe for concurrent use.
type TargetLog struct {
	ahead record.Micros

	mu     sync.Mutex
	file   *os.File
	events *record.EventWriter
	err    error // the first one
}

// CreateTargetLog creates the log in dir. ahead is how far the record's clock is
// ahead of this process's.
func CreateTargetLog(dir *rundir.Dir, ahead record.Micros) (*TargetLog, error) {
	f, err := dir.CreateEvents("target")
	if err != nil {
		return nil, err
	}
	return &TargetLog{ahead: ahead, file: f, events: record.NewEventWriter(f)}, nil
}

// Write writes e with the present time. Close returns an error of it.
func (l *TargetLog) Write(e record.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.At = record.At(time.Now()) + l.ahead
	if err := l.events.Write(e); err != nil && l.err == nil {
		l.err = err
	}
}

// Close ends the log.
func (l *TargetLog) Close() error {
	l.Write(record.Event{Payload: record.End{}})
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.err, l.file.Close())
}
