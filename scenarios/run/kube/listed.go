package kube

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
	"zeroloss/internal/input"
	"zeroloss/loadgen/record"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
)

// openFor is how long a registry has to answer before a run begins.
const openFor = 10 * time.Second

// listing is a target's list in a registry: who is added to it and who is
// removed. That is what a subscriber is told, and when: after the push.
type listing struct {
	of     *plan.Nacos
	dir    string // the SDK's
	client *nacos.Client
}

// openList connects to the registry of a target, and makes sure that it is
// listed there; nil if it has none. What would not be told during a run is not
// found out after it. grpc is the port that SDKs speak to; 0 is 1000 above the
// address'. Whoever opens it closes it.
func openList(ctx context.Context, o *plan.Nacos, grpc int) (_ *listing, err error) {
	if o == nil {
		return nil, nil
	}
	host, text, err := net.SplitHostPort(o.Address)
	if err != nil {
		return nil, fmt.Errorf("%w: the registry's address: %w", run.ErrEnvironment, err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("%w: the registry's address: %w", run.ErrEnvironment, err)
	}
	l := &listing{of: o}
	if l.dir, err = os.MkdirTemp("", "zeroloss-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close())
		}
	}()
	ctx, stop := context.WithTimeout(ctx, openFor)
	defer stop()
	l.client, err = nacos.Connect(ctx, nacos.Options{Host: host, Port: port, GRPCPort: grpc, Group: o.Group, Namespace: o.Namespace, Identity: "zeroloss-attach", Dir: l.dir})
	if err != nil {
		return nil, fmt.Errorf("%w: the registry that is to list the target: %w\n  is it HOST:PORT of a Nacos 2 server? its port 1000 above has to be reachable from here, too", run.ErrEnvironment, err)
	}
	if err = l.listed(ctx); err != nil {
		return nil, err
	}
	return l, nil
}

// listed is the list, which has to name somebody.
func (l *listing) listed(ctx context.Context) error {
	o := l.of
	for {
		hosts, err := l.client.Pull(ctx, o.Service)
		switch {
		case err == nil && len(hosts) > 0:
			return nil
		case err == nil:
			return fmt.Errorf("%w: the registry at %s lists no instance of %q (group %q, namespace %q)\n  is this the right service name?%s",
				run.ErrEnvironment, o.Address, o.Service, o.Group, cmp.Or(o.Namespace, "public"), l.known())
		case client.Sleep(ctx, 200*time.Millisecond) != nil:
			return fmt.Errorf("%w: reading the target's list: %w", run.ErrEnvironment, err)
		}
	}
}

// known is a hint at the names that the registry has.
func (l *listing) known() string {
	names, err := l.client.Services()
	if err != nil {
		return "" // that nobody is listed is told as it is
	}
	return strings.TrimRight(" "+input.DidYouMean(l.of.Service, names), " ")
}

func (l *listing) close() error {
	if l == nil {
		return nil
	}
	var err error
	if l.client != nil {
		err = l.client.Close()
	}
	return errors.Join(err, os.RemoveAll(l.dir))
}

// follow tells of each change until over ends.
func (l *listing) follow(over context.Context, changed func(was, is []registry.Host)) error {
	var last []registry.Host
	if err := l.client.Subscribe(over, l.of.Service, func(now []registry.Host) {
		changed(last, now)
		last = now
	}); err != nil {
		return err
	}
	<-over.Done()
	return nil
}

// followList writes down who is added to the target's list and who is removed,
// until the run is over.
func (n *node) followList(l *listing) {
	if l == nil {
		return
	}
	n.busy.Go(func() {
		if err := l.follow(n.over, func(was, is []registry.Host) {
			for _, e := range listChanges(was, is, n.named) {
				e.Service = l.of.Service
				n.theirs.write(e)
			}
		}); err != nil {
			n.fail(fmt.Errorf("%w: following %q in the registry at %s: %w", run.ErrEnvironment, l.of.Service, l.of.Address, err))
		}
	})
}

// listChanges are the differences of two lists, by the pods that stand at the
// addresses; what is nobody's is told without one.
func listChanges(was, is []registry.Host, who func(ip string) record.Instance) []record.Event {
	at := func(list []registry.Host) map[string]string {
		out := map[string]string{}
		for _, h := range list {
			if h.Enabled && h.Healthy {
				out[h.Addr()] = h.IP
			}
		}
		return out
	}
	before, after := at(was), at(is)
	var out []record.Event
	for _, h := range was {
		if addr := h.Addr(); before[addr] != "" && after[addr] == "" {
			out = append(out, record.Event{Kind: record.KindRegistryChange, Instance: who(h.IP), Addr: addr, Text: "removed"})
		}
	}
	for _, h := range is {
		if addr := h.Addr(); after[addr] != "" && before[addr] == "" {
			out = append(out, record.Event{Kind: record.KindRegistryChange, Instance: who(h.IP), Addr: addr, Text: "added"})
		}
	}
	return out
}

// named is the incarnation at an address, if it is one of the pods seen.
func (n *node) named(ip string) record.Instance {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.byIP[ip]
}
