package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/manifests"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/spec"
)

// with is a workload with the scenario's differences to its pods.
func (c *compiler) with(w manifests.Workload, d spec.WorkloadOverride) manifests.Workload {
	if d.Replicas != nil {
		w.Replicas = *d.Replicas
	}
	if d.Grace > 0 {
		w.Grace = time.Duration(d.Grace)
	}
	switch {
	case d.PreStop == nil:
	case strings.TrimSpace(*d.PreStop) == "none", strings.TrimSpace(*d.PreStop) == "":
		w.PreStop = nil
	default:
		w.PreStop = &manifests.Hook{Exec: []string{"/bin/sh", "-c", *d.PreStop}}
	}
	for _, name := range sortedKeys(d.Switches) {
		// What is wrong with one is told once, by switches.
		if s, err := w.Switches.With(name, d.Switches[name]); err == nil {
			w.Switches = s
		}
	}
	w = c.aligned(w, d)
	if r := d.Readiness; r != nil {
		w.Readiness = readiness(*r)
	}
	return w
}

// switches refuses those that cannot be set.
func (c *compiler) switches(workload string) {
	for _, name := range sortedKeys(c.s.Spec.Set[workload].Switches) {
		path := "spec.set." + workload + ".switches." + name
		if name == "msePilotCreateAppName" || name == "alicloud.service.tag" {
			c.problem(path, name+" makes another workload of it", "change the manifest")
			continue
		}
		if _, err := (manifests.Switches{}).With(name, c.s.Spec.Set[workload].Switches[name]); err != nil {
			c.problem(path, err.Error(), "")
		}
	}
}

// hookFits warns of a hook that its grace period, which runs meanwhile, will
// cut short.
func (c *compiler) hookFits(w manifests.Workload, d spec.WorkloadOverride) {
	slept := w.PreStop.Slept()
	if slept == 0 || slept < w.Grace {
		return
	}
	text := fmt.Sprintf("the preStop hook of %s sleeps %s, and the grace period of %s, which runs meanwhile, ends no later: the hook will be abandoned, and 2s are left to close", w.Name, slept, w.Grace)
	if d.PreStop != nil || d.Grace > 0 {
		c.warn("spec.set."+w.Name, text, "set grace: 90s")
		return
	}
	c.warnAt(w.File, w.HookLine, text, "terminationGracePeriodSeconds: 90")
}

// readinessOpen warns of a pod whose readiness is asked at a port that its
// settings do not open: it is never ready.
func (c *compiler) readinessOpen(w manifests.Workload, d spec.WorkloadOverride, doc settings.Document) {
	if w.Readiness == nil || w.Readiness.HTTPGet == nil {
		return
	}
	port := w.Readiness.HTTPGet.Port
	open := map[int]int{mseReadiness: doc.MSE.ReadinessPort, polarisAdmin: doc.Polaris.AdminPort}
	if doc.Polaris.NoReadiness {
		open[polarisAdmin] = 0
	}
	if at, ours := open[port]; !ours || at == port {
		return
	}
	text := fmt.Sprintf("readiness of %s is asked at :%d, which neither its switches nor its rule open: its pods are never ready, and a rollout of them never ends", w.Name, port)
	if d.Readiness != nil {
		c.warn("spec.set."+w.Name+".readiness", text, fmt.Sprintf("set its switches, as {profiler.micro.service.http.server.enable: \"true\"} for :%d", mseReadiness))
		return
	}
	c.warnAt(w.File, w.Line, text, "switch on what opens it, or ask a port of its own")
}

func readiness(r spec.Probe) *manifests.Probe {
	if r.None {
		return nil
	}
	p := &manifests.Probe{Period: time.Duration(r.Period), Timeout: time.Second, SuccessThreshold: 1, FailureThreshold: 3}
	port, path, err := r.Port()
	switch {
	case err != nil: // the scenario's decoder has refused it
		return nil
	case r.HTTPGet != "":
		p.HTTPGet = &manifests.HTTPGet{Port: port, Path: path, Scheme: "http"}
	default:
		p.TCPPort = port
	}
	return p
}

// pods is what the control plane needs to know of a workload.
func (c *compiler) pods(w manifests.Workload) control.Workload {
	out := control.Workload{
		NoService: !slices.ContainsFunc(c.m.Services, func(s manifests.Service) bool { return manifests.Selects(s.Selector, w.Labels) }),
		Name:      w.Name, Image: w.Image, Replicas: w.Replicas, Recreate: w.Recreate,
		MaxSurge: w.MaxSurge.Of(w.Replicas, true), MaxUnavailable: w.MaxUnavailable.Of(w.Replicas, false),
		MinReady: c.scaled(w.MinReady), Grace: c.scaled(w.Grace), DeletionCost: w.DeletionCost,
		PreStop: c.hook(w.PreStop),
		Startup: c.probe(w.Startup), Readiness: c.probe(w.Readiness), Liveness: c.probe(w.Liveness),
	}
	if out.MaxSurge == 0 && out.MaxUnavailable == 0 {
		out.MaxUnavailable = 1 // as Kubernetes resolves what rounding has made impossible
	}
	return out
}

// hook keeps a command as it was written: the sleep of its shell divides by
// the plan's speed.
func (c *compiler) hook(h *manifests.Hook) *control.Hook {
	if h == nil {
		return nil
	}
	return &control.Hook{Exec: h.Exec, HTTPGet: httpGet(h.HTTPGet), Sleep: c.scaled(h.Sleep)}
}

// probe divides periods; a probe's time-out is of the network and stays.
func (c *compiler) probe(p *manifests.Probe) *control.Probe {
	if p == nil {
		return nil
	}
	return &control.Probe{
		Exec: p.Exec, HTTPGet: httpGet(p.HTTPGet), TCPPort: p.TCPPort,
		InitialDelay: c.scaled(p.InitialDelay), Period: c.scaled(p.Period), Timeout: p.Timeout,
		SuccessThreshold: p.SuccessThreshold, FailureThreshold: p.FailureThreshold,
	}
}

func httpGet(g *manifests.HTTPGet) *control.HTTPGet {
	if g == nil {
		return nil
	}
	return &control.HTTPGet{Host: g.Host, Port: g.Port, Path: g.Path, Scheme: g.Scheme}
}
