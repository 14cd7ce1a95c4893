package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Step is something that the scenario does to its workloads. CronHPA's jobs
// are not steps; see [ScheduledJob].
type Step struct {
	Name   string
	At     time.Duration // offset from time zero; used if After is nil
	After  *After
	Line   int // in the scenario file; 0 if unknown
	Action Action
}

// After starts a step when an event occurs.
type After struct {
	Source string        `json:"source"` // a workload or an arm
	Event  string        `json:"event"`  // a record.Kind
	Delay  time.Duration `json:"delay"`
}

// Workload is the workload that the step acts on; "" if its action names none.
func (s Step) Workload() string { return s.Action.workload() }

// Action is what a step does. The set is closed: every type switch over an
// Action lists all of them, which TestActionSwitchesAreExhaustive checks.
type Action interface{ workload() string }

type (
	// Scale sets the number of replicas.
	Scale struct {
		Workload string `json:"workload"`
		Replicas int    `json:"replicas"`
	}
	// RestoreReplicas scales an attached target back to the number of replicas
	// it had before the run. The runtime replaces it by Scale once it knows
	// that number.
	RestoreReplicas struct {
		Workload string `json:"workload"`
	}
	// RolloutRestart is kubectl rollout restart.
	RolloutRestart struct {
		Workload string `json:"workload"`
	}
	// SetImage is kubectl set image.
	SetImage struct {
		Workload string `json:"workload"`
		Image    string `json:"image"`
	}
	// PauseRollout is kubectl rollout pause.
	PauseRollout struct {
		Workload string `json:"workload"`
	}
	// ResumeRollout is kubectl rollout resume.
	ResumeRollout struct {
		Workload string `json:"workload"`
	}
	// KillPods kills pods without a grace period. Their containers are not
	// restarted: the ReplicaSet replaces the pods.
	KillPods struct {
		Workload string `json:"workload"`
		Count    int    `json:"count"`
	}
	// DrainNode cordons the node that runs the workload's pods and evicts them.
	DrainNode struct {
		Workload string `json:"workload"`
	}
	// ApplyRules activates the rules of a version; see [RuleSet].
	ApplyRules struct {
		Version int `json:"version"`
	}
)

func (a Scale) workload() string           { return a.Workload }
func (a RestoreReplicas) workload() string { return a.Workload }
func (a RolloutRestart) workload() string  { return a.Workload }
func (a SetImage) workload() string        { return a.Workload }
func (a PauseRollout) workload() string    { return a.Workload }
func (a ResumeRollout) workload() string   { return a.Workload }
func (a KillPods) workload() string        { return a.Workload }
func (a DrainNode) workload() string       { return a.Workload }
func (ApplyRules) workload() string        { return "" }

// actionTypes maps the kinds of plan.json to their types. A type that is not
// listed cannot be written to a plan.
func actionTypes() map[string]reflect.Type {
	return map[string]reflect.Type{
		"scale":   reflect.TypeFor[Scale](),
		"restore": reflect.TypeFor[RestoreReplicas](),
		"restart": reflect.TypeFor[RolloutRestart](),
		"image":   reflect.TypeFor[SetImage](),
		"pause":   reflect.TypeFor[PauseRollout](),
		"resume":  reflect.TypeFor[ResumeRollout](),
		"kill":    reflect.TypeFor[KillPods](),
		"drain":   reflect.TypeFor[DrainNode](),
		"rule":    reflect.TypeFor[ApplyRules](),
	}
}

// ActionKind is the name of an action's type in plan.json and in scenarios;
// "" for a type that plan.json does not know.
func ActionKind(a Action) string {
	for kind, t := range actionTypes() {
		if reflect.TypeOf(a) == t {
			return kind
		}
	}
	return ""
}

// stepJSON is a Step in plan.json: kind tells the type of action.
type stepJSON struct {
	Name   string          `json:"name"`
	At     time.Duration   `json:"at"`
	After  *After          `json:"after,omitempty"`
	Line   int             `json:"line,omitempty"`
	Kind   string          `json:"kind"`
	Action json.RawMessage `json:"action"`
}

// MarshalJSON writes the action with its kind.
func (s Step) MarshalJSON() ([]byte, error) {
	kind := ActionKind(s.Action)
	if kind == "" {
		return nil, fmt.Errorf("encoding step %q: unknown action %T", s.Name, s.Action)
	}
	action, err := json.Marshal(s.Action)
	if err != nil {
		return nil, fmt.Errorf("encoding step %q: %w", s.Name, err)
	}
	return json.Marshal(stepJSON{Name: s.Name, At: s.At, After: s.After, Line: s.Line, Kind: kind, Action: action})
}

// UnmarshalJSON reads what MarshalJSON wrote. An unknown kind is [ErrSchema]:
// a report that ignored the step would misread the run.
func (s *Step) UnmarshalJSON(b []byte) error {
	var j stepJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return fmt.Errorf("decoding step: %w", err)
	}
	t, ok := actionTypes()[j.Kind]
	if !ok {
		return fmt.Errorf("decoding step %q: %w: unknown kind %q (known: %s)", j.Name, ErrSchema, j.Kind, strings.Join(slices.Sorted(maps.Keys(actionTypes())), ", "))
	}
	action := reflect.New(t)
	if err := json.Unmarshal(j.Action, action.Interface()); err != nil {
		return fmt.Errorf("decoding step %q: %w", j.Name, err)
	}
	*s = Step{Name: j.Name, At: j.At, After: j.After, Line: j.Line, Action: action.Elem().Interface().(Action)}
	return nil
}

// HasDrain reports whether a step takes a node out of service.
func (p *Plan) HasDrain() bool {
	return slices.ContainsFunc(p.Steps, func(s Step) bool { _, ok := s.Action.(DrainNode); return ok })
}

// DrainedWorkloads lists the workloads that the plan's drains are meant to
// move: all versions of the services that the steps name. A runtime puts them
// together on one node, and everything else elsewhere.
func (p *Plan) DrainedWorkloads() []string {
	services := map[string]bool{}
	for _, w := range p.Workloads {
		for _, s := range p.Steps {
			if d, ok := s.Action.(DrainNode); ok && d.Workload == w.Name {
				services[w.Service] = true
			}
		}
	}
	var out []string
	for _, w := range p.Workloads {
		if services[w.Service] {
			out = append(out, w.Name)
		}
	}
	return out
}
