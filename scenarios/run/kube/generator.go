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

// generator sends an attached run's load: from load pods, or from a process of this
// machine.
type generator interface {
	run.Load
	// Progress is called often during the run, from several goroutines.
	Progress() []run.StreamCount
	// begin is called once, before Start. It returns the sink of the harness.
	begin(a *runActivity, in run.Inbox, out run.Sink) (run.Sink, error)
	// finish is called once, after the run.
	finish(ctx context.Context) error
}

// podLoad is a load that load pods generate.
type podLoad struct {
	*loadpods.Load
	pods loadpods.Pods
	logs loadpods.Mirrors
}

func newPodLoad(p *plan.Plan, pods loadpods.Pods, dir *rundir.Dir) *podLoad {
	noEntry := func() (string, error) { return "", nil } // each stream has a target of its own
	return &podLoad{loadpods.NewLoad(p, pods, noEntry, nil), pods, loadpods.NewMirrors(dir, pods)}
}

func (l *podLoad) begin(a *runActivity, in run.Inbox, out run.Sink) (run.Sink, error) {
	if err := l.pods.RecordClocks(out); err != nil {
		return nil, err
	}
	l.logs.Start(a.ctx, in.Observed, a.fail)
	return l.pods.Sink(out), nil
}

func (l *podLoad) finish(ctx context.Context) error { return l.logs.Finish(ctx) }

// localLoad is a load that a process of this machine generates.
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
	cmd := exec.Command(exe, "load") //nolint:noctx // Stop ends it, in its time
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

// Progress returns what the process has last reported.
func (l *localLoad) Progress() []run.StreamCount { return l.process.Latest() }

func (l *localLoad) begin(_ *runActivity, _ run.Inbox, out run.Sink) (run.Sink, error) {
	return out, nil
}

func (l *localLoad) finish(context.Context) error { return nil }

var (
	_ generator = (*podLoad)(nil)
	_ generator = (*localLoad)(nil)
)
