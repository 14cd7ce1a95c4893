package kube

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"

	"zeroloss/demo-services/registry"
	"zeroloss/demo-services/registry/nacos"
	"zeroloss/loadgen/record"
	"zeroloss/scenarios/run"
)

// registry follows the list in which a target's registry has it, and writes
// down who is added to it and who is removed, until the run is over. That is
// what a subscriber is told, and when: after the push.
func (r *Attached) registry(over context.Context, s *stage, n *node, t *theirs) {
	o := s.p.Target.Nacos
	if o == nil {
		return
	}
	n.busy.Go(func() {
		if err := followList(over, o.Address, o.Namespace, o.Group, o.Service, 0, func(was, is []registry.Host) {
			for _, e := range listChanges(was, is, n.named) {
				e.Service = o.Service
				t.write(e)
			}
		}); err != nil && over.Err() == nil {
			n.fail(fmt.Errorf("%w: following %q in the registry at %s: %w", run.ErrEnvironment, o.Service, o.Address, err))
		}
	})
}

// followList tells of each change of a service's list until over ends. grpc is
// the port that SDKs speak to; 0 is 1000 above the address'.
func followList(over context.Context, address, namespace, group, service string, grpc int, changed func(was, is []registry.Host)) error {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "zeroloss-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c, err := nacos.Connect(over, nacos.Options{Host: host, Port: port, GRPCPort: grpc, Group: group, Namespace: namespace, Identity: "zeroloss-attach", Dir: dir})
	if err != nil {
		return err
	}
	defer c.Close()
	var last []registry.Host
	if err := c.Subscribe(over, service, func(now []registry.Host) {
		changed(last, now)
		last = now
	}); err != nil {
		return err
	}
	<-over.Done()
	return nil
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
			out = append(out, record.Event{Kind: record.Changed, Instance: who(h.IP), Addr: addr, Text: "removed"})
		}
	}
	for _, h := range is {
		if addr := h.Addr(); after[addr] != "" && before[addr] == "" {
			out = append(out, record.Event{Kind: record.Changed, Instance: who(h.IP), Addr: addr, Text: "added"})
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
