package control

import (
	"time"

	"zeroloss/loadgen/record"
)

// Event is an input of a control plane, one Go type per kind: something that
// the run wants, the outcome of an [Action], or an observation of a cluster.
//
//sumtype:decl
type Event interface {
	eventKind() string // as recorded
}

// StepEvent is a step of the scenario, about one workload.
//
//sumtype:decl
type StepEvent interface {
	Event
	workload() string
}

// PodObservation is an observation of a pod that an earlier [PodObserved] has
// reported.
//
//sumtype:decl
type PodObservation interface {
	Event
	instance() record.Instance
}

// events has one value per kind of event, for the codec.
var events = []Event{
	Begin{}, TimeZero{}, CycleStart{}, Tick{}, Shutdown{},
	ScaleStep{}, RestartStep{}, ImageStep{}, PauseStep{}, ResumeStep{}, DrainStep{}, KillStep{}, RulesStep{},
	ContainerStarted{}, HookFinished{}, ProbeFinished{}, SignalSent{}, RulesSent{}, NodeCordoned{}, EvictionFinished{}, Acknowledged{},
	ContainerExited{},
	PodObserved{}, ContainerRunning{}, ReadinessObserved{}, EndpointObserved{}, DeletionObserved{}, PodGone{}, AddressObserved{},
	KubernetesEvent{}, WatchGap{},
}

// The course of a run.
type (
	// Begin creates the initial pods.
	Begin struct{}
	// TimeZero is the plan's time zero: CronHPA's clock starts.
	TimeZero struct{}
	// CycleStart starts CronHPA's clock again, for the next cycle of the plan.
	CycleStart struct{}
	// Tick reports that a deadline of Next has passed.
	Tick struct{}
	// Shutdown ends the run: all containers go at once, without preStop.
	Shutdown struct{}
)

// Steps of the scenario.
type (
	// ScaleStep sets the replicas of a workload.
	ScaleStep struct {
		Workload string `json:"workload"`
		Replicas int    `json:"replicas"`
	}
	// RestartStep is kubectl rollout restart.
	RestartStep struct {
		Workload string `json:"workload"`
	}
	// ImageStep sets the image of a workload's pods.
	ImageStep struct {
		Workload string `json:"workload"`
		Image    string `json:"image"`
	}
	// PauseStep is kubectl rollout pause; a paused workload still scales.
	PauseStep struct {
		Workload string `json:"workload"`
	}
	// ResumeStep is kubectl rollout resume.
	ResumeStep struct {
		Workload string `json:"workload"`
	}
	// DrainStep is kubectl drain of the node with the most pods of a workload.
	// Only an [ObservedCluster] has nodes.
	DrainStep struct {
		Workload string `json:"workload"`
	}
	// KillStep sends SIGKILL to one pod of a workload. With Evict the pod goes
	// with its container; otherwise the container is started again.
	KillStep struct {
		Workload string `json:"workload"`
		Evict    bool   `json:"evict,omitempty"`
	}
	// RulesStep puts a version of the plan's rules in force for a workload.
	RulesStep struct {
		Workload string `json:"workload"`
		Version  int    `json:"version"`
	}
)

// Outcome is what the outcomes of all actions have in common.
type Outcome struct {
	Op  Op              `json:"op,omitempty"` // of the action; 0 in none
	Pod record.Instance `json:"pod,omitzero"`
	Err string          `json:"err,omitempty"` // "": the action succeeded
}

// Outcomes of actions; [OutcomeOf] pairs them.
type (
	// ContainerStarted is the outcome of StartContainer.
	ContainerStarted struct{ Outcome }
	// HookFinished is the outcome of RunHook.
	HookFinished struct{ Outcome }
	// ProbeFinished is the outcome of RunProbe. Err says why a probe failed.
	ProbeFinished struct {
		Outcome
		Success bool `json:"success,omitempty"`
	}
	// SignalSent is the outcome of SendSignal.
	SignalSent struct{ Outcome }
	// RulesSent is the outcome of SendRules: Err is set if the rules have not
	// reached the container.
	RulesSent struct{ Outcome }
	// NodeCordoned is the outcome of CordonNode.
	NodeCordoned struct{ Outcome }
	// EvictionFinished is the outcome of EvictPod: accepted, or refused by a
	// PodDisruptionBudget as Err says.
	EvictionFinished struct {
		Outcome
		Accepted bool `json:"accepted,omitempty"`
	}
	// Acknowledged is the outcome of all other actions.
	Acknowledged struct{ Outcome }
)

// ContainerExited reports that a container has ended: one that the runtime
// started, or one of a cluster.
type ContainerExited struct {
	Pod      record.Instance `json:"pod"`
	ExitCode int             `json:"exitCode,omitempty"` // -1: unknown
	Reason   string          `json:"reason,omitempty"`
}

// Observations of a cluster, for an [ObservedCluster]. The runtime may report
// the same state again; only changes are recorded.
type (
	// PodObserved reports that a pod exists.
	PodObserved struct {
		Pod      record.Instance `json:"pod"`
		Workload string          `json:"workload"`
		UID      string          `json:"uid,omitempty"`  // breaks ties in Kubernetes' order of deletion
		Node     string          `json:"node,omitempty"` // "": not scheduled yet
	}
	// ContainerRunning reports that a pod's container runs.
	ContainerRunning struct {
		Pod record.Instance `json:"pod"`
	}
	// ReadinessObserved reports a pod's Ready condition.
	ReadinessObserved struct {
		Pod   record.Instance `json:"pod"`
		Ready bool            `json:"ready,omitempty"`
	}
	// EndpointObserved reports whether a pod is among its Services' endpoints.
	EndpointObserved struct {
		Pod   record.Instance `json:"pod"`
		Ready bool            `json:"ready,omitempty"`
	}
	// DeletionObserved reports that a pod has a deletion timestamp.
	DeletionObserved struct {
		Pod record.Instance `json:"pod"`
	}
	// PodGone reports that a pod no longer exists.
	PodGone struct {
		Pod record.Instance `json:"pod"`
	}
	// AddressObserved reports the IP address of a pod that does not report it
	// itself.
	AddressObserved struct {
		Pod record.Instance `json:"pod"`
		IP  string          `json:"ip"`
	}
	// KubernetesEvent is the cluster's own Event about a pod.
	KubernetesEvent struct {
		Pod     record.Instance `json:"pod"`
		Kind    record.Kind     `json:"recordKind"` // what the run records it as
		Count   int             `json:"count,omitempty"`
		Message string          `json:"message,omitempty"`
	}
	// WatchGap reports that something of the cluster cannot be watched, or,
	// with a duration, that it could not.
	WatchGap struct {
		Resource string        `json:"resource"`
		Since    record.Micros `json:"since"`
		Lasted   time.Duration `json:"lasted,omitempty"` // 0: it goes on
	}
)

func (Begin) eventKind() string             { return "begin" }
func (TimeZero) eventKind() string          { return "time-zero" }
func (CycleStart) eventKind() string        { return "cycle-start" }
func (Tick) eventKind() string              { return "tick" }
func (Shutdown) eventKind() string          { return "shutdown" }
func (ScaleStep) eventKind() string         { return "scale-step" }
func (RestartStep) eventKind() string       { return "restart-step" }
func (ImageStep) eventKind() string         { return "image-step" }
func (PauseStep) eventKind() string         { return "pause-step" }
func (ResumeStep) eventKind() string        { return "resume-step" }
func (DrainStep) eventKind() string         { return "drain-step" }
func (KillStep) eventKind() string          { return "kill-step" }
func (RulesStep) eventKind() string         { return "rules-step" }
func (ContainerStarted) eventKind() string  { return "container-started" }
func (HookFinished) eventKind() string      { return "hook-finished" }
func (ProbeFinished) eventKind() string     { return "probe-finished" }
func (SignalSent) eventKind() string        { return "signal-sent" }
func (RulesSent) eventKind() string         { return "rules-sent" }
func (NodeCordoned) eventKind() string      { return "node-cordoned" }
func (EvictionFinished) eventKind() string  { return "eviction-finished" }
func (Acknowledged) eventKind() string      { return "acknowledged" }
func (ContainerExited) eventKind() string   { return "container-exited" }
func (PodObserved) eventKind() string       { return "pod-observed" }
func (ContainerRunning) eventKind() string  { return "container-running" }
func (ReadinessObserved) eventKind() string { return "readiness-observed" }
func (EndpointObserved) eventKind() string  { return "endpoint-observed" }
func (DeletionObserved) eventKind() string  { return "deletion-observed" }
func (PodGone) eventKind() string           { return "pod-gone" }
func (AddressObserved) eventKind() string   { return "address-observed" }
func (KubernetesEvent) eventKind() string   { return "kubernetes-event" }
func (WatchGap) eventKind() string          { return "watch-gap" }

func (s ScaleStep) workload() string   { return s.Workload }
func (s RestartStep) workload() string { return s.Workload }
func (s ImageStep) workload() string   { return s.Workload }
func (s PauseStep) workload() string   { return s.Workload }
func (s ResumeStep) workload() string  { return s.Workload }
func (s DrainStep) workload() string   { return s.Workload }
func (s KillStep) workload() string    { return s.Workload }
func (s RulesStep) workload() string   { return s.Workload }

func (o ContainerRunning) instance() record.Instance  { return o.Pod }
func (o ContainerExited) instance() record.Instance   { return o.Pod }
func (o ReadinessObserved) instance() record.Instance { return o.Pod }
func (o EndpointObserved) instance() record.Instance  { return o.Pod }
func (o DeletionObserved) instance() record.Instance  { return o.Pod }
func (o PodGone) instance() record.Instance           { return o.Pod }
func (o AddressObserved) instance() record.Instance   { return o.Pod }
func (o KubernetesEvent) instance() record.Instance   { return o.Pod }

// payload is what the run records o as.
func (o KubernetesEvent) payload() record.Payload {
	if o.Kind == record.KindProbeFailed {
		return record.ProbeFailed{Failures: o.Count}
	}
	return record.ZeroPayload(o.Kind)
}
