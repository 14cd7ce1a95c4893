// Package local is the runtime of this machine. A pod is a child process on a
// loopback address of its own; the registry and the load generator are child
// processes, too. Hooks run in a shell with the pod's network and files.
//
// The package carries out what scenarios/run and scenarios/control decide, and
// decides nothing itself. No child outlives the harness, however that ends.
// Nothing is written outside the run directory.
package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/rundir"
)

// Options of the runtime. Dir is required.
type Options struct {
	// Dir is the directory of the run, created and locked.
	Dir *rundir.Dir
	// Executable is the program of each child, with one of these argument lists:
	//
	//	service ROLE   settings in the environment (settings.Env)
	//	registry --bind IP --port N --grpc-port N --push-delay D --events fd:3 --parent-fd 4
	//	load           a loadgen.Job on standard input, held open; progress on standard output
	//
	// On SIGINT each writes its last event and exits at once; on SIGTERM a
	// service shuts down gracefully. "" is this program.
	Executable string
	// Env is added to the environment of each child, as NAME=value.
	Env []string
}

// New returns the runtime. Its Run may be called once.
func New(o Options) run.Runtime { return &localRuntime{o} }

type localRuntime struct{ options Options }

// cleanupTimeout is the time that hooks and probes have to end once the run is
// over.
const cleanupTimeout = time.Second

// Run implements run.Runtime.
func (r *localRuntime) Run(ctx context.Context, p *plan.Plan, out run.Sink) (err error) {
	exe := r.options.Executable
	if exe == "" {
		if exe, err = os.Executable(); err != nil {
			return fmt.Errorf("%w: finding this program: %w", run.ErrEnvironment, err)
		}
	}
	tmp, err := filepath.Abs(r.options.Dir.Join("tmp")) // children have other working directories
	if err != nil {
		return fmt.Errorf("resolving the run directory: %w", err)
	}
	if err := os.MkdirAll(tmp, 0o755); err != nil {
		return fmt.Errorf("%w: making the run's temporary files: %w", run.ErrEnvironment, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp), removeEmptyLogs(r.options.Dir)) }()
	addresses, err := newAddressPool(p.Seed + uint64(os.Getpid())) //nolint:gosec // a process ID is not negative
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, addresses.close()) }()
	if err := preflight(p, addresses); err != nil {
		return err
	}
	s, err := newSupervisor(exe, r.options.Env)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	return runPlan(ctx, p, out, &resources{dir: r.options.Dir, tmp: tmp, addresses: addresses, supervisor: s})
}

// resources are what a run uses of the machine.
type resources struct {
	dir        *rundir.Dir
	tmp        string
	addresses  *addressPool
	supervisor *supervisor
}

func runPlan(ctx context.Context, p *plan.Plan, out run.Sink, res *resources) (err error) {
	reg, err := startRegistry(ctx, p, res)
	if err != nil {
		if ctx.Err() != nil { // the error is a consequence
			return fmt.Errorf("%w: while the registry was starting", run.ErrInterrupted)
		}
		return err
	}
	defer func() { err = errors.Join(err, reg.child.stop()) }()

	over, end := context.WithCancel(context.WithoutCancel(ctx))
	failed := make(chan error, 1)
	fail := func(err error) {
		select {
		case failed <- err:
		default: // one reason is enough
		}
	}
	x := newExecutor(p, res, reg.settings, fail)
	l := &load{plan: p, dir: res.dir, supervisor: res.supervisor, home: res.tmp, target: func() (string, error) { return entryURL(p, x.pods) }}
	defer func() { end(); err = errors.Join(err, x.wait(cleanupTimeout)) }()
	return run.Direct(ctx, p, run.Options{}, func(in run.Inbox) (run.Components, error) {
		x.containers.exited = in.Control
		x.containers.tail.onEvent = in.Observed
		x.wg.Go(func() {
			if err := x.containers.tail.run(over); err != nil {
				fail(fmt.Errorf("%w: %w", run.ErrEnvironment, err))
			}
		})
		x.wg.Go(func() { reg.watch(over.Done(), fail) })
		return run.Components{Executor: x, Load: l, Sink: out, Failed: failed, LoadProgress: l.process.Latest, HostStats: hostStatsJSON}, nil
	})
}

// entryURL is the base URL that the load is sent to: the oldest pod of the
// entry's workload.
func entryURL(p *plan.Plan, pods *podTable) (string, error) {
	addr, ok := pods.oldest(func(workload string) bool { return workload == p.Entry.Workload })
	if !ok {
		return "", fmt.Errorf("%w: the entry %q has no pod", run.ErrEnvironment, p.Entry.Workload)
	}
	return "http://" + addr.join(p.Entry.Port), nil
}

// preflight returns an error if a port that the run needs is taken. A process that
// listens on all addresses takes it at the node's address, too.
func preflight(p *plan.Plan, a *addressPool) error {
	if a.singleAddress() {
		return nil // free ports are found one by one
	}
	for _, w := range p.Workloads {
		if err := checkPortsFree(a.node(), w.Name, containerPorts(w.Settings)...); err != nil {
			return err
		}
	}
	port := cmp.Or(p.Registry.Port, defaultRegistryPort)
	return checkPortsFree(a.node(), cmp.Or(p.Registry.Workload, "the registry"), port, port+grpcOffset)
}
