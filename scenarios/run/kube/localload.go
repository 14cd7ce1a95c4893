package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"zeroloss/loadgen"
	"zeroloss/loadgen/record"
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

	mu       sync.Mutex
	cmd      *exec.Cmd
	progress run.ProgressReader
}

// closeTimeout is how long a load that is told to stop may take to close its log,
// once what it has in flight is answered.
const closeTimeout = 1500 * time.Millisecond

// Start implements run.Load.
func (l *localLoad) Start(_ context.Context, zero time.Time, done func(error)) {
	go func() { done(l.run(zero)) }()
}

func (l *localLoad) run(zero time.Time) error {
	requests, err := filepath.Abs(l.dir.RequestsPath(""))
	if err != nil {
		return fmt.Errorf("resolving the request log: %w", err)
	}
	events, err := l.dir.CreateEvents(rundir.Load)
	if err != nil {
		return err
	}
	streams, err := run.ResolveHeaders(l.plan.Streams)
	if err != nil {
		return err
	}
	job, err := json.Marshal(loadgen.Job{
		Schema: loadgen.JobSchema, Target: "", Zero: record.At(zero), Streams: streams, Linger: loadpods.Linger(l.plan),
		Requests: requests, Events: events.Name(), Instance: record.Instance{Pod: rundir.Load, Incarnation: 1},
	})
	if err = errors.Join(err, events.Close()); err != nil {
		return fmt.Errorf("writing the load's job: %w", err)
	}
	exe := l.executable
	if exe == "" {
		if exe, err = os.Executable(); err != nil {
			return fmt.Errorf("finding this program: %w", err)
		}
	}
	var said strings.Builder
	cmd := exec.Command(exe, "load")
	cmd.Stderr = &said
	in, err := cmd.StdinPipe() // held open: the load takes its end for that of this process
	if err != nil {
		return fmt.Errorf("starting the load: %w", err)
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("starting the load: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting the load: %w", err)
	}
	l.mu.Lock()
	l.cmd = cmd
	l.mu.Unlock()
	_, werr := in.Write(job)
	rerr := l.progress.Read(out)
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
