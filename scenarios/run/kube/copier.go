package kube

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"

	"zeroloss/loadgen/collect"
	"zeroloss/loadgen/record"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/rundir"
)

// copier brings what the load pod collects into the run directory while it
// comes, so that a harness that is killed leaves what there was.
//
// The clock of the record is the load pod's (of several: the collector's, by
// which the others write, too). Instants of other clocks are
// corrected where they differ by more than can be told apart.
type copier struct {
	dir    *rundir.Dir
	shard  *shard
	client *collect.Client
	clock  record.Offset // the harness's to the collector's
	hear   func(record.Event)

	busy     sync.WaitGroup
	files    map[string]*os.File // events, by name; the follower's alone until busy is over
	ahead    map[string]record.Micros
	requests *os.File
	eventErr error
	logErr   error
	stopLog  context.CancelFunc
	stopAll  context.CancelFunc
}

func (c *copier) begin(over context.Context, fail func(error)) {
	c.files, c.ahead = map[string]*os.File{}, map[string]record.Micros{}
	// What is left is fetched after the run: finish ends them.
	all, stop := context.WithCancel(context.WithoutCancel(over))
	log, stopLog := context.WithCancel(all)
	c.stopAll, c.stopLog = stop, stopLog
	c.busy.Go(func() {
		if c.eventErr = c.client.Follow(all, "events", &collect.Sorter{Line: c.line}); c.eventErr != nil {
			fail(fmt.Errorf("%w: %w", run.ErrEnvironment, c.eventErr))
		}
	})
	c.busy.Go(func() { c.logErr = c.client.Follow(log, "requests", requestLog{c}) })
}

// line keeps one event's line, and tells the run of it.
func (c *copier) line(name string, line []byte) error {
	if name == collect.LoadName {
		name = c.shard.name()
	}
	f := c.files[name]
	if f == nil {
		var err error
		if f, err = c.dir.CreateEvents(name); err != nil {
			return err
		}
		c.files[name] = f
	}
	if _, err := f.Write(line); err != nil {
		return fmt.Errorf("writing events of %q: %w", name, err)
	}
	if bytes.Contains(line, stepInput) || bytes.Contains(line, stepDone) {
		return nil // many, long, and nothing to act upon
	}
	var e record.Event
	if json.Unmarshal(line, &e) != nil {
		return nil // the ledger's to report: it reads the file again, whole
	}
	if e.Kind == record.KindClockOffset {
		c.noteOffset(name, e)
	}
	if c.clock.Significant() {
		e.At -= c.clock.Ahead // the run goes by the harness's clock
	}
	c.hear(e)
	return nil
}

var (
	stepInput = []byte(`"kind":"` + string(record.KindMachineInput) + `"`)
	stepDone  = []byte(`"kind":"` + string(record.KindMachineOutput) + `"`)
)

func (c *copier) noteOffset(name string, e record.Event) {
	var o record.Offset
	if json.Unmarshal(e.Data, &o) == nil && o.Significant() {
		c.ahead[name] = o.Ahead
	}
}

// requestLog makes the file with the first byte: a load that never began has
// none.
type requestLog struct{ c *copier }

func (l requestLog) Write(b []byte) (int, error) {
	if l.c.requests == nil {
		f, err := os.OpenFile(l.c.dir.RequestsPath(l.c.shard.requests()), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if err != nil {
			return 0, fmt.Errorf("creating request log: %w", err)
		}
		l.c.requests = f
	}
	return l.c.requests.Write(b)
}

// finish fetches the rest, and closes.
func (c *copier) finish(ctx context.Context) error {
	if c.stopAll == nil {
		return nil // it never began
	}
	ctx, stop := context.WithTimeout(ctx, lastLogs)
	defer stop()
	defer context.AfterFunc(ctx, c.stopAll)()
	var asked error
	s, err := c.client.State(ctx)
	if err == nil {
		err = c.client.Close(ctx)
	}
	if asked = err; asked != nil {
		c.stopAll()
	} else if s.Load == nil && !s.Over {
		c.stopLog() // there is none
		c.busy.Wait()
		c.logErr = nil
	}
	c.busy.Wait()
	c.stopAll()
	err = errors.Join(asked, c.eventErr, c.logErr)
	if err != nil {
		err = fmt.Errorf("%w: fetching what the load pod has: %w", run.ErrEnvironment, err)
	}
	for name, f := range c.files {
		err = errors.Join(err, f.Close())
		if ahead := c.ahead[name]; ahead != 0 {
			err = errors.Join(err, c.correct(name, ahead))
		}
	}
	if c.requests != nil {
		err = errors.Join(err, c.requests.Close())
	}
	return err
}

// correct moves the instants of a file to the load pod's clock.
func (c *copier) correct(name string, ahead record.Micros) error {
	path := c.dir.EventsPath(name)
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("correcting the clock of %q: %w", name, err)
	}
	return rundir.WriteFile(path, shifted(b, ahead))
}

// shifted is event lines with their instants moved. A line that is no event
// stays as it is.
func shifted(text []byte, ahead record.Micros) []byte {
	var out bytes.Buffer
	for line := range bytes.Lines(text) {
		var e record.Event
		if json.Unmarshal(line, &e) != nil || e.Kind == "" {
			out.Write(line)
			continue
		}
		e.At += ahead
		if e.Since != 0 {
			e.Since += ahead
		}
		out.Write(mustJSON(e))
		out.WriteByte('\n')
	}
	return out.Bytes()
}

// sink is the harness's own, on the clock of the record.
func (c *copier) sink(to run.Sink) run.Sink {
	if !c.clock.Significant() {
		return to
	}
	return shiftedSink{to, c.clock.Ahead}
}

type shiftedSink struct {
	run.Sink
	ahead record.Micros
}

func (s shiftedSink) Event(e record.Event) error {
	e.At += s.ahead
	if e.Since != 0 {
		e.Since += s.ahead
	}
	return s.Sink.Event(e)
}

func mustJSON(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain data: cannot fail
	}
	return b
}
