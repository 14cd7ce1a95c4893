package plan

import (
	"fmt"
	"slices"
	"time"

	"zeroloss/internal/input"
	"zeroloss/manifests"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/spec"
)

// pushTick is how often the registry looks for changes whose delay is over
// (Nacos: the interval of its delay task engine).
const pushTick = 100 * time.Millisecond

// Options of [Compile].
type Options struct {
	Seed  uint64
	Speed float64 // 0: the scenario's
	// Arm is the only arm to compile, where arms take turns; "" is all of them,
	// which no runtime executes.
	Arm string
}

// Compile turns a scenario and its manifests into a plan. Its error lists all
// problems that the two have together; their decoders have reported what is
// wrong with each of them alone.
func Compile(s *spec.Scenario, m *manifests.Set, o Options) (*Plan, error) {
	src, err := newSource(s, m, o)
	if err != nil {
		return nil, err
	}
	p := newPlan(src)
	p.Target = compileTarget(src)
	p.Registry = compileRegistry(src)
	p.Workloads, p.Control.Workloads = compileWorkloads(src, p)
	p.Services = compileServices(src)
	p.Control.Jobs = compileCronJobs(src)
	p.ScheduledJobs = scheduledJobs(src, p)
	steps, rules := compileSteps(src)
	p.Steps, p.Rules = plainSteps(steps), rules
	released := findReleases(src, p.ScheduledJobs, steps)
	warnRules(src, p)
	if entry, ok := compileEntry(src); ok {
		p.Entry = entry
		p.Arms, p.Streams = compileLoad(src, p)
		p.Expect = compileExpectations(src, p, released)
	}
	p.Margin = computeMargin(src, p, released)
	warnCapacity(src, p)
	for i, w := range src.workloads { // last: what a hook cannot do leaves no gap in the plan
		checkHook(src, w, p.Workloads[i].Settings)
	}
	if err := src.problems.Err(); err != nil {
		return nil, err
	}
	p.Warnings = src.warnings
	return p, nil
}

// source is what a plan is compiled from.
type source struct {
	*diagnostics
	manifests *manifests.Set
	workloads []workload // of the manifests, with the scenario's overrides
	runtimes  []string   // that can run the plan; none: all
	options   Options    // Speed is never 0
}

func newSource(s *spec.Scenario, m *manifests.Set, o Options) (*source, error) {
	if o.Speed == 0 {
		o.Speed = s.Spec.Time.Speed
	}
	if err := spec.CheckSpeed(o.Speed); err != nil {
		return nil, input.Problem{File: "--speed", Text: err.Error()}
	}
	src := &source{diagnostics: &diagnostics{scenario: s}, manifests: m, runtimes: s.Spec.Runtimes, options: o}
	if s.Spec.Target != nil {
		src.manifests, src.runtimes = targetManifests(s), []string{AttachRuntime}
	}
	src.warnings = findings(src.manifests.Warnings)
	src.workloads = applyOverrides(src)
	checkRules(src)
	return src, nil
}

// findings converts what the manifests' decoder has found.
func findings(from []manifests.Finding) []Finding {
	out := make([]Finding, 0, len(from))
	for _, f := range from {
		out = append(out, Finding(f))
	}
	return out
}

// newPlan returns a plan with what the scenario states itself.
func newPlan(src *source) *Plan {
	sp := src.scenario.Spec
	if src.runsOn("local") {
		for _, b := range src.manifests.PodDisruptionBudgets {
			src.warnAt(b.File, b.Line, fmt.Sprintf("PodDisruptionBudget %q has no effect on the local runtime: nothing is evicted there", b.Name), "")
		}
	}
	title := src.scenario.Metadata.Title
	switch src.options.Arm {
	case spec.ArmBefore:
		title += ", without the change"
	case spec.ArmAfter:
		title += ", with the change"
	}
	return &Plan{
		Schema: Schema, Scenario: src.scenario.Metadata.Name, Title: title, Description: src.scenario.Description,
		Seed: src.options.Seed, Speed: src.options.Speed, Duration: src.scaled(time.Duration(sp.Time.Duration)), Cycles: sp.Time.Cycles,
		Runtimes:  src.runtimes,
		PushDelay: time.Duration(sp.Registry.PushDelay), PushTick: pushTick,
		Control:     control.Config{ClockStart: sp.Time.Start.Time(), Speed: src.options.Speed, Seed: src.options.Seed},
		Corrections: findings(src.manifests.Corrections),
	}
}

// scaled divides a duration of the topology by the plan's speed.
func (src *source) scaled(d time.Duration) time.Duration {
	if src.options.Speed == 1 {
		return d
	}
	return time.Duration(float64(d) / src.options.Speed)
}

func (src *source) runsOn(runtime string) bool {
	return len(src.runtimes) == 0 || slices.Contains(src.runtimes, runtime)
}

// workload returns a workload by its name.
func (src *source) workload(name string) (workload, bool) {
	i := slices.IndexFunc(src.workloads, func(w workload) bool { return w.Name == name })
	if i < 0 {
		return workload{}, false
	}
	return src.workloads[i], true
}

// hasTarget reports whether the plan attaches to a service.
func (src *source) hasTarget() bool { return src.scenario.Spec.Target != nil }

// serviceOf returns the registry name of a role; "" if no workload has it.
func (src *source) serviceOf(r manifests.Role) string {
	for _, w := range src.workloads {
		if w.Role == r {
			return w.Service
		}
	}
	return ""
}

// serviceChain lists the names of the services that a request passes, up to
// the first role without a workload.
func (src *source) serviceChain() []string {
	var out []string
	for _, role := range manifests.Chain() {
		name := src.serviceOf(role)
		if name == "" {
			break
		}
		out = append(out, name)
	}
	return out
}

func compileRegistry(src *source) Registry {
	switch r := src.manifests.Registry; {
	case src.externalOnly():
		return Registry{} // nothing would register
	case r != nil:
		return Registry{Workload: r.Name, Port: manifests.RegistryRole.Port()}
	}
	return Registry{Workload: "nacos-server", Port: manifests.RegistryRole.Port(), Implied: true}
}

func compileServices(src *source) []Service {
	var out []Service
	for _, s := range src.manifests.Services {
		out = append(out, Service{Name: s.Name, Port: s.Port, Target: s.Target, Selector: s.Selector})
	}
	return out
}
