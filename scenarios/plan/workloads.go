package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/internal/input"
	"zeroloss/internal/podspec"
	"zeroloss/manifests"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/spec"
)

// workload is a manifest's workload with the scenario's overrides applied.
type workload struct {
	manifests.Workload
	override spec.WorkloadOverride
	rule     rule // of the scenario's governance; zero if none applies
}

// overridePath is the scenario's path of a field of the workload's overrides.
func (w workload) overridePath(field string) string { return "spec.set." + w.Name + field }

// applyOverrides applies the scenario's overrides and rules to the workloads of
// the manifests.
func applyOverrides(src *source) []workload {
	set := src.scenario.Spec.Set
	for _, name := range slices.Sorted(maps.Keys(set)) {
		if _, ok := src.manifests.Workload(name); !ok {
			src.problem("spec.set."+name, fmt.Sprintf("set: no manifest has a workload %q", name), input.DidYouMean(name, src.manifests.WorkloadNames()))
		}
	}
	var out []workload
	for _, m := range src.manifests.Workloads {
		w := workload{Workload: m, override: set[m.Name]}
		overridePods(&w)
		overrideSwitches(src.diagnostics, &w)
		w.rule = ruleFor(src.scenario, w)
		alignReadiness(src.diagnostics, &w)
		if r := w.override.Readiness; r != nil {
			w.Readiness = readinessProbe(*r)
		}
		out = append(out, w)
	}
	return out
}

func overridePods(w *workload) {
	o := w.override
	if o.Replicas != nil {
		w.Replicas = *o.Replicas
	}
	if o.Grace > 0 {
		w.Grace = time.Duration(o.Grace)
	}
	switch {
	case o.PreStop == nil:
	case strings.TrimSpace(*o.PreStop) == "none", strings.TrimSpace(*o.PreStop) == "":
		w.PreStop = nil
	default:
		w.PreStop = &podspec.Hook{Exec: []string{"/bin/sh", "-c", *o.PreStop}}
	}
}

func overrideSwitches(d *diagnostics, w *workload) {
	for _, name := range slices.Sorted(maps.Keys(w.override.Switches)) {
		path := w.overridePath(".switches." + name)
		if name == "msePilotCreateAppName" || name == "alicloud.service.tag" {
			d.problem(path, name+" cannot be overridden: it is the identity of the workload", "change the manifest")
			continue
		}
		s, err := w.Switches.With(name, w.override.Switches[name])
		if err != nil {
			d.problem(path, err.Error(), "")
			continue
		}
		w.Switches = s
	}
}

func readinessProbe(r spec.Probe) *podspec.Probe {
	if r.None {
		return nil
	}
	p := &podspec.Probe{Period: time.Duration(r.Period), Timeout: time.Second, SuccessThreshold: 1, FailureThreshold: 3}
	port, path, err := r.Port()
	switch {
	case err != nil: // the scenario's decoder has reported it
		return nil
	case r.HTTPGet != "":
		p.HTTPGet = &podspec.HTTPGet{Port: port, Path: path, Scheme: "http"}
	default:
		p.TCPPort = port
	}
	return p
}

// compileWorkloads resolves the settings and the pods of each workload.
func compileWorkloads(src *source, p *Plan) ([]Workload, []control.Workload) {
	var out []Workload
	var pods []control.Workload
	for _, w := range src.workloads {
		warnHookExceedsGrace(src.diagnostics, w)
		x := Workload{
			Name: w.Name, Role: string(w.Role), Service: w.Service, Replicas: w.Replicas, External: w.Role.External(),
			Env: w.Env, FieldRefs: w.FieldRefs, Labels: w.Labels, File: w.File, Line: w.Line,
		}
		if x.External {
			checkExternalWorkload(src, w)
		} else {
			x.Tag, x.ColdStart = w.Tag, w.override.InitialPods == "cold"
			x.Settings = compileSettings(src, p, w)
			warnReadinessPortClosed(src.diagnostics, w, x.Settings)
		}
		out, pods = append(out, x), append(pods, compilePods(src, w))
	}
	checkOneServicePerRole(src.diagnostics, out)
	return out, pods
}

// warnHookExceedsGrace warns of a preStop hook that the grace period, which
// runs at the same time, will cut short.
func warnHookExceedsGrace(d *diagnostics, w workload) {
	slept := readHook(w.PreStop, w.Env, w.FieldRefs).Slept()
	if slept == 0 || slept < w.Grace {
		return
	}
	text := fmt.Sprintf("the preStop hook of %s sleeps %s, but its grace period of %s includes the hook: the hook will be abandoned, and 2s are left to close", w.Name, slept, w.Grace)
	if w.override.PreStop != nil || w.override.Grace > 0 {
		d.warn(w.overridePath(""), text, "set grace: 90s")
		return
	}
	d.warnAt(w.File, w.HookLine, text, "terminationGracePeriodSeconds: 90")
}

// warnReadinessPortClosed warns of a readiness probe to a port that the
// workload's settings do not open: its pods never become ready.
func warnReadinessPortClosed(d *diagnostics, w workload, doc settings.Document) {
	if w.Readiness == nil || w.Readiness.HTTPGet == nil {
		return
	}
	port := w.Readiness.HTTPGet.Port
	open := map[int]int{mseReadinessPort: doc.MSE.ReadinessPort, polarisAdminPort: doc.Polaris.AdminPort}
	if doc.Polaris.NoReadiness {
		open[polarisAdminPort] = 0
	}
	if at, known := open[port]; !known || at == port {
		return
	}
	text := fmt.Sprintf("the readiness probe of %s uses port %d, which neither its switches nor its rule open: its pods never become ready, and a rollout never completes", w.Name, port)
	if w.override.Readiness != nil {
		d.warn(w.overridePath(".readiness"), text, fmt.Sprintf("for port %d, set switches: {profiler.micro.service.http.server.enable: \"true\"}", mseReadinessPort))
		return
	}
	d.warnAt(w.File, w.Line, text, "set the switch that opens the port, or probe another port")
}

// checkOneServicePerRole rejects workloads of one role with different names in
// the registry: a caller calls one name.
func checkOneServicePerRole(d *diagnostics, workloads []Workload) {
	first := map[string]Workload{}
	for _, w := range workloads {
		if w.External {
			continue
		}
		before, ok := first[w.Role]
		if !ok {
			first[w.Role] = w
		} else if before.Service != w.Service {
			d.problemAt(input.Problem{
				File: w.File, Line: w.Line,
				Text: fmt.Sprintf("%s registers as %q, but %s, the same demo service, registers as %q", w.Name, w.Service, before.Name, before.Service),
				Hint: "all versions of a service must have the same msePilotCreateAppName",
			})
		}
	}
}

// compilePods returns what the control plane has to know about a workload.
func compilePods(src *source, w workload) control.Workload {
	out := control.Workload{
		External:  w.Role.External(),
		NoService: !slices.ContainsFunc(src.manifests.Services, func(s manifests.Service) bool { return manifests.Selects(s.Selector, w.Labels) }),
		Name:      w.Name, Image: w.Image, Replicas: w.Replicas, Recreate: w.Recreate,
		MaxSurge: w.MaxSurge.Of(w.Replicas, true), MaxUnavailable: w.MaxUnavailable.Of(w.Replicas, false),
		MinReady: src.scaled(w.MinReady), Grace: src.scaled(w.Grace), DeletionCost: w.DeletionCost,
		PreStop: scaledHook(src, w.PreStop),
		Startup: scaledProbe(src, w.Startup), Readiness: scaledProbe(src, w.Readiness), Liveness: scaledProbe(src, w.Liveness),
	}
	if out.MaxSurge == 0 && out.MaxUnavailable == 0 {
		out.MaxUnavailable = 1 // as Kubernetes resolves two percentages that round to 0
	}
	return out
}

// scaledHook keeps a command as written: the shell of the run divides its sleeps
// by the plan's speed.
func scaledHook(src *source, h *podspec.Hook) *podspec.Hook {
	if h == nil {
		return nil
	}
	out := *h
	out.Sleep = src.scaled(h.Sleep)
	return &out
}

// scaledProbe divides periods by the plan's speed. The timeout is a property of
// the network and stays.
func scaledProbe(src *source, p *podspec.Probe) *podspec.Probe {
	if p == nil {
		return nil
	}
	out := *p
	out.InitialDelay, out.Period = src.scaled(p.InitialDelay), src.scaled(p.Period)
	return &out
}
