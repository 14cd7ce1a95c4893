package loadpods

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"zeroloss/loadgen/collect"
	"zeroloss/loadgen/record"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/rundir"
)

// finishTimeout bounds the wait for what the load pods still have after the run.
const finishTimeout = 10 * time.Second

// Mirrors copy the logs of all load pods into the run directory.
type Mirrors []*logMirror

// NewMirrors returns those of a run's load pods; Start starts them.
func NewMirrors(dir *rundir.Dir, pods Pods) Mirrors {
	var all Mirrors
	for _, p := range pods {
		all = append(all, &logMirror{dir: dir, pod: p, client: p.client, harness: pods.Ahead()})
	}
	return all
}

// Start begins to copy. observed is told of each event, by this process's clock;
// fail of a copy that has failed. Finish ends it.
func (all Mirrors) Start(ctx context.Context, observed func(record.Event), fail func(error)) {
	for _, m := range all {
		m.observed = observed
		m.start(ctx, func(err error) { fail(m.pod.wrap(err)) })
	}
}

// Finish copies the rest and closes the logs.
func (all Mirrors) Finish(ctx context.Context) error {
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, m := range all {
		wg.Go(func() { errs[i] = m.pod.wrap(m.finish(ctx)) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// logMirror copies the logs of one load pod while they are written, so that a
// harness that is killed leaves what there was.
//
// The clock of the record is the load pod's (of several: the collector's, which
// the others write by, too). Instants of other clocks are corrected if they
// differ by more than the uncertainty.
type logMirror struct {
	dir      *rundir.Dir
	pod      *Pod
	client   *collect.Client
	harness  record.Micros // the record's clock, ahead of this process's
	observed func(record.Event)

	busy     sync.WaitGroup
	events   map[string]*os.File // by name; only the copying goroutine uses it until busy is over
	ahead    map[string]record.Micros
	requests *os.File
	eventErr error
	logErr   error
	stopLog  context.CancelFunc
	stopAll  context.CancelFunc
}

func (m *logMirror) start(ctx context.Context, fail func(error)) {
	m.events, m.ahead = map[string]*os.File{}, map[string]record.Micros{}
	// The rest is copied after the run: finish ends the copying.
	all, stop := context.WithCancel(context.WithoutCancel(ctx))
	log, stopLog := context.WithCancel(all)
	m.stopAll, m.stopLog = stop, stopLog
	m.busy.Go(func() {
		if m.eventErr = m.client.Follow(all, "events", &collect.EventSplitter{Line: m.line}); m.eventErr != nil {
			fail(fmt.Errorf("%w: %w", run.ErrEnvironment, m.eventErr))
		}
	})
	m.busy.Go(func() { m.logErr = m.client.Follow(log, "requests", requestWriter{m}) })
}

// line copies one event's line, and tells the run of it.
func (m *logMirror) line(name string, line []byte) error {
	if name == collect.LoadLogName {
		name = m.pod.logName()
	}
	f := m.events[name]
	if f == nil {
		var err error
		if f, err = m.dir.CreateEvents(name); err != nil {
			return err
		}
		m.events[name] = f
	}
	if _, err := f.Write(line); err != nil {
		return fmt.Errorf("writing events of %q: %w", name, err)
	}
	if record.IsMachineStep(line) {
		return nil // many, long, and nothing to act upon
	}
	var e record.Event
	if json.Unmarshal(line, &e) != nil {
		return nil //nolint:nilerr // the ledger reports it when it reads the whole file
	}
	if offset, ok := e.Payload.(record.ClockOffset); ok && record.Offset(offset).Significant() {
		m.ahead[name] = offset.Ahead
	}
	e.At -= m.harness // the run goes by the harness's clock
	m.observed(e)
	return nil
}

// requestWriter creates the request log with its first byte: a load that never
// began has none.
type requestWriter struct{ m *logMirror }

func (w requestWriter) Write(b []byte) (int, error) {
	m := w.m
	if m.requests == nil {
		f, err := os.OpenFile(m.dir.RequestsPath(m.pod.requestLog()), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if err != nil {
			return 0, fmt.Errorf("creating request log: %w", err)
		}
		m.requests = f
	}
	return m.requests.Write(b)
}

// finish copies the rest, and closes the logs.
func (m *logMirror) finish(ctx context.Context) error {
	if m.stopAll == nil {
		return nil // it never began
	}
	ctx, stop := context.WithTimeout(ctx, finishTimeout)
	defer stop()
	defer context.AfterFunc(ctx, m.stopAll)()
	s, err := m.client.State(ctx)
	if err == nil {
		err = m.client.Close(ctx)
	}
	if err != nil {
		m.stopAll()
	} else if s.Load == nil && !s.Over {
		m.stopLog() // no load has begun
		m.busy.Wait()
		m.logErr = nil
	}
	m.busy.Wait()
	m.stopAll()
	if err = errors.Join(err, m.eventErr, m.logErr); err != nil {
		err = fmt.Errorf("%w: fetching the load pod's logs: %w", run.ErrEnvironment, err)
	}
	for name, f := range m.events {
		err = errors.Join(err, f.Close())
		if ahead := m.ahead[name]; ahead != 0 {
			err = errors.Join(err, m.correctClock(name, ahead))
		}
	}
	if m.requests != nil {
		err = errors.Join(err, m.requests.Close())
	}
	return err
}

// correctClock moves the instants of an event log to the record's clock.
func (m *logMirror) correctClock(name string, ahead record.Micros) error {
	path := m.dir.EventsPath(name)
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("correcting the clock of %q: %w", name, err)
	}
	return rundir.WriteFile(path, shiftLines(b, ahead))
}

// shiftLines moves the instants of event lines. A line that is no event stays as
// it is.
func shiftLines(text []byte, ahead record.Micros) []byte {
	var out bytes.Buffer
	for line := range bytes.Lines(text) {
		var e record.Event
		if json.Unmarshal(line, &e) != nil {
			out.Write(line)
			continue
		}
		out.Write(mustJSON(e.Shift(ahead)))
		out.WriteByte('\n')
	}
	return out.Bytes()
}

func mustJSON(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain data: cannot fail
	}
	return b
}
