package control

import (
	"time"

	"zeroloss/loadgen/record"
)

// Op identifies an [Action]; its outcome has the same Op. 0 is no action.
type Op uint64

// Action is an order to the runtime, one Go type per kind. The runtime reports
// the outcome of each action exactly once (see [OutcomeOf]), except for that of
// a RecordEvent; the control plane does not wait for it beyond the action's
// deadline.
//
//sumtype:decl
type Action interface {
	actionKind() string // as recorded
	outcome() Outcome   // of a success
}

// actions has one value per kind of action, for the codec.
var actions = []Action{
	RecordEvent{},
	StartContainer{}, RunHook{}, AbandonHook{}, RunProbe{}, SendRules{}, SendSignal{}, SetEndpoint{}, RemovePod{},
	ApplyWorkload{}, ScaleWorkload{}, RestartWorkload{}, SetImage{}, PauseRollout{}, ResumeRollout{}, CordonNode{}, EvictPod{},
}

// RecordEvent writes an event into the run's record. It comes before the
// action that it announces. The runtime fills in the time.
type RecordEvent struct {
	Op    Op           `json:"op"`
	Event record.Event `json:"event"`
}

// PodAction is what the actions on a pod have in common.
type PodAction struct {
	Op       Op              `json:"op"`
	Pod      record.Instance `json:"pod"`
	Workload string          `json:"workload"`
	Deadline time.Duration   `json:"deadline,omitempty"` // offset from the run's beginning; 0: none
}

// WorkloadAction is what the actions on a workload have in common.
type WorkloadAction struct {
	Op       Op     `json:"op"`
	Workload string `json:"workload"`
}

// Signal is a signal's name.
type Signal string

// Signals to containers.
const (
	SignalTerm      Signal = "TERM"
	SignalKill      Signal = "KILL"
	SignalInterrupt Signal = "INT" // exit at once: the run is over
)

// Actions on pods.
type (
	// StartContainer starts the container of a pod.
	StartContainer struct {
		PodAction
		RulesVersion int  `json:"rulesVersion,omitempty"` // 0: the rules of the plan itself
		Initial      bool `json:"initial,omitempty"`      // the pod is one of those that the run begins with
	}
	// RunHook runs a preStop hook.
	RunHook struct {
		PodAction
		Hook *Hook `json:"hook"`
	}
	// AbandonHook ends the wait for a hook: the grace period is over.
	AbandonHook struct{ PodAction }
	// RunProbe runs a probe once.
	RunProbe struct {
		PodAction
		Probe *Probe `json:"probe"`
	}
	// SendRules sends a container a version of the plan's rules.
	SendRules struct {
		PodAction
		Version int `json:"version"`
	}
	// SendSignal sends a container a signal. With Evict, of an [ObservedCluster],
	// the pod is deleted with its container.
	SendSignal struct {
		PodAction
		Signal Signal `json:"signal"`
		Evict  bool   `json:"evict,omitempty"`
	}
	// SetEndpoint adds a pod to its Services' endpoints, or removes it.
	SetEndpoint struct {
		PodAction
		Ready bool `json:"ready,omitempty"`
	}
	// RemovePod removes what is left of a pod. Its name and address are not
	// used again.
	RemovePod struct{ PodAction }
	// EvictPod asks for a pod's eviction, which a PodDisruptionBudget may
	// refuse. It comes from an [ObservedCluster] only.
	EvictPod struct {
		PodAction
		Node string `json:"node"`
	}
)

// Actions on a cluster, whose own controllers do the rest. They come from an
// [ObservedCluster] only.
type (
	// ApplyWorkload applies the manifest of a workload.
	ApplyWorkload struct{ WorkloadAction }
	// ScaleWorkload sets the replicas of a workload.
	ScaleWorkload struct {
		WorkloadAction
		Replicas int `json:"replicas"`
	}
	// RestartWorkload is kubectl rollout restart.
	RestartWorkload struct{ WorkloadAction }
	// SetImage sets the image of a workload's pods.
	SetImage struct {
		WorkloadAction
		Image string `json:"image"`
	}
	// PauseRollout is kubectl rollout pause.
	PauseRollout struct{ WorkloadAction }
	// ResumeRollout is kubectl rollout resume.
	ResumeRollout struct{ WorkloadAction }
	// CordonNode marks a node as unschedulable.
	CordonNode struct {
		WorkloadAction
		Node string `json:"node"`
	}
)

func (RecordEvent) actionKind() string     { return "record-event" }
func (StartContainer) actionKind() string  { return "start-container" }
func (RunHook) actionKind() string         { return "run-hook" }
func (AbandonHook) actionKind() string     { return "abandon-hook" }
func (RunProbe) actionKind() string        { return "run-probe" }
func (SendRules) actionKind() string       { return "send-rules" }
func (SendSignal) actionKind() string      { return "send-signal" }
func (SetEndpoint) actionKind() string     { return "set-endpoint" }
func (RemovePod) actionKind() string       { return "remove-pod" }
func (EvictPod) actionKind() string        { return "evict-pod" }
func (ApplyWorkload) actionKind() string   { return "apply-workload" }
func (ScaleWorkload) actionKind() string   { return "scale-workload" }
func (RestartWorkload) actionKind() string { return "restart-workload" }
func (SetImage) actionKind() string        { return "set-image" }
func (PauseRollout) actionKind() string    { return "pause-rollout" }
func (ResumeRollout) actionKind() string   { return "resume-rollout" }
func (CordonNode) actionKind() string      { return "cordon-node" }

// OutcomeOf is the event that reports how an action ended. err is nil if the
// action succeeded; of a probe it says why it failed, and of an eviction why it
// was refused.
func OutcomeOf(a Action, err error) Event {
	o := a.outcome()
	if err != nil {
		o.Err = err.Error()
	}
	switch a.(type) {
	case StartContainer:
		return ContainerStarted{o}
	case RunHook:
		return HookFinished{o}
	case RunProbe:
		return ProbeFinished{o, err == nil}
	case SendRules:
		return RulesSent{o}
	case SendSignal:
		return SignalSent{o}
	case CordonNode:
		return NodeCordoned{o}
	case EvictPod:
		return EvictionFinished{o, err == nil}
	case RecordEvent, AbandonHook, SetEndpoint, RemovePod,
		ApplyWorkload, ScaleWorkload, RestartWorkload, SetImage, PauseRollout, ResumeRollout:
	}
	return Acknowledged{o}
}

func (a RecordEvent) outcome() Outcome    { return Outcome{Op: a.Op} }
func (a PodAction) outcome() Outcome      { return Outcome{Op: a.Op, Pod: a.Pod} }
func (a WorkloadAction) outcome() Outcome { return Outcome{Op: a.Op} }
