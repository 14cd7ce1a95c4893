package local

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os/exec"
	"strconv"
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

// registry is the registry server of a run, as a child process.
type registry struct {
	child    *child
	settings settings.Registry // where it listens
}

// startRegistry starts the registry and waits until both of its ports accept
// connections.
func startRegistry(ctx context.Context, p *plan.Plan, res *resources) (*registry, error) {
	name := cmp.Or(p.Registry.Workload, "the registry")
	port := cmp.Or(p.Registry.Port, defaultRegistryPort)
	ports := []int{port, port + grpcOffset}
	addr, err := res.addresses.allocate(name, ports...)
	if err != nil {
		return nil, err
	}
	if err := checkPortsFree(addr, name, ports...); err != nil {
		return nil, err
	}
	r := &registry{settings: settings.Registry{Host: addr.ip, Port: addr.port(port), GRPCPort: addr.port(port + grpcOffset), PushDelay: p.PushDelay}}
	events, err := res.dir.CreateEvents(rundir.RegistryServer)
	if err != nil {
		return nil, err
	}
	log, err := createLog(res.dir, rundir.RegistryServer)
	if err != nil {
		return nil, joinClose(err, events)
	}
	spec := childSpec{
		name: name, env: childEnv(nil, res.tmp), dir: res.tmp, events: events, log: log,
		args: []string{
			"registry", "--bind", addr.ip, "--port", strconv.Itoa(r.settings.Port), "--grpc-port", strconv.Itoa(r.settings.GRPCPort),
			"--push-delay", p.PushDelay.String(), "--events", fmt.Sprintf("fd:%d", eventsFD), "--parent-fd", strconv.Itoa(parentFD),
		},
		pipes: func(c *exec.Cmd) error { c.Stdout = nil; return nil }, // its greeting is no error
	}
	if r.child, err = res.supervisor.start(spec, nil); err != nil {
		return nil, fmt.Errorf("%w: %w", run.ErrEnvironment, err)
	}
	for _, port := range ports {
		if err := r.await(ctx, res.dir, addr.join(port)); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// await waits until addr accepts a connection.
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
			return fmt.Errorf("%w: the registry ended while it was starting: %s%s", run.ErrEnvironment, text, logTail(dir, rundir.RegistryServer))
		case <-ctx.Done():
			return fmt.Errorf("%w: the registry did not answer at %s: %w", run.ErrEnvironment, addr, err)
		}
	}
}

// watch ends the run if the registry ends before over is closed.
func (r *registry) watch(over <-chan struct{}, fail func(error)) {
	select {
	case <-over:
	case <-r.child.done:
		_, text := r.child.status()
		fail(fmt.Errorf("%w: the registry ended during the run: %s", run.ErrEnvironment, text))
	}
}
