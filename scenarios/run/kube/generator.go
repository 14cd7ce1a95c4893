package kube

import (
	"cmp"
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
	"zeroloss/scenarios/rundir"
)

// generator is where an attached run's load comes from: a pod of ours, or a
// process of this machine.
type generator struct {
	run.Load
	clock  record.Micros // of the record, ahead of this process's
	latest func() []run.StreamCount
	begin  func(over context.Context, in run.Inbox, fail func(error)) (run.Sink, error)
	finish func(context.Context) error
}

func (r *Attached) generator(ctx context.Context, s *stage, n *node) (*generator, error) {
	if !r.o.InCluster {
		h := &here{plan: s.p, dir: r.o.Dir, executable: r.o.Binary}
		return &generator{
			Load: h, latest: h.counts.Latest,
			begin:  func(context.Context, run.Inbox, func(error)) (run.Sink, error) { return s.out, nil },
			finish: func(context.Context) error { return nil },
		}, nil
	}
	shards, err := s.shards(ctx)
	if err != nil {
		return nil, err
	}
	n.client = shards[0].client
	c := newCopiers(r.o.Dir, shards)
	l := &load{plan: s.p, shards: shards, target: n.entry}
	g := &generator{Load: l, latest: l.latest, finish: c.finish}
	if clock := shards[0].clock; clock.Significant() {
		g.clock = clock.Ahead
	}
	g.begin = func(over context.Context, in run.Inbox, fail func(error)) (run.Sink, error) {
		if err := s.tellClocks(shards); err != nil {
			return nil, err
		}
		c.begin(over, in.Observed, fail)
		return c[0].sink(s.out), nil
	}
	return g, nil
}

// here is the generator as a process of this machine.
type here struct {
	plan       *plan.Plan
	dir        *rundir.Dir
	executable string

	mu     sync.Mutex
	cmd    *exec.Cmd
	counts run.ProgressReader
}

// closeFor is what a load that is told to stop has to close its log, once what
// it has in flight is answered.
const closeFor = 1500 * time.Millisecond

// patience is how long the requests in flight may go on once the load is told to
// stop: each to its time-out, so that none is lost by the stop.
func patience(p *plan.Plan) time.Duration {
	var longest time.Duration
	for _, s := range p.Streams {
		longest = max(longest, cmp.Or(s.Timeout, loadgen.DefaultTimeout))
	}
	return longest + 100*time.Millisecond
}

// Start implements run.Load.
func (h *here) Start(_ context.Context, zero time.Time, done func(error)) {
	go func() { done(h.run(zero)) }()
}

func (h *here) run(zero time.Time) error {
	requests, err := filepath.Abs(h.dir.RequestsPath(""))
	if err != nil {
		return fmt.Errorf("naming the request log: %w", err)
	}
	events, err := h.dir.CreateEvents(rundir.Load)
	if err != nil {
		return err
	}
	streams, err := run.ResolveHeaders(h.plan.Streams)
	if err != nil {
		return err
	}
	job, err := json.Marshal(loadgen.Job{
		Schema: loadgen.JobSchema, Target: "", Zero: record.At(zero), Streams: streams, Linger: patience(h.plan),
		Requests: requests, Events: events.Name(), Instance: record.Instance{Pod: rundir.Load, Incarnation: 1},
	})
	if err = errors.Join(err, events.Close()); err != nil {
		return fmt.Errorf("writing the load's job: %w", err)
	}
	exe := h.executable
	if exe == "" {
		if exe, err = os.Executable(); err != nil {
			return fmt.Errorf("finding this program: %w", err)
		}
	}
	var said strings.Builder
	cmd := exec.Command(exe, "load")
	cmd.Stderr = &said
	in, err := cmd.StdinPipe() // held open: its end would be taken for ours
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
	h.mu.Lock()
	h.cmd = cmd
	h.mu.Unlock()
	_, werr := in.Write(job)
	rerr := h.counts.Read(out)
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("the load ended with %w: %s", err, strings.TrimSpace(said.String()))
	}
	return errors.Join(werr, rerr)
}

// Stop implements run.Load.
func (h *here) Stop() {
	h.mu.Lock()
	cmd := h.cmd
	h.mu.Unlock()
	if cmd == nil {
		return
	}
	// That it had to be killed shows in its outcome.
	_ = cmd.Process.Signal(os.Interrupt)
	time.AfterFunc(patience(h.plan)+closeFor, func() { _ = cmd.Process.Kill() })
}
