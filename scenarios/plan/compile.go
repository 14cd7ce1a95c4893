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
// (Nacos: the delay task engine's interval).
const pushTick = 100 * time.Millisecond

// Options of [Compile].
type Options struct {
	Seed  uint64
	Speed float64 // 0: the scenario's
	// Arm is the one of this run, where arms run one after the other; "" is
	// all of them, which no runtime carries out.
	Arm string
}

// Compile turns a scenario and its manifests into a plan. The error lists all
// that is wrong with them together; what is wrong with each alone, their
// decoders have said.
func Compile(s *spec.Scenario, m *manifests.Set, o Options) (*Plan, error) {
	if s.Spec.Target != nil {
		m = targetSet(s)
	}
	c := compiler{s: s, m: m, seed: o.Seed, speed: o.Speed, only: o.Arm}
	if c.speed == 0 {
		c.speed = s.Spec.Time.Speed
	}
	if err := spec.CheckSpeed(c.speed); err != nil {
		return nil, input.Problem{File: "--speed", Text: err.Error()}
	}
	sp := s.Spec
	c.p = &Plan{
		Schema: Schema, Scenario: s.Metadata.Name, Title: s.Metadata.Title, Description: s.Description,
		Seed: o.Seed, Speed: c.speed, Duration: c.scaled(time.Duration(sp.Time.Duration)), Cycles: sp.Time.Cycles,
		Runtimes:  sp.Runtimes,
		PushDelay: time.Duration(sp.Registry.PushDelay), PushTick: pushTick,
	}
	c.findings()
	c.target()
	c.registry()
	c.workloads()
	c.services()
	c.jobs()
	c.steps()
	c.doubts()
	if c.entry() {
		c.arms()
		c.expectations()
	}
	c.margin()
	c.capacity()
	if err := c.problems.Err(); err != nil {
		return nil, err
	}
	return c.p, nil
}

// compiler holds what is being put together.
type compiler struct {
	s        *spec.Scenario
	m        *manifests.Set
	seed     uint64
	speed    float64
	only     string // arm
	p        *Plan
	released []string // workloads of which something takes instances out
	problems input.Problems
}

// scaled is a duration of the topology at the plan's speed.
func (c *compiler) scaled(d time.Duration) time.Duration {
	if c.speed == 1 {
		return d
	}
	return time.Duration(float64(d) / c.speed)
}

func (c *compiler) problem(path, text, hint string) {
	c.problems = append(c.problems, c.s.Problem(path, text, hint))
}

func (c *compiler) warn(path, text, fix string) {
	c.warnAt(c.s.File, c.s.Line(path), text, fix)
}

// warnAt tells each thing once, however often it is come upon.
func (c *compiler) warnAt(file string, line int, text, fix string) {
	f := Finding{File: file, Line: line, Text: text, Fix: fix}
	if !slices.Contains(c.p.Warnings, f) {
		c.p.Warnings = append(c.p.Warnings, f)
	}
}

// findings takes over what the manifests' decoder has remarked.
func (c *compiler) findings() {
	take := func(from []manifests.Finding) []Finding {
		out := make([]Finding, 0, len(from))
		for _, f := range from {
			out = append(out, Finding(f))
		}
		return out
	}
	c.p.Corrections, c.p.Warnings = take(c.m.Corrections), take(c.m.Warnings)
	for _, b := range c.m.PodDisruptionBudgets {
		if c.p.CheckRuntime("local") == nil {
			c.warnAt(b.File, b.Line, fmt.Sprintf("PodDisruptionBudget %q holds in a cluster only: on local nothing is evicted", b.Name), "")
		}
	}
}

func (c *compiler) registry() {
	if c.foreignOnly() {
		return // nobody is there who would register
	}
	c.p.Registry = Registry{Workload: "nacos-server", Port: manifests.RegistryRole.Port(), Implied: true}
	if r := c.m.Registry; r != nil {
		c.p.Registry = Registry{Workload: r.Name, Port: manifests.RegistryRole.Port()}
	}
}

// workloads resolves settings and pods of each, and finds differences that
// belong to none.
func (c *compiler) workloads() {
	for _, name := range sortedKeys(c.s.Spec.Set) {
		if _, ok := c.m.Workload(name); !ok {
			c.problem("spec.set."+name, fmt.Sprintf("set names workload %q, which is in no manifest", name), input.DidYouMean(name, c.m.WorkloadNames()))
		}
	}
	c.p.Control = control.Config{ClockStart: c.s.Spec.Time.Start.Time(), Speed: c.speed, Seed: c.seed}
	c.governance()
	for _, w := range c.m.Workloads {
		d := c.s.Spec.Set[w.Name]
		c.switches(w.Name)
		w = c.with(w, d)
		c.hookFits(w, d)
		if w.Role.External() {
			c.foreign(w, d)
			continue
		}
		doc := c.settings(w, d)
		c.readinessOpen(w, d, doc)
		c.p.Workloads = append(c.p.Workloads, Workload{
			Name: w.Name, Role: string(w.Role), Service: w.Service, Tag: w.Tag, Replicas: w.Replicas, ColdStart: d.InitialPods == "cold",
			Settings: doc, Env: w.Env, Labels: w.Labels, File: w.File, Line: w.Line,
		})
		c.p.Control.Workloads = append(c.p.Control.Workloads, c.pods(w))
	}
	c.oneServiceARole()
}

// oneServiceARole refuses two names in the registry for one place of the
// chain: a caller has one name to call.
func (c *compiler) oneServiceARole() {
	first := map[string]Workload{}
	for _, w := range c.p.Workloads {
		if w.External {
			continue
		}
		before, ok := first[w.Role]
		if !ok {
			first[w.Role] = w
		} else if before.Service != w.Service {
			c.problems = append(c.problems, input.Problem{File: w.File, Line: w.Line,
				Text: fmt.Sprintf("%s is %q in the registry, but %s, the same demo service, is %q", w.Name, w.Service, before.Name, before.Service),
				Hint: "versions of a service share msePilotCreateAppName"})
		}
	}
}

// serviceOf is the registry name of a role; "" if no workload has it.
func (c *compiler) serviceOf(r manifests.Role) string {
	for _, w := range c.m.Workloads {
		if w.Role == r {
			return w.Service
		}
	}
	return ""
}

func (c *compiler) services() {
	for _, s := range c.m.Services {
		c.p.Services = append(c.p.Services, Service{Name: s.Name, Port: s.Port, Target: s.Target, Selector: s.Selector})
	}
}

// entry finds where the load goes: the gateway, or the first of the chain
// that there is.
func (c *compiler) entry() bool {
	if c.foreignOnly() {
		return c.foreignEntry()
	}
	for _, role := range manifests.Chain() {
		i := slices.IndexFunc(c.m.Workloads, func(w manifests.Workload) bool { return w.Role == role })
		if i < 0 {
			continue
		}
		w := c.m.Workloads[i]
		if role != manifests.Gateway {
			break
		}
		c.p.Entry = Entry{Workload: w.Name, Port: role.Port()}
		for _, s := range c.m.Services {
			if manifests.Selects(s.Selector, w.Labels) && s.Target == role.Port() && c.p.Entry.Service == "" {
				c.p.Entry.Service = s.Name
			}
		}
		return true
	}
	c.problem("spec.manifests", "the manifests have no gateway: nothing takes the load in", "a Deployment of the image spring-cloud-zuul, or of another by imageRoles: {image: gateway}")
	return false
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
