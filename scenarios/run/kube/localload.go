package kube

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/loadpods"
	"zeroloss/scenarios/rundir"
)

// localLoad is a load that a process of this machine generates. It implements
// run.Load.
type localLoad struct {
	plan       *plan.Plan
	dir        *rundir.Dir
	executable string
	process    run.LoadProcess

	mu  sync.Mutex
	cmd *exec.Cmd
}

// closeTimeout is how long a load that is told to stop may take to close its log,
// once what it has in flight is answered.
const closeTimeout = 1500 * time.Millisecond

// Start implements run.Load.
func (l *localLoad) Start(_ context.Context, zero time.Time, done func(error)) {
	go func() { done(l.run(zero)) }()
}

func (l *localLoad) run(zero time.Time) error {
	job, err := run.NewLoadJob(l.plan, l.dir, zero)
	if err != nil {
		return err
	}
	events, err := l.dir.CreateEvents(rundir.Load)
	if err != nil {
		return err
	}
	if err := events.Close(); err != nil {
		return fmt.Errorf("creating the events of the load: %w", err)
	}
	job.Events, job.Linger = events.Name(), loadpods.Linger(l.plan)
	exe := l.executable
	if exe == "" {
		if exe, err = os.Executable(); err != nil {
			return fmt.Errorf("finding this program: %w", err)
		}
	}
	var said strings.Builder
	cmd := exec.Command(exe, "load")
	cmd.Stderr = &said
	if err := l.process.Connect(cmd); err != nil {
		return fmt.Errorf("starting the load: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting the load: %w", err)
	}
	l.mu.Lock()
	l.cmd = cmd
	l.mu.Unlock()
	werr := l.process.Send(job)
	rerr := l.process.ReadProgress()
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("the load ended with %w: %s", err, strings.TrimSpace(said.String()))
	}
	return errors.Join(werr, rerr)
}

// Stop implements run.Load.
func (l *localLoad) Stop() {
	l.mu.Lock()
	cmd := l.cmd
	l.mu.Unlock()
	if cmd == nil {
		return
	}
	// If it has to be killed, its outcome says so.
	_ = cmd.Process.Signal(os.Interrupt)
	time.AfterFunc(loadpods.Linger(l.plan)+closeTimeout, func() { _ = cmd.Process.Kill() })
}

var _ run.Load = (*localLoad)(nil)
