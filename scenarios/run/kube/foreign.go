package kube

import (
	"cmp"
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

// plain makes a Deployment of a service that is none of ours one of this run:
// as it is written, but for its image, which is the plain server's, and for
// what refers to things that the run's namespace has not.
func (r *renderer) plain(obj Object, w *plan.Workload) error {
	pod, c, err := r.podOf(obj, w)
	if err != nil {
		return err
	}
	r.repair(obj, "image %s: %s, which has the plain server in it", cmp.Or(c.text("image"), "(none)"), r.o.Image)
	c["image"], c["imagePullPolicy"] = r.o.Image, "IfNotPresent"
	delete(c, "command")
	args, _ := c["args"].([]any) // none is as good
	c["args"] = append([]any{"plain-server"}, args...)
	r.confined(obj, pod, c)
	i := slices.IndexFunc(r.p.Control.Workloads, func(x control.Workload) bool { return x.Name == w.Name })
	if i >= 0 {
		r.life(obj, pod, c, r.p.Control.Workloads[i])
	}
	return nil
}

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

// base is what is there before the demo services: the registry, if anybody
// registers, and the load pod.
func (r *Rendered) base() []Object {
	if r.Registry == nil {
		return []Object{r.Load}
	}
	return []Object{r.Registry, r.Load}
}
