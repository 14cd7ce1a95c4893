package local

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"time"

	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/rundir"
)

// load is the load generator of a run, as a child process. It implements
// run.Load.
type load struct {
	plan       *plan.Plan
	dir        *rundir.Dir
	supervisor *supervisor
	home       string
	target     func() (string, error) // base URL of the entry
	process    run.LoadProcess

	mu    sync.Mutex
	child *child
}

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
	job, err := run.NewLoadJob(l.plan, l.dir, zero)
	if err != nil {
		return err
	}
	job.Target, job.Events = target, fmt.Sprintf("/dev/fd/%d", eventsFD)
	events, err := l.dir.CreateEvents(rundir.Load)
	if err != nil {
		return err
	}
	log, err := createLog(l.dir, rundir.Load)
	if err != nil {
		return joinClose(err, events)
	}
	var reading error
	spec := childSpec{
		name: "the load generator", args: []string{"load"}, env: childEnv(nil, l.home), dir: l.home, events: events, log: log,
		pipes: l.process.Connect,
		read:  func() { reading = l.process.ReadProgress() },
	}
	c, err := l.supervisor.start(spec, func(c *child) { done(l.outcome(c, reading)) })
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.child = c
	l.mu.Unlock()
	if err := l.process.Send(job); err != nil {
		return c.signal(syscall.SIGKILL) // its exit says more than the broken pipe
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
		go func() { _ = c.stop() }() // if it has to be killed, its outcome says so
	}
}

var _ run.Load = (*load)(nil)
