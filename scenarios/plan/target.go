package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"zeroloss/manifests"
	"zeroloss/scenarios/spec"
)

// AttachRuntime is the runtime of a plan with a target.
const AttachRuntime = "attach"

// Target is a service that is deployed already and that a run attaches to.
type Target struct {
	Namespace  string `json:"namespace"`
	Deployment string `json:"deployment"`
	// Observe: the run does not change the target; someone else releases it.
	Observe bool `json:"observe,omitempty"`
	// Settle ends the load of an observed target this long after its release is
	// complete; 0: at the plan's end.
	Settle time.Duration `json:"settle,omitempty"`
	// Change is a strategic merge patch of the Deployment. Arm says whether the
	// run is without it or with it; "" is the whole scenario.
	Change json.RawMessage `json:"change,omitempty"`
	Arm    string          `json:"arm,omitempty"`
	Nacos  *Nacos          `json:"nacos,omitempty"`
}

// Nacos is a registry in which a target is registered.
type Nacos struct {
	Address   string `json:"address"` // host:port
	Service   string `json:"service"`
	Group     string `json:"group"`
	Namespace string `json:"namespace,omitempty"`
}

// TargetChanges lists what the plan changes in its target, for people; none if
// it only observes.
func (p *Plan) TargetChanges() []string {
	if p.Target == nil {
		return nil
	}
	var out []string
	if p.Target.Change != nil {
		out = append(out, "patch its pods and revert the patch")
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

// TotalRate is the rate of all streams together, in requests per second.
func (p *Plan) TotalRate() (sum float64) {
	for _, s := range p.Streams {
		if p.Target != nil && p.Target.Change != nil && p.Target.Arm == "" && s.Arm == spec.ArmAfter {
			continue // takes turns with the arm before
		}
		sum += s.Rate
	}
	return sum
}

// UsesRegistry reports whether any workload registers in the run's registry.
func (p *Plan) UsesRegistry() bool {
	return slices.ContainsFunc(p.Workloads, func(w Workload) bool { return !w.External })
}

// targetManifests describes the target as if it came from a manifest.
func targetManifests(s *spec.Scenario) *manifests.Set {
	name := s.Spec.Target.Deployment
	return &manifests.Set{Workloads: []manifests.Workload{{
		Name: name, Role: manifests.Target, Service: name, File: s.File, Line: s.Line("spec.target.deployment"),
	}}}
}

func compileTarget(src *source) *Target {
	t := src.scenario.Spec.Target
	if t == nil {
		return nil
	}
	if src.options.Speed != 1 {
		src.problem("spec.time.speed", "speed must be 1 with a target: a cluster cannot be sped up", "omit speed")
	}
	if t.Change == nil && !hasSeveralArms(src.scenario) {
		src.warn("spec.load", "there is only one arm: that nothing was lost does not show that this load would have detected a loss", "add a second stream with its own url or header, which is another arm")
	}
	out := &Target{
		Namespace: t.Namespace, Deployment: t.Deployment, Observe: t.Observe, Settle: time.Duration(t.Settle),
		Change: json.RawMessage(t.Change), Arm: src.options.Arm,
	}
	if n := t.Nacos; n != nil {
		out.Nacos = &Nacos{Address: n.Address, Service: n.Service, Group: n.Group, Namespace: n.Namespace}
	}
	return out
}

func hasSeveralArms(s *spec.Scenario) bool {
	return slices.ContainsFunc(s.Spec.Load, func(l spec.Stream) bool { return l.Arm != s.Spec.Load[0].Arm })
}
