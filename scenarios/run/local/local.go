// Package local is the runtime of this machine: a pod is a child process on a
// loopback address of its own, the registry and the load generator are
// children too, hooks run in a shell that knows the pod's network and files.
//
// It executes what scenarios/run and scenarios/control decide, and decides
// nothing itself. No child outlives the harness, however that ends. Nothing is
// written outside the run directory.
package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/rundir"
)

// Options is what the runtime needs. Dir is required.
type Options struct {
	// Dir is the run's directory, created and locked.
	Dir *rundir.Dir
	// Executable is started for each child, with one of these arguments:
	//
	//	service ROLE   settings in the environment (settings.Env)
	//	registry --bind IP --port N --grpc-port N --push-delay D --events fd:3 --parent-fd 4
	//	load           a loadgen.Job on standard input, held open; progress on standard output
	//
	// SIGINT tells each to write its end and go at once; SIGTERM tells a
	// service to go in order. "" is this program.
	Executable string
	// Env is added to every child's environment, as NAME=value.
	Env []string
}

// New is the runtime. Its Run may be called once.
func New(o Options) run.Runtime { return &localRuntime{o} }

// localRuntime is this one, as a runtime.
type localRuntime struct{ o Options }

// cleanupTimeout is what hooks and probes have to notice that the run is over.
const cleanupTimeout = time.Second

// Run implements run.Runtime.
func (r *localRuntime) Run(ctx context.Context, p *plan.Plan, out run.Sink) (err error) {
	exe := r.o.Executable
	if exe == "" {
		if exe, err = os.Executable(); err != nil {
			return fmt.Errorf("%w: finding this program: %w", run.ErrEnvironment, err)
		}
	}
	// Absolute: children have directories of their own.
	tmp, err := filepath.Abs(r.o.Dir.Join("tmp"))
	if err != nil {
		return fmt.Errorf("finding the run directory: %w", err)
	}
	if err := os.MkdirAll(tmp, 0o755); err != nil {
		return fmt.Errorf("%w: making the run's temporary files: %w", run.ErrEnvironment, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp), removeEmptyLogs(r.o.Dir)) }()
	places, err := newAddressPool(p.Seed + uint64(os.Getpid()))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, places.close()) }()
	if err := preflight(p, places); err != nil {
		return err
	}
	nursery, err := newSupervisor(exe, r.o.Env)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, nursery.close()) }()
	return runPlan(ctx, p, out, &environment{dir: r.o.Dir, tmp: tmp, places: places, nursery: nursery})
}

// environment is what a run is played on.
type environment struct {
	dir     *rundir.Dir
	tmp     string
	places  *addressPool
	nursery *supervisor
}

func runPlan(ctx context.Context, p *plan.Plan, out run.Sink, s *environment) (err error) {
	reg, err := startRegistry(ctx, p, s.dir, s.places, s.nursery, s.tmp)
	if err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("%w: while the registry came up", run.ErrInterrupted) // whose failing is but a consequence
		}
		return err
	}
	defer func() { err = errors.Join(err, stopChild(reg.child, stopTimeout)) }()

	over, end := context.WithCancel(context.WithoutCancel(ctx))
	failed := make(chan error, 1)
	n := &node{
		plan: p, dir: s.dir, tmp: s.tmp, addresses: s.places, supervisor: s.nursery, registry: reg.at, failed: failed,
		children: map[record.Instance]*child{}, hooks: map[record.Instance]context.CancelFunc{}, pods: map[string]livePod{},
	}
	l := &load{plan: p, dir: s.dir, supervisor: s.nursery, home: s.tmp, target: n.entry}
	defer func() { end(); err = errors.Join(err, n.wait(cleanupTimeout)) }()
	return run.Direct(ctx, p, func(in run.Inbox) (run.Components, error) {
		n.inbox, n.tail = in, &eventTail{onEvent: in.Observed}
		n.goTracked(func() {
			if err := n.tail.run(over); err != nil {
				n.fail(fmt.Errorf("%w: %w", run.ErrEnvironment, err))
			}
		})
		n.goTracked(func() { reg.watch(over.Done(), n.fail) })
		return run.Components{Executor: n, Load: l, Sink: out, Failed: failed, LoadProgress: l.counts.Latest, HostStats: hostStatsJSON}, nil
	})
}

// entry is the base URL that the load goes to: the oldest pod of the entry's
// workload.
func (n *node) entry() (string, error) {
	e := n.plan.Entry
	p, ok := n.oldest(func(w string) bool { return w == e.Workload })
	if !ok {
		return "", fmt.Errorf("%w: the entry %q has no pod", run.ErrEnvironment, e.Workload)
	}
	return "http://" + p.addr(e.Port), nil
}

// preflight refuses to start anything where a port is taken that something
// will ask for. What listens on all addresses shows on the node's too.
func preflight(p *plan.Plan, a *addressPool) error {
	if a.singleAddress() {
		return nil // ports are found one by one
	}
	for _, w := range p.Workloads {
		if err := checkPortsFree(a.node(), w.Name, ports(w.Settings)...); err != nil {
			return err
		}
	}
	port := cmp.Or(p.Registry.Port, defaultRegistryPort)
	return checkPortsFree(a.node(), cmp.Or(p.Registry.Workload, "the registry"), port, port+grpcOffset)
}

// logsDir has what children write to standard output and error: nothing,
// unless something is wrong.
const logsDir = "logs"

func createLog(dir *rundir.Dir, name string) (*os.File, error) {
	if err := os.MkdirAll(dir.Join(logsDir), 0o755); err != nil {
		return nil, fmt.Errorf("making the children's logs: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir.Join(logsDir), name+".log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("making the log of %s: %w", name, err)
	}
	return f, nil
}

// logTail is the end of what a child wrote, for the error of its end.
func logTail(dir *rundir.Dir, name string) string {
	const most = 400
	b, err := os.ReadFile(filepath.Join(dir.Join(logsDir), name+".log"))
	text := strings.TrimSpace(string(b[max(0, len(b)-most):]))
	if err != nil || text == "" {
		return ""
	}
	return fmt.Sprintf(": %s (logs/%s.log)", text, name)
}

// removeEmptyLogs removes the logs that nothing was written to.
func removeEmptyLogs(dir *rundir.Dir) error {
	entries, err := os.ReadDir(dir.Join(logsDir))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	kept := 0
	for _, e := range entries {
		info, statErr := e.Info()
		if statErr == nil && info.Size() > 0 {
			kept++
			continue
		}
		err = errors.Join(err, statErr, os.Remove(filepath.Join(dir.Join(logsDir), e.Name())))
	}
	if kept == 0 && err == nil {
		err = os.Remove(dir.Join(logsDir))
	}
	return err
}

func errorsJoinClose(err error, files ...io.Closer) error {
	for _, f := range files {
		err = errors.Join(err, f.Close())
	}
	return err
}

var (
	_ run.Executor = (*node)(nil)
	_ run.Load     = (*load)(nil)
)
