package plan

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/internal/input"
	"zeroloss/internal/podspec"
	"zeroloss/scenarios/spec"
)

// rule is a governance rule as it applies to a workload. The zero rule sets
// nothing.
type rule struct {
	spec.Rule
	path string // in the scenario
}

// ruleFor returns the scenario's governance rule for a workload. Rules do not
// reach a workload without an agent that reads them.
func ruleFor(s *spec.Scenario, w workload) rule {
	if !readsRules(w) {
		return rule{}
	}
	for i, r := range s.Spec.Governance {
		if appliesTo(r, w) {
			return rule{r, fmt.Sprintf("spec.governance[%d]", i)}
		}
	}
	return rule{}
}

// appliesTo reports whether a rule is for the workload's service and version.
func appliesTo(r spec.Rule, w workload) bool {
	return r.Online == w.Service && (r.Version == "" || r.Version == version(w.Tag))
}

// readsRules reports whether the workload has an agent that reads rules.
func readsRules(w workload) bool {
	return enabled(w.Switches.Governed, false) || enabled(w.Switches.Polaris, false)
}

// checkRules reports governance rules that apply to no workload.
func checkRules(src *source) {
	for i, r := range src.scenario.Spec.Governance {
		governedWorkloads(src, fmt.Sprintf("spec.governance[%d]", i), r)
	}
}

// governedWorkloads lists the workloads that a rule reaches. It reports a
// problem if the rule is for none, and a warning for each workload without an
// agent.
func governedWorkloads(src *source, path string, r spec.Rule) []workload {
	var services, versions []string
	var matching, out []workload
	for _, w := range src.workloads {
		if !slices.Contains(services, w.Service) {
			services = append(services, w.Service)
		}
		if w.Service == r.Online {
			versions = append(versions, version(w.Tag))
		}
		if appliesTo(r, w) {
			matching = append(matching, w)
		}
	}
	switch {
	case !slices.Contains(services, r.Online):
		src.problem(path+".online", fmt.Sprintf("no workload has the service name %q", r.Online), input.DidYouMean(r.Online, services))
	case len(matching) == 0:
		src.problem(path+".version", fmt.Sprintf("service %s has no version %q", r.Online, r.Version), input.DidYouMean(r.Version, versions))
	}
	for _, w := range matching {
		if readsRules(w) {
			out = append(out, w)
		} else {
			src.warn(path, w.Name+" is not governed by MSE or Polaris: the rule has no effect on it", "set msePilotAutoEnable")
		}
	}
	return out
}

// opensReadinessPort reports whether MSE's readiness port is open: unless a
// label or the rule closes it.
func opensReadinessPort(w workload) bool {
	byRule := enabled(w.rule.Aligned, true)
	return enabled(w.Switches.HTTPServer, byRule) && enabled(w.Switches.LosslessOnline, byRule)
}

// alignReadiness makes the readiness probe wait for registration, if the rule
// says aligned and nothing takes precedence over it.
func alignReadiness(d *diagnostics, w *workload) {
	if !enabled(w.rule.Aligned, false) {
		return
	}
	path, port := w.rule.path+".aligned", mseReadinessPort
	if enabled(w.Switches.Polaris, false) {
		port = polarisAdminPort
	}
	if o := w.override.Readiness; o != nil {
		if probed, _, err := o.Port(); err == nil && (probed != port || o.TCPSocket != 0) {
			d.warn(path, "the readiness probe in set for "+w.Name+" takes precedence over the rule: aligned has no effect", "remove readiness from set, or aligned from the rule")
		}
		return
	}
	if port == mseReadinessPort && !opensReadinessPort(*w) {
		d.warn(path, "labels of "+w.Name+" switch off the readiness port and take precedence over the rule: aligned has no effect", "remove profiler.micro.service.http.server.enable")
		return
	}
	p := podspec.Probe{Period: time.Second, Timeout: time.Second, SuccessThreshold: 1, FailureThreshold: 3}
	if w.Readiness != nil {
		p = *w.Readiness
	}
	p.Exec, p.TCPPort = nil, 0
	p.HTTPGet = &podspec.HTTPGet{Port: port, Path: "/readiness", Scheme: "http"}
	w.Readiness = &p
}

// onlineSettings resolves how the instances of a workload come online. In
// order of precedence: the scenario's overrides, the workload's own labels, the
// rule, the vendors' defaults.
func onlineSettings(src *source, w workload, r rule) settings.Online {
	o := onlineResolver{src: src, w: w, rule: r}
	delay, healthPath := o.registration()
	early := w.override.RegisterAt == "process-start"
	if early && healthPath != "" {
		src.warn(w.overridePath(".registerAt"), fmt.Sprintf("%s registers when %s answers, which it does once it can serve: registerAt: process-start has no effect", w.Name, healthPath), "remove the health path")
	}
	warmup := o.warmup()
	warmup.Window = src.scaled(warmup.Window)
	return settings.Online{
		Early: early, HealthPath: healthPath, Warmup: warmup,
		Delay: src.scaled(delay), StartUp: src.scaled(time.Duration(w.override.StartupTime)),
		HealthEvery: src.scaled(spanOr(w.Switches.HealthInterval, cmp.Or(time.Duration(r.HealthEvery), settings.DefaultHealthEvery))),
	}
}

// onlineResolver combines the labels of a workload with a rule.
type onlineResolver struct {
	src  *source
	w    workload
	rule rule
}

// registration returns when instances register: a delay after listening, or
// once a health path answers. If the labels of several vendors set a delay, the
// longest counts.
func (o onlineResolver) registration() (delay time.Duration, healthPath string) {
	s := o.w.Switches
	mse := enabled(s.LosslessOnline, false) && s.DelayTime != nil
	polaris := enabled(s.Polaris, false)
	labelled := polaris && (s.HealthPath != "" || s.PolarisDelay != nil)
	ruled := o.rule.RegisterDelay > 0 || o.rule.HealthPath != ""
	if mse {
		o.warnLabelWins("delay", "mse.lossless.delayTime", ruled)
		delay = *s.DelayTime
	}
	if labelled {
		o.warnLabelWins("delay", "spring.cloud.polaris.lossless", ruled)
		healthPath = s.HealthPath
	}
	switch {
	case !mse && !labelled && ruled:
		delay, healthPath = time.Duration(o.rule.RegisterDelay), o.rule.HealthPath
	case polaris && healthPath == "":
		delay = max(delay, spanOr(s.PolarisDelay, polarisDelay))
	}
	delay = max(delay, spanOr(s.DubboDelay, 0))
	switch {
	case o.w.override.RegisterDelay > 0:
		if o.rule.HealthPath != "" {
			o.src.warn(o.w.overridePath(".registerDelay"), fmt.Sprintf("registerDelay in set for %s takes precedence over the rule: its health path %s is not checked", o.w.Name, o.rule.HealthPath), "remove one of them")
		}
		delay, healthPath = time.Duration(o.w.override.RegisterDelay), ""
	case healthPath != "" && delay > 0:
		o.src.warnAt(o.w.File, o.w.Line, fmt.Sprintf("%s registers when %s answers: the delay of %s from another label has no effect", o.w.Name, healthPath, rounded(delay)), "remove one of them")
		delay = 0
	}
	o.checkHealthPath(healthPath)
	return delay, healthPath
}

// checkHealthPath rejects a path that the service serves: the agent would
// answer all of its requests.
func (o onlineResolver) checkHealthPath(path string) {
	if !o.w.Role.ServesPath(path) {
		return
	}
	p := input.Problem{File: o.w.File, Line: o.w.Line}
	if o.rule.HealthPath == path {
		p = o.src.scenario.Problem(o.rule.path+".healthPath", "", "")
	}
	p.Text = fmt.Sprintf("health path %s of %s is a path of its requests: all of them would be answered with UP", path, o.w.Name)
	p.Hint = "use another path, such as /actuator/health"
	o.src.problemAt(p)
}

// warmup returns the curve that the workload's consumers follow.
func (o onlineResolver) warmup() settings.Warmup {
	s := o.w.Switches
	out := ruleWarmup(o.rule)
	switch on := s.LosslessOnline; {
	case on == nil:
	case *on:
		out = o.labelledWarmup(out)
	default:
		o.warnLabelWins("warm-up", "mse.lossless.enable", out.Window > 0)
		out = settings.Warmup{}
	}
	if window := spanOr(s.DubboWarmup, 0); out.Window == 0 && window > 0 {
		o.warnLabelWins("model none", "dubbo.provider.warmup", o.rule.Model == spec.NoWarmup)
		out = settings.Warmup{Model: "linear", Window: window}
	}
	return out
}

// ruleWarmup returns the warm-up that a rule configures.
func ruleWarmup(r rule) settings.Warmup {
	if !r.Warms() || r.Model == spec.NoWarmup {
		return settings.Warmup{}
	}
	out := settings.Warmup{Model: r.Model, Window: time.Duration(r.Window)}
	if r.Curve != nil {
		out.Curve = *r.Curve
	} else if r.Model == mseModel {
		out.Curve = mseCurve
	}
	return out
}

// labelledWarmup applies MSE's labels to the rule's warm-up. The labels are
// about MSE's own model; a window alone changes the window of the rule's model,
// if it has one.
func (o onlineResolver) labelledWarmup(out settings.Warmup) settings.Warmup {
	s, r := o.w.Switches, o.rule
	if !r.Warms() || s.WarmupTime != nil && out.Window == 0 {
		out = settings.Warmup{Model: mseModel, Curve: mseCurve, Window: mseWarmupWindow}
	}
	if s.WarmupTime != nil {
		o.warnLabelWins("window", "mse.lossless.warmupTime", r.Warms())
		out.Window = *s.WarmupTime
	}
	if s.WarmupCurve != nil && out.Window > 0 {
		o.warnLabelWins("curve", "mse.lossless.funcType", r.Warms())
		out.Model, out.Curve = mseModel, *s.WarmupCurve
	}
	return out
}

// warnLabelWins warns that a label overrides what the rule sets.
func (o onlineResolver) warnLabelWins(what, label string, ruleSetsIt bool) {
	if ruleSetsIt && o.rule.path != "" {
		o.src.warn(o.rule.path, fmt.Sprintf("the label %s of %s takes precedence over the rule: its %s has no effect there", label, o.w.Name, what), "remove the label, or the rule")
	}
}

// StartupTime is how long the pods at the start of the run take until they are
// registered, the slowest of them: start-up and delay, or two health checks;
// plus the time until consumers that poll have seen them. Warm pods take no
// time; where a runtime cannot have such, all pods are new.
func (p *Plan) StartupTime(allNew bool) time.Duration {
	var longest, poll time.Duration
	for _, w := range p.Workloads {
		o := w.Settings.Online
		wait := o.Delay
		if o.HealthPath != "" {
			wait = 2 * o.HealthEvery
		}
		if w.ColdStart || allNew {
			longest = max(longest, o.StartUp+wait)
		}
		if w.Settings.Consumer.Cache == settings.CachePoll30 {
			poll = max(poll, w.Settings.Consumer.CachePeriod)
		}
	}
	return longest + poll
}
