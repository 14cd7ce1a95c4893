package local

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/rundir"
)

const (
	defaultRegistryPort  = 8848
	grpcOffset           = 1000 // Nacos' own: the SDKs' port is the HTTP port + 1000
	registryStartTimeout = 10 * time.Second
)

// registry is the registry server of a run, a child of its own.
type registry struct {
	child *child
	at    settings.Registry
}

// startRegistry starts it and waits until both ports answer.
func startRegistry(ctx context.Context, p *plan.Plan, dir *rundir.Dir, places *addressPool, n *supervisor, home string) (*registry, error) {
	who := cmp.Or(p.Registry.Workload, "the registry")
	port := cmp.Or(p.Registry.Port, defaultRegistryPort)
	all := []int{port, port + grpcOffset}
	at, err := places.allocate(who, all...)
	if err != nil {
		return nil, err
	}
	if err := checkPortsFree(at, who, all...); err != nil {
		return nil, err
	}
	r := &registry{at: settings.Registry{Host: at.ip, Port: at.port(port), GRPCPort: at.port(port + grpcOffset), PushDelay: p.PushDelay}}
	events, err := dir.CreateEvents(rundir.RegistryServer)
	if err != nil {
		return nil, err
	}
	log, err := createLog(dir, rundir.RegistryServer)
	if err != nil {
		return nil, errorsJoinClose(err, events)
	}
	args := []string{
		"registry", "--bind", at.ip, "--port", strconv.Itoa(r.at.Port), "--grpc-port", strconv.Itoa(r.at.GRPCPort),
		"--push-delay", p.PushDelay.String(), "--events", fmt.Sprintf("fd:%d", eventsFD), "--parent-fd", strconv.Itoa(parentFD),
	}
	o := childSpec{name: who, args: args, env: childEnv(nil, home), dir: home, events: events, log: log}
	// It greets people on standard output; a log is for what is wrong.
	o.pipes = func(c *exec.Cmd) error { c.Stdout = nil; return nil }
	if r.child, err = n.start(o, nil); err != nil {
		return nil, fmt.Errorf("%w: %w", run.ErrEnvironment, err)
	}
	for _, port := range all {
		if err := r.await(ctx, dir, at.addr(port)); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// await tries until addr accepts a connection.
func (r *registry) await(ctx context.Context, dir *rundir.Dir, addr string) error {
	ctx, stop := context.WithTimeout(ctx, registryStartTimeout)
	defer stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	var d net.Dialer
	for {
		c, err := d.DialContext(ctx, "tcp", addr)
		if err == nil {
			return c.Close()
		}
		select {
		case <-tick.C:
		case <-r.child.done:
			_, text := r.child.status()
			return fmt.Errorf("%w: the registry ended before it served: %s%s", run.ErrEnvironment, text, logTail(dir, rundir.RegistryServer))
		case <-ctx.Done():
			return fmt.Errorf("%w: the registry did not answer at %s: %w", run.ErrEnvironment, addr, err)
		}
	}
}

// watch fails the run when the registry ends while it is on.
func (r *registry) watch(over <-chan struct{}, fail func(error)) {
	select {
	case <-over:
	case <-r.child.done:
		_, text := r.child.status()
		fail(fmt.Errorf("%w: the registry ended during the run: %s", run.ErrEnvironment, text))
	}
}

// stopChild ends a child in order, and by KILL if that takes too long.
func stopChild(c *child, patience time.Duration) error {
	if err := c.signal(syscall.SIGINT); err != nil {
		return err
	}
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case <-c.done:
		return nil
	case <-t.C:
	}
	if err := c.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-c.done
	return fmt.Errorf("%w: %s had to be killed at the end", run.ErrEnvironment, c.name)
}
