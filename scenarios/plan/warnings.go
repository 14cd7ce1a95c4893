package plan

import (
	"fmt"
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/demo-services/warmup"
)

// warnRules warns of rules that are valid and probably not what was intended.
func warnRules(src *source, p *Plan) {
	warnRulesOnKube(src, p)
	for _, v := range onlineVariants(src, p) {
		warnWarmupAlone(src, p, v)
		warnOnlineAfterEnd(src, p, v)
		warnCoarseWarmup(src, v)
	}
}

func (v onlineVariant) warn(src *source, fix, format string, a ...any) {
	src.warnAt(v.source.File, v.source.Line, fmt.Sprintf(format, a...), fix)
}

// warnRulesOnKube warns of a step's rule that a cluster applies only partly: a
// pod of a Deployment registers by the settings that the Deployment was created
// with. Changing those would be a rollout, and a rule that reaches a running
// pod comes too late for its registration.
func warnRulesOnKube(src *source, p *Plan) {
	if !src.runsOn("kube") {
		return
	}
	for _, st := range p.Steps {
		for _, w := range p.Workloads {
			if o, ok := p.OnlineUnder(w.Name, rulesVersion(st)); ok && registersDifferently(o, w.Settings.Online) {
				src.warnAt(src.scenario.File, st.Line, fmt.Sprintf("on kube, step %s changes only the warm-up of %s: the pods of a Deployment keep the delay and health path they were created with", st.Name, w.Name), "set these under governance, or add runtimes: [local]")
			}
		}
	}
}

func registersDifferently(a, b settings.Online) bool {
	return a.Delay != b.Delay || a.HealthPath != b.HealthPath || a.HealthPath != "" && a.HealthEvery != b.HealthEvery
}

// warnWarmupAlone warns of the warm-up of a service with one instance: no other
// instance can take the traffic meanwhile.
func warnWarmupAlone(src *source, p *Plan, v onlineVariant) {
	if v.Warmup.Window == 0 {
		return
	}
	n := 0
	for _, o := range p.Workloads {
		if o.Service == v.Service && o.Tag == v.Tag {
			n += o.Replicas
		}
	}
	if n == 1 {
		v.warn(src, "set two replicas", "%s has one instance: its warm-up has no effect, since a new instance receives all traffic from the start", v.Name)
	}
}

// warnOnlineAfterEnd warns of instances that come online after the run.
func warnOnlineAfterEnd(src *source, p *Plan, v onlineVariant) {
	left := p.Duration*time.Duration(p.Cycles) - v.from
	registers := v.StartUp + v.Delay
	switch warm := registers + v.Warmup.Window; {
	case registers >= left:
		v.warn(src, "shorten the delay, or extend the run", "new instances of %s register after %s, but the run ends after %s: none of them registers", v.Name, rounded(registers), rounded(left))
	case warm > left:
		v.warn(src, "shorten the window, or extend the run", "new instances of %s are warm after %s, but the run ends after %s: no warm-up completes", v.Name, rounded(warm), rounded(left))
	}
}

// minSteppedWindow is the shortest window in which a model that counts whole
// seconds resembles its curve.
const minSteppedWindow = 30 * time.Second

// warnCoarseWarmup warns of short windows with models that count whole seconds,
// which speed does not divide.
func warnCoarseWarmup(src *source, v onlineVariant) {
	m, err := warmup.Find(v.Warmup.Model)
	if err != nil || !m.WholeSeconds || v.Warmup.Window == 0 || v.Warmup.Window >= minSteppedWindow {
		return
	}
	steps := "counts whole seconds"
	if m.CacheFor > 0 {
		steps += " and keeps a weight for " + rounded(m.CacheFor)
	}
	v.warn(src, "use a window of 30s or more, or a lower speed", "the warm-up model %s of %s %s at any speed: over %s the weights are a few steps, and the curve cannot be fitted", m.Name, v.Name, steps, rounded(v.Warmup.Window))
}
