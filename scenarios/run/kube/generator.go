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

// generator is what sends an attached run's load: load pods, or a process of this
// machine.
type generator struct {
	run.Load
	progress func() []run.StreamCount
	begin    func(a *runActivity, in run.Inbox, out run.Sink) (run.Sink, error) // returns the sink of the harness
	finish   func(context.Context) error
}

func (r *Attached) generator(p *plan.Plan, pods loadpods.Pods) *generator {
	if len(pods) == 0 {
		l := &localLoad{plan: p, dir: r.o.Dir, executable: r.o.Binary}
		return &generator{
			Load: l, progress: l.process.Latest,
			begin:  func(_ *runActivity, _ run.Inbox, out run.Sink) (run.Sink, error) { return out, nil },
			finish: func(context.Context) error { return nil },
		}
	}
	logs := loadpods.NewMirrors(r.o.Dir, pods)
	l := loadpods.NewLoad(p, pods, func() (string, error) { return "", nil }, nil) // each stream has a target of its own
	return &generator{
		Load: l, progress: l.Progress, finish: logs.Finish,
		begin: func(a *runActivity, in run.Inbox, out run.Sink) (run.Sink, error) {
			if err := pods.RecordClocks(out); err != nil {
				return nil, err
			}
			logs.Start(a.ctx, in.Observed, a.fail)
			return pods.Sink(out), nil
		},
	}
}

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
	job.Events, job.DrainTimeout = events.Name(), loadpods.Linger(l.plan)
	exe := l.executable
	if exe == "" {
		if exe, err = os.Executable(); err != nil {
			return fmt.Errorf("finding this program: %w", err)
		}
	}
	var said strings.Builder
	cmd := exec.Command(exe, "load") //nolint:gosec,noctx // this program; Stop ends it, in its time
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
