package kube

import (
	"fmt"
	"net"
	"slices"
	"strconv"

	"zeroloss/loadgen/traffic"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/owner"
)

// serviceURLs are those of the plan's Services that have an address, by name.
func serviceURLs(p *plan.Plan, address map[string]string) map[string]string {
	out := map[string]string{}
	for _, s := range p.Services {
		if ip := known(address[s.Name]); ip != "" && out[s.Name] == "" {
			out[s.Name] = "http://" + net.JoinHostPort(ip, strconv.Itoa(s.Port))
		}
	}
	return out
}

// directed is streams with the URLs of the Services that they name.
func directed(streams []traffic.Stream, urls map[string]string) ([]traffic.Stream, error) {
	out := slices.Clone(streams)
	for i, s := range out {
		if s.Service == "" || s.Target != "" {
			continue
		}
		if urls[s.Service] == "" {
			return nil, fmt.Errorf("%w: Service %q of stream %q has no address of its own", run.ErrEnvironment, s.Service, s.Name)
		}
		out[i].Target = urls[s.Service]
	}
	return out, nil
}

// address tells, once, where a pod that is none of ours stands: an answer may
// name it so. n is locked.
func (n *node) address(p *podView) []control.Event {
	name, ip := p.Metadata.Name, p.Status.PodIP
	if ip == "" || n.placed[name] || !n.foreign(p.Metadata.Labels[owner.WorkloadLabel]) {
		return nil
	}
	n.placed[name] = true
	n.byIP[ip] = p.instance()
	return []control.Event{control.AddressObserved{Pod: p.instance(), IP: ip}}
}

// foreign reports whether a workload of the plan is none of ours.
func (n *node) foreign(workload string) bool {
	return slices.ContainsFunc(n.stage.p.Workloads, func(w plan.Workload) bool { return w.Name == workload && w.External })
}
