package observe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"zeroloss/demo-services/registry"
	"zeroloss/demo-services/registry/nacos"
	"zeroloss/internal/ctxtime"
	"zeroloss/internal/input"
	"zeroloss/loadgen/record"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
)

// registryTimeout is how long a registry has to answer before a run begins.
const registryTimeout = 10 * time.Second

// RegistryWatch watches a target's instance list in a Nacos registry. It sees
// what a subscriber is told, and when: after the push.
type RegistryWatch struct {
	service *plan.Nacos
	dir     string // scratch, the SDK's
	client  *nacos.Client
}

// OpenRegistryWatch connects to the registry of a target and makes sure that it
// lists the target: a missing list would otherwise only show after the run. It
// returns nil if o is nil. grpc is the port that SDKs speak to; 0 means 1000
// above that of the address. The caller closes it.
func OpenRegistryWatch(ctx context.Context, o *plan.Nacos, grpc int) (_ *RegistryWatch, err error) {
	if o == nil {
		return nil, nil
	}
	host, text, err := net.SplitHostPort(o.Address)
	if err != nil {
		return nil, fmt.Errorf("%w: reading the registry's address: %w", run.ErrEnvironment, err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("%w: reading the registry's address: %w", run.ErrEnvironment, err)
	}
	w := &RegistryWatch{service: o}
	if w.dir, err = os.MkdirTemp("", "zeroloss-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Close())
		}
	}()
	ctx, stop := context.WithTimeout(ctx, registryTimeout)
	defer stop()
	w.client, err = nacos.Connect(ctx, nacos.Options{Host: host, Port: port, GRPCPort: grpc, Group: o.Group, Namespace: o.Namespace, Identity: "zeroloss-attach", Dir: w.dir})
	if err != nil {
		return nil, fmt.Errorf("%w: connecting to the registry that lists the target: %w\n  is it HOST:PORT of a Nacos 2 server? the port 1000 above has to be reachable from here, too", run.ErrEnvironment, err)
	}
	if err = w.checkListed(ctx); err != nil {
		return nil, err
	}
	return w, nil
}

// checkListed makes sure that the list has an instance.
func (w *RegistryWatch) checkListed(ctx context.Context) error {
	o := w.service
	for {
		hosts, err := w.client.Pull(ctx, o.Service)
		switch {
		case err == nil && len(hosts) > 0:
			return nil
		case err == nil:
			return fmt.Errorf("%w: the registry at %s lists no instance of %q (group %q, namespace %q)\n  is this the right service name?%s",
				run.ErrEnvironment, o.Address, o.Service, o.Group, cmp.Or(o.Namespace, "public"), w.didYouMean())
		case ctxtime.Sleep(ctx, 200*time.Millisecond) != nil:
			return fmt.Errorf("%w: reading the target's list: %w", run.ErrEnvironment, err)
		}
	}
}

// didYouMean suggests a name that the registry has.
func (w *RegistryWatch) didYouMean() string {
	names, err := w.client.Services()
	if err != nil {
		return "" // the error that it would add to is reported as it is
	}
	return strings.TrimRight(" "+input.DidYouMean(w.service.Service, names), " ")
}

// Close disconnects. It may be called on nil.
func (w *RegistryWatch) Close() error {
	if w == nil {
		return nil
	}
	var err error
	if w.client != nil {
		err = w.client.Close()
	}
	return errors.Join(err, os.RemoveAll(w.dir))
}

// Run writes an event for each instance that is added to the list or removed,
// until ctx ends. instanceAt returns the instance at an address, or the zero
// Instance for an address that no known pod has.
func (w *RegistryWatch) Run(ctx context.Context, instanceAt func(ip string) record.Instance, write func(record.Event)) error {
	var last []registry.Host
	if err := w.client.Subscribe(ctx, w.service.Service, func(now []registry.Host) {
		for _, e := range listChanges(last, now, instanceAt) {
			e.Service = w.service.Service
			write(e)
		}
		last = now
	}); err != nil {
		return fmt.Errorf("%w: watching %q in the registry at %s: %w", run.ErrEnvironment, w.service.Service, w.service.Address, err)
	}
	<-ctx.Done()
	return nil
}

// listChanges returns the differences of two lists. Addresses that belong to no
// known pod are reported without an instance.
func listChanges(before, after []registry.Host, instanceAt func(ip string) record.Instance) []record.Event {
	healthy := func(list []registry.Host) map[string]bool {
		out := map[string]bool{}
		for _, h := range list {
			if h.Enabled && h.Healthy {
				out[h.Addr()] = true
			}
		}
		return out
	}
	was, is := healthy(before), healthy(after)
	var out []record.Event
	for _, h := range before {
		if addr := h.Addr(); was[addr] && !is[addr] {
			out = append(out, record.Event{Instance: instanceAt(h.IP), Addr: addr, Payload: record.RegistryChange{Change: record.ChangeRemoved}})
		}
	}
	for _, h := range after {
		if addr := h.Addr(); is[addr] && !was[addr] {
			out = append(out, record.Event{Instance: instanceAt(h.IP), Addr: addr, Payload: record.RegistryChange{Change: record.ChangeAdded}})
		}
	}
	return out
}
