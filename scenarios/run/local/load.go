package local

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"zeroloss/loadgen"
	"zeroloss/loadgen/record"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/rundir"
)

// load is the generator of a run, a child of its own.
type load struct {
	plan       *plan.Plan
	dir        *rundir.Dir
	supervisor *supervisor
	home       string
	target     func() (string, error) // base URL of the entry

	mu     sync.Mutex
	child  *child
	counts run.ProgressReader
}

// stopTimeout is what a load that is told to stop has to close its log.
const stopTimeout = 1500 * time.Millisecond

// Start implements run.Load.
func (l *load) Start(_ context.Context, zero time.Time, done func(error)) {
	if err := l.start(zero, done); err != nil {
		go done(err) // not from within the call
	}
}

func (l *load) start(zero time.Time, done func(error)) error {
	target, err := l.target()
	if err != nil {
		return err
	}
	// The child has a working directory of its own.
	requests, err := filepath.Abs(l.dir.RequestsPath(""))
	if err != nil {
		return fmt.Errorf("naming the request log: %w", err)
	}
	streams, err := run.ResolveHeaders(l.plan.Streams)
	if err != nil {
		return err
	}
	job, err := json.Marshal(loadgen.Job{
		Schema: loadgen.JobSchema, Target: target, Zero: record.At(zero), Streams: streams,
		Requests: requests, Events: fmt.Sprintf("/dev/fd/%d", eventsFD),
		Instance: record.Instance{Pod: rundir.Load, Incarnation: 1},
	})
	if err != nil {
		return fmt.Errorf("writing the load's job: %w", err)
	}
	events, err := l.dir.CreateEvents(rundir.Load)
	if err != nil {
		return err
	}
	log, err := createLog(l.dir, rundir.Load)
	if err != nil {
		return errorsJoinClose(err, events)
	}
	// The child takes the end of its input for the end of the harness: it
	// stays open while the child lives.
	var in io.WriteCloser
	var out io.ReadCloser
	o := childSpec{
		name: "the load generator", args: []string{"load"}, env: childEnv(nil, l.home), dir: l.home, events: events, log: log,
		pipes: func(c *exec.Cmd) (err error) {
			if in, err = c.StdinPipe(); err != nil {
				return err
			}
			c.Stdout = nil
			out, err = c.StdoutPipe()
			return err
		},
	}
	var reading error
	o.read = func() { reading = l.counts.Read(out) }
	c, err := l.supervisor.start(o, func(c *child) { done(l.outcome(c, reading)) })
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.child = c
	l.mu.Unlock()
	if _, err := in.Write(job); err != nil {
		// Its exit tells more than the broken pipe does.
		return c.signal(syscall.SIGKILL)
	}
	return nil
}

func (l *load) outcome(c *child, err error) error {
	if code, text := c.status(); code != 0 {
		return fmt.Errorf("it ended with %s%s", text, logTail(l.dir, rundir.Load))
	}
	return err
}

// Stop implements run.Load.
func (l *load) Stop() {
	l.mu.Lock()
	c := l.child
	l.mu.Unlock()
	if c != nil {
		// That it had to be killed shows in its outcome.
		go func() { _ = stopChild(c, stopTimeout) }()
	}
}
