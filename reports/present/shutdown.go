package present

import (
	"slices"
	"strings"

	"zeroloss/demo-services/settings"
	"zeroloss/reports"
	"zeroloss/scenarios/plan"
)

// shutdown says how the released instances of an arm go offline: "lossless on",
// "lossless off (deregister-first)". It is "" if the plan does not say.
func shutdown(r *reports.Report, arm string) string {
	if r.Plan == nil {
		return ""
	}
	released := releasedWorkloads(r, arm)
	var modes []string
	for _, w := range r.Plan.Workloads {
		mode := shutdownMode(w.Settings.Offline.Mode)
		if w.External {
			mode = externalShutdown(r.Plan, w.Name)
		}
		if released[w.Name] && !slices.Contains(modes, mode) {
			modes = append(modes, mode)
		}
	}
	slices.Sort(modes)
	return strings.Join(modes, " and ")
}

func shutdownMode(mode string) string {
	switch mode {
	case settings.Lossless:
		return "lossless on"
	case settings.Reject:
		return "lossless on, rejecting"
	case "":
		mode = settings.DeregisterFirst
	}
	return "lossless off (" + mode + ")"
}

// externalShutdown says what is known about the shutdown of an external service.
func externalShutdown(p *plan.Plan, workload string) string {
	for _, w := range p.Control.Workloads {
		switch h := w.PreStop; {
		case w.Name != workload || p.Target != nil:
		case h == nil:
			return "no preStop hook"
		case h.Sleep > 0:
			return "preStop sleeps " + h.Sleep.String()
		default:
			return "a preStop hook"
		}
	}
	return "external service"
}

// releasedWorkloads returns the workloads of an arm that lost an instance, or, if
// none did, those that the plan was to change.
func releasedWorkloads(r *reports.Report, arm string) map[string]bool {
	released := map[string]bool{}
	for _, rel := range r.Ledger.Releases {
		if slices.Contains(rel.Arms, arm) {
			released[rel.Workload] = true
		}
	}
	if len(released) > 0 {
		return released
	}
	var planned []string
	for _, j := range r.Plan.ScheduledJobs {
		planned = append(planned, j.Workload)
	}
	for _, s := range r.Plan.Steps {
		planned = append(planned, s.Workload())
	}
	for _, a := range r.Plan.Arms {
		for _, w := range a.Workloads {
			if a.Name == arm && slices.Contains(planned, w) {
				released[w] = true
			}
		}
	}
	return released
}
