package plan

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/internal/input"
	"zeroloss/manifests"
	"zeroloss/scenarios/spec"
)

// rule is a rule of governance as a workload meets it: what it says, and where
// it stands. The zero rule says nothing.
type rule struct {
	spec.Rule
	path string
}

// ruleFor is the rule of the scenario's governance for a workload, with its
// differences. Where nothing governs it, nobody reads rules: there is none.
func (c *compiler) ruleFor(w manifests.Workload) rule {
	if !readsRules(w) {
		return rule{}
	}
	for i, r := range c.s.Spec.Governance {
		if means(r, w) {
			return rule{r, fmt.Sprintf("spec.governance[%d]", i)}
		}
	}
	return rule{}
}

// means tells whether a rule is for a workload.
func means(r spec.Rule, w manifests.Workload) bool {
	return r.Online == w.Service && (r.Version == "" || r.Version == version(w.Tag))
}

// readsRules tells whether an agent is there that reads rules.
func readsRules(w manifests.Workload) bool {
	return manifests.Enabled(w.Switches.Governed, false) || manifests.Enabled(w.Switches.Polaris, false)
}

// governance finds rules that are for nobody.
func (c *compiler) governance() {
	for i, r := range c.s.Spec.Governance {
		c.governed(fmt.Sprintf("spec.governance[%d]", i), r)
	}
}

// governed lists the workloads that a rule reaches, with their differences.
// There is a problem if it is for none, and a warning for those that nothing
// governs, which it does not reach.
func (c *compiler) governed(path string, r spec.Rule) []manifests.Workload {
	var services, versions []string
	var meant, out []manifests.Workload
	for _, w := range c.m.Workloads {
		if !slices.Contains(services, w.Service) {
			services = append(services, w.Service)
		}
		if w.Service == r.Online {
			versions = append(versions, version(w.Tag))
		}
		if means(r, w) {
			meant = append(meant, w)
		}
	}
	switch {
	case !slices.Contains(services, r.Online):
		c.problem(path+".online", fmt.Sprintf("no workload is the service %q", r.Online), input.DidYouMean(r.Online, services))
	case len(meant) == 0:
		c.problem(path+".version", fmt.Sprintf("%s has no version %q", r.Online, r.Version), input.DidYouMean(r.Version, versions))
	}
	for _, w := range meant {
		if w = c.with(w, c.s.Spec.Set[w.Name]); readsRules(w) {
			out = append(out, w)
		} else {
			c.warn(path, w.Name+" is governed by nothing: the rule does not reach it", "give it msePilotAutoEnable")
		}
	}
	return out
}

// asksReadiness tells whether MSE's readiness port opens: unless a label
// closes it, or the rule.
func (c *compiler) asksReadiness(w manifests.Workload) bool {
	s := w.Switches
	said := c.ruleFor(w).Aligned
	return manifests.Enabled(s.HTTPServer, manifests.Enabled(said, true)) && manifests.Enabled(s.LosslessOnline, manifests.Enabled(said, true))
}

// aligned lets the pod be asked for what the rule wants of it: that it is
// registered.
func (c *compiler) aligned(w manifests.Workload, d spec.WorkloadOverride) manifests.Workload {
	r := c.ruleFor(w)
	if !manifests.Enabled(r.Aligned, false) {
		return w
	}
	port := mseReadiness
	if manifests.Enabled(w.Switches.Polaris, false) {
		port = polarisAdmin
	}
	if d.Readiness != nil {
		if asked, _, err := d.Readiness.Port(); err == nil && (asked != port || d.Readiness.TCPSocket != 0) {
			c.warn(r.path+".aligned", "set says how readiness of "+w.Name+" is asked, which goes before the rule: aligned does nothing", "take the readiness out of set, or aligned out of the rule")
		}
		return w
	}
	if port == mseReadiness && !c.asksReadiness(w) {
		c.warn(r.path+".aligned", w.Name+" has readiness switched off by its own labels, which go before the rule: aligned does nothing", "take profiler.micro.service.http.server.enable off it")
		return w
	}
	p := manifests.Probe{Period: time.Second, Timeout: time.Second, SuccessThreshold: 1, FailureThreshold: 3}
	if w.Readiness != nil {
		p = *w.Readiness
	}
	p.Exec, p.TCPPort = nil, 0
	p.HTTPGet = &manifests.HTTPGet{Port: port, Path: "/readiness", Scheme: "http"}
	w.Readiness = &p
	return w
}

// online resolves how a workload's instances come: what its own labels say,
// then, where they are silent, the rule, then the originals' defaults. The
// scenario's differences go before all.
func (c *compiler) online(w manifests.Workload, d spec.WorkloadOverride, r rule) settings.Online {
	s := w.Switches
	o := settings.Online{Early: d.RegisterAt == "process-start"}
	c.register(&o, w, d, r)
	if o.Early && o.HealthPath != "" {
		c.warn("spec.set."+w.Name+".registerAt", fmt.Sprintf("%s registers when %s answers, which is when it can serve: registerAt: process-start does nothing", w.Name, o.HealthPath), "leave the health path out")
	}
	o.Warmup = c.warmup(w, r)
	o.Delay, o.StartUp = c.scaled(o.Delay), c.scaled(time.Duration(d.StartupTime))
	o.HealthEvery = c.scaled(span(s.HealthInterval, cmp.Or(time.Duration(r.HealthEvery), settings.DefaultHealthEvery)))
	o.Warmup.Window = c.scaled(o.Warmup.Window)
	return o
}

// register is when instances register: of delays that several families ask
// for, the longest counts, Polaris' own too, unless a rule that no label goes
// before says otherwise.
func (c *compiler) register(o *settings.Online, w manifests.Workload, d spec.WorkloadOverride, r rule) {
	s := w.Switches
	mse := manifests.Enabled(s.LosslessOnline, false) && s.DelayTime != nil
	polaris := manifests.Enabled(s.Polaris, false)
	labelled := polaris && (s.HealthPath != "" || s.PolarisDelay != nil)
	ruled := r.RegisterDelay > 0 || r.HealthPath != ""
	if mse {
		c.beaten(r, w, "delay", "mse.lossless.delayTime", ruled)
		o.Delay = *s.DelayTime
	}
	if labelled {
		c.beaten(r, w, "delay", "spring.cloud.polaris.lossless", ruled)
		o.HealthPath = s.HealthPath
	}
	switch {
	case !mse && !labelled && ruled:
		o.Delay, o.HealthPath = time.Duration(r.RegisterDelay), r.HealthPath
	case polaris && o.HealthPath == "":
		o.Delay = max(o.Delay, span(s.PolarisDelay, polarisDelay))
	}
	o.Delay = max(o.Delay, span(s.DubboDelay, 0))
	switch {
	case d.RegisterDelay > 0:
		if r.HealthPath != "" {
			c.warn("spec.set."+w.Name+".registerDelay", fmt.Sprintf("%s registers by the delay of set, which goes before the rule: its health path %s is not asked", w.Name, r.HealthPath), "leave out one of them")
		}
		o.Delay, o.HealthPath = time.Duration(d.RegisterDelay), ""
	case o.HealthPath != "" && o.Delay > 0:
		c.warnAt(w.File, w.Line, fmt.Sprintf("%s registers when %s answers: the delay of %s that another of its labels asks for does nothing", w.Name, o.HealthPath, rounded(o.Delay)), "leave out one of them")
		o.Delay = 0
	}
	c.healthPath(*o, w, r)
}

// healthPath refuses one at which the service is called: each of its requests
// would be answered as a probe is.
func (c *compiler) healthPath(o settings.Online, w manifests.Workload, r rule) {
	if !w.Role.ServesPath(o.HealthPath) {
		return
	}
	p := input.Problem{File: w.File, Line: w.Line}
	if r.HealthPath == o.HealthPath {
		p = c.s.Problem(r.path+".healthPath", "", "")
	}
	p.Text = fmt.Sprintf("health path %s of %s is where its requests come: all of them would be answered UP", o.HealthPath, w.Name)
	p.Hint = "write one of its own, as /actuator/health"
	if !slices.Contains(c.problems, p) {
		c.problems = append(c.problems, p)
	}
}

// warmup is the curve for a workload's consumers to follow.
func (c *compiler) warmup(w manifests.Workload, r rule) settings.Warmup {
	out := ruledWarmup(r)
	if on := w.Switches.LosslessOnline; on != nil && !*on {
		c.beaten(r, w, "warm-up", "mse.lossless.enable", out.Window > 0)
		out = settings.Warmup{}
	} else if on != nil {
		out = c.labelledWarmup(w, r, out)
	}
	if own := span(w.Switches.DubboWarmup, 0); out.Window == 0 && own > 0 {
		c.beaten(r, w, "model none", "dubbo.provider.warmup", r.Model == spec.NoWarmup)
		out = settings.Warmup{Model: "linear", Window: own}
	}
	return out
}

// ruledWarmup is what a rule says of it.
func ruledWarmup(r rule) settings.Warmup {
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

// labelledWarmup is what MSE's labels make of it, its lossless being on. They
// are of MSE's own model, but a window alone takes the rule's, if that has one.
func (c *compiler) labelledWarmup(w manifests.Workload, r rule, out settings.Warmup) settings.Warmup {
	s := w.Switches
	if !r.Warms() || s.WarmupTime != nil && out.Window == 0 {
		out = settings.Warmup{Model: mseModel, Curve: mseCurve, Window: mseWarmup}
	}
	if s.WarmupTime != nil {
		c.beaten(r, w, "window", "mse.lossless.warmupTime", r.Warms())
		out.Window = *s.WarmupTime
	}
	if s.WarmupCurve != nil && out.Window > 0 {
		c.beaten(r, w, "curve", "mse.lossless.funcType", r.Warms())
		out.Model, out.Curve = mseModel, *s.WarmupCurve
	}
	return out
}

// StartupTime is how long the pods that the run begins with take by their own
// settings until they register, the slowest of them: start-up and delay, or two
// rounds of asking a health path; and until those see them who look only now and
// then. Those that have been in service for long take nothing; where a runtime
// cannot have such, all are new.
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

// beaten warns that a label goes before what a rule says.
func (c *compiler) beaten(r rule, w manifests.Workload, what, name string, said bool) {
	if said && r.path != "" {
		c.warn(r.path, fmt.Sprintf("%s says %s itself, which goes before the rule: the rule's %s does nothing there", w.Name, name, what), "take the label off, or the rule")
	}
}
