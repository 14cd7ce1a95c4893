package plan

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"zeroloss/internal/input"
	"zeroloss/loadgen/traffic"
	"zeroloss/manifests"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/spec"
)

// Target is a service that is there already, and that a run attaches to.
type Target struct {
	Namespace  string `json:"namespace"`
	Deployment string `json:"deployment"`
	// Observe: nothing is done to it; whatever releases it is somebody else's.
	Observe bool `json:"observe,omitempty"`
	// Settle: of one that is only watched, the load ends once its release has
	// been over for so long; 0: at the plan's end.
	Settle time.Duration `json:"settle,omitempty"`
	// Change is a strategic merge patch of the Deployment. Arm says whether a
	// run is made without it or with it; "" is of the whole scenario.
	Change json.RawMessage `json:"change,omitempty"`
	Arm    string          `json:"arm,omitempty"`
	Nacos  *Nacos          `json:"nacos,omitempty"`
}

// Nacos is a registry in which a target is listed.
type Nacos struct {
	Address   string `json:"address"` // host:port
	Service   string `json:"service"`
	Group     string `json:"group"`
	Namespace string `json:"namespace,omitempty"`
}

// TargetChanges lists what a plan does to its target, in words; none, if it only
// looks.
func (p *Plan) TargetChanges() []string {
	if p.Target == nil {
		return nil
	}
	var out []string
	if p.Target.Change != nil {
		out = append(out, "change its pods, and back")
	}
	for _, s := range p.Steps {
		switch a := s.Action.(type) {
		case Scale:
			out = append(out, fmt.Sprintf("scale to %d replicas", a.Replicas))
		case RestoreReplicas:
			out = append(out, "scale back")
		case RolloutRestart, SetImage, PauseRollout, ResumeRollout, KillPods, DrainNode, ApplyRules:
			out = append(out, ActionKind(a))
		}
	}
	return out
}

// TotalRate is what the plan sends in all, requests a second, when all its streams
// are on.
func (p *Plan) TotalRate() (sum float64) {
	for _, s := range p.Streams {
		if p.Target != nil && p.Target.Change != nil && p.Target.Arm == "" && s.Arm == spec.ArmAfter {
			continue // it takes turns with the arm before
		}
		sum += s.Rate
	}
	return sum
}

// UsesRegistry reports whether anything of the plan is in the run's own registry.
func (p *Plan) UsesRegistry() bool {
	return slices.ContainsFunc(p.Workloads, func(w Workload) bool { return !w.External })
}

// targetSet is the one workload of a plan that attaches, as if a manifest had
// it.
func targetSet(s *spec.Scenario) *manifests.Set {
	name := s.Spec.Target.Deployment
	return &manifests.Set{Workloads: []manifests.Workload{{
		Name: name, Role: manifests.Target, Service: name, File: s.File, Line: s.Line("spec.target.deployment"),
	}}}
}

func (c *compiler) target() {
	t := c.s.Spec.Target
	if t == nil {
		return
	}
	c.p.Target = &Target{Namespace: t.Namespace, Deployment: t.Deployment, Observe: t.Observe, Settle: time.Duration(t.Settle), Change: json.RawMessage(t.Change), Arm: c.only}
	if n := t.Nacos; n != nil {
		c.p.Target.Nacos = &Nacos{Address: n.Address, Service: n.Service, Group: n.Group, Namespace: n.Namespace}
	}
	switch c.only {
	case spec.ArmBefore:
		c.p.Title += ", as it is"
	case spec.ArmAfter:
		c.p.Title += ", changed"
	}
	c.p.Runtimes = []string{AttachRuntime}
	if c.speed != 1 {
		c.problem("spec.time.speed", "a cluster's own clocks cannot be sped up: the speed has to be 1", "leave it out")
	}
	if t.Observe {
		c.release(t.Deployment) // by somebody else; none makes the run invalid
	}
	var arms []string
	for _, l := range c.s.Spec.Load {
		if !slices.Contains(arms, l.Arm) {
			arms = append(arms, l.Arm)
		}
	}
	if len(arms) == 1 && t.Change == nil {
		c.warn("spec.load", "one arm, and none to hold it against: that nothing was lost does not show that this load would have seen a loss", "a second stream, with a url or header of its own, is another arm")
	}
}

// turn is a stream of one arm.
type turn struct {
	spec.Stream
	path string
}

// turns are the streams of the arms that this plan is of. Those of a target with
// a change are of both arms, which take turns.
func (c *compiler) turns() []turn {
	var out []turn
	changed := c.s.Spec.Target != nil && c.s.Spec.Target.Change != nil
	for i, s := range c.s.Spec.Load {
		path := fmt.Sprintf("spec.load[%d]", i)
		if !changed {
			out = append(out, turn{s, path})
			continue
		}
		for _, arm := range []string{spec.ArmBefore, spec.ArmAfter} {
			if c.only == "" || c.only == arm {
				x := s
				x.Arm, x.Name = arm, s.Name+"-"+arm
				out = append(out, turn{x, path})
			}
		}
	}
	return out
}

// AttachRuntime is the runtime of a plan with a target.
const AttachRuntime = "attach"

// foreignOnly: nothing of the plan is in the chain.
func (c *compiler) foreignOnly() bool {
	return len(c.m.Workloads) > 0 && !slices.ContainsFunc(c.m.Workloads, func(w manifests.Workload) bool { return !w.Role.External() })
}

// foreign takes in a workload that is none of ours.
func (c *compiler) foreign(w manifests.Workload, d spec.WorkloadOverride) {
	rest := d
	rest.PreStop, rest.Grace, rest.Replicas, rest.Readiness = nil, 0, nil, nil
	if !reflect.DeepEqual(rest, spec.WorkloadOverride{}) {
		c.problem("spec.set."+w.Name, w.Name+" is none of ours: nobody there would heed that", "its preStop, grace, replicas and readiness can be set")
	}
	if w.Role == manifests.Plain && !slices.Equal(c.p.Runtimes, []string{"kube"}) {
		c.problem("spec.runtimes", w.Name+" is a plain service: only a cluster routes to it", "add runtimes: [kube]")
	}
	c.p.Workloads = append(c.p.Workloads, Workload{
		Name: w.Name, Role: string(w.Role), Service: w.Service, Replicas: w.Replicas, External: true,
		Env: w.Env, Labels: w.Labels, File: w.File, Line: w.Line,
	})
	pods := c.pods(w)
	pods.External = true
	c.p.Control.Workloads = append(c.p.Control.Workloads, pods)
}

// foreignStep refuses what only a pod of ours can be made to do.
func (c *compiler) foreignStep(path string, s Step, w manifests.Workload) {
	if !w.Role.External() {
		return
	}
	switch a := s.Action.(type) {
	case Scale, RestoreReplicas, RolloutRestart:
	case SetImage, PauseRollout, ResumeRollout, KillPods, DrainNode, ApplyRules:
		kind := ActionKind(a)
		c.problem(path+"."+kind, fmt.Sprintf("step %s wants something of ours in the pods of %s", kind, w.Name), "restart and scale do not")
	}
}

// foreignEntry is where the first stream goes.
func (c *compiler) foreignEntry() bool {
	if len(c.s.Spec.Load) == 0 {
		return false
	}
	name := c.s.Spec.Load[0].Workload
	service, port := c.serviceOfWorkload(name)
	c.p.Entry = Entry{Workload: cmp.Or(name, c.m.Workloads[0].Name), Service: service, Port: port}
	return true
}

// serviceOfWorkload is the Kubernetes Service before a workload; "" if none is.
func (c *compiler) serviceOfWorkload(name string) (string, int) {
	w, ok := c.m.Workload(name)
	if !ok {
		return "", 0
	}
	for _, s := range c.m.Services {
		if manifests.Selects(s.Selector, w.Labels) {
			return s.Name, s.Port
		}
	}
	return "", 0
}

// foreignStream is one that goes to a workload that is none of ours.
func (c *compiler) foreignStream(path string, s spec.Stream, start, length time.Duration) {
	w, ok := c.m.Workload(s.Workload)
	switch {
	case !ok:
		c.problem(path+".workload", fmt.Sprintf("the stream names workload %q, which is in no manifest", s.Workload), input.DidYouMean(s.Workload, c.m.WorkloadNames()))
		return
	case !w.Role.External():
		c.problem(path+".workload", s.Workload+" is one of the chain, which is called from its entry on", "leave workload out")
		return
	}
	for _, name := range (traffic.Stream{Header: s.Header}).Bare() {
		c.warn(path+".header", fmt.Sprintf("header %s of stream %s will stand in the run directory and in its report as it is", name, s.Name), `write a variable's name: {`+name+`: "${TOKEN}"}, and set it where zeroloss runs`)
	}
	service := ""
	if w.Role == manifests.Plain {
		if service, _ = c.serviceOfWorkload(s.Workload); service == "" {
			c.problem(path+".workload", "no Service selects the pods of "+s.Workload+": nothing routes to it", "add a Service to its manifest")
		}
	}
	c.p.Streams = append(c.p.Streams, traffic.Stream{
		Name: s.Name, Arm: s.Arm, Rate: float64(s.Rate),
		Method: s.Request.Method, Path: s.Request.Path, Header: s.Header, Body: s.Body,
		Connections: s.Connections, Timeout: time.Duration(s.Timeout), Start: start, Duration: length,
		Workload: s.Workload, Service: service, Target: string(s.URL), Answer: s.OK.Traffic(), InstanceHeader: s.InstanceHeader,
	})
}

// foreignHops are the edges to services that are none of ours.
func (c *compiler) foreignHops() []string {
	var out []string
	for _, w := range c.p.Workloads {
		if hop := "client->" + w.Role; w.External && !slices.Contains(out, hop) {
			out = append(out, hop)
		}
	}
	return out
}

// blindArms are those whose callees tell nothing of themselves.
func (c *compiler) blindArms() map[string]bool {
	out := map[string]bool{}
	for _, s := range c.p.Streams {
		out[s.Arm] = out[s.Arm] || s.External()
	}
	return out
}

// externalRow is the row of a workload that is none of ours.
func (pr printer) externalRow(w Workload, c control.Workload) string {
	if t := pr.p.Target; t != nil {
		return strings.Join([]string{w.Name, "-", "as there are", "its own way", "-", "-", "in namespace " + t.Namespace}, "\t") + pr.turns(t)
	}
	return strings.Join([]string{w.Name, "-", fmt.Sprint(w.Replicas), "its own way", pr.hook(c.PreStop), rounded(c.Grace), ready(c.Readiness)}, "\t")
}

// turns says what the runs of a target with a change do to it, in turn.
func (pr printer) turns(t *Target) string {
	if t.Change == nil {
		return ""
	}
	return "\n  runs take turns: before, as it is; after, with " + string(t.Change)
}

// externalLoad prints the load on services that are none of ours; false: it
// does not all go there.
func (pr printer) externalLoad() bool {
	if slices.ContainsFunc(pr.p.Streams, func(s traffic.Stream) bool { return !s.External() }) {
		return false
	}
	pr.f("\nload\n")
	var rows []string
	for _, s := range pr.p.Streams {
		to := cmp.Or(s.Target, "Service "+s.Service)
		rows = append(rows, fmt.Sprintf("%s\tarm %s\t%s %s\ton %s of %s\t%v/s for %s\t%d requests\t%s\tok: %s",
			s.Name, s.Arm, s.Method, s.Path, to, s.Workload, s.Rate, rounded(s.Duration), s.Count(), s.Connections, good(s.Answer)))
	}
	pr.table(rows...)
	return true
}

// good says what a good answer is.
func good(a *traffic.Answer) string {
	if a == nil {
		return "2xx"
	}
	var words []string
	for _, r := range a.Status {
		if r.From == r.To {
			words = append(words, fmt.Sprint(r.From))
		} else {
			words = append(words, fmt.Sprintf("%d-%d", r.From, r.To))
		}
	}
	out := cmp.Or(strings.Join(words, ", "), "2xx")
	if a.JSONPath != "" {
		out += ", " + a.JSONPath
		if a.Equals != "" {
			out += " is " + a.Equals
		}
	}
	if a.Match != "" {
		out += ", body matches " + a.Match
	}
	return out
}
