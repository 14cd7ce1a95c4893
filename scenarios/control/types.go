// Package control is the pure control plane: what Kubernetes' controllers and
// kubelet decide about pods, as state machines without clock, goroutine or
// I/O. [Plane.Step] takes an event and the time and returns actions; a runtime
// carries them out and reports back with events that echo the action's [Op].
//
// Time is an offset from the run's beginning ([Begin]). CronHPA's clock stands
// still until [Zero], the plan's time zero, which a runtime announces once all
// pods are up. Everything is deterministic: the same events at the same times
// give the same actions, byte for byte. [Replay] is the proof.
//
// It may know nothing of processes, sockets, YAML or reports.
package control

import (
	"time"

	"zeroloss/loadgen/record"
)

// Op identifies an Action; its outcome echoes it. 0 belongs to events that
// answer no action.
type Op uint64

// Config is the desired state and the rules.
type Config struct {
	Workloads []Workload
	Jobs      []CronJob
	// ClockStart is the time of day (as a date in UTC) that time zero stands
	// for; schedules are read against it. SetBack returns to it.
	ClockStart time.Time
	// Speed divides the schedule: one second of the run is Speed seconds of
	// the wall clock that CronHPA reads. 0 is 1.
	Speed float64
	Seed  uint64 // of pod names
}

// Workload is a Deployment, as far as its pods' lives depend on it. Durations
// are already divided by the speed.
type Workload struct {
	// Foreign: nothing of ours is in its pods; nobody tells them that a run
	// is over.
	External       bool `json:",omitempty"`
	Name           string
	Image          string // of its container; what a step changes
	Replicas       int
	Recreate       bool          // strategy
	MaxSurge       int           // pods, resolved
	MaxUnavailable int           // pods, resolved
	MinReady       time.Duration // minReadySeconds
	Grace          time.Duration // terminationGracePeriodSeconds
	PreStop        *Hook
	Startup        *Probe
	Readiness      *Probe
	Liveness       *Probe
	DeletionCost   int // controller.kubernetes.io/pod-deletion-cost
	// NoService: none selects its pods, so that they are nobody's endpoints.
	NoService bool `json:",omitempty"`
}

// Hook is a preStop handler. Exactly one of the fields is set.
type Hook struct {
	Exec    []string
	HTTPGet *HTTPGet
	Sleep   time.Duration
}

// HTTPGet is addressed to the pod's own address unless Host is set.
type HTTPGet struct {
	Host   string
	Port   int
	Path   string
	Scheme string
}

// Probe is a container probe with Kubernetes' defaults filled in.
type Probe struct {
	Exec    []string
	HTTPGet *HTTPGet
	TCPPort int

	InitialDelay     time.Duration
	Period           time.Duration
	Timeout          time.Duration
	SuccessThreshold int
	FailureThreshold int
}

// CronJob is one job of a CronHorizontalPodAutoscaler.
type CronJob struct {
	Autoscaler string // the object's name
	Name       string // the job's
	Workload   string // target
	Schedule   string // six fields, seconds first, or @every
	TargetSize int
	RunOnce    bool
	Exclude    []string // excludeDates
}

// EventKind says what happened.
type EventKind string

// Events that a runtime or a step reports.
const (
	Begin    EventKind = "begin"     // bring up the initial pods
	Zero     EventKind = "zero"      // the plan's time zero: CronHPA's clock starts
	Tick     EventKind = "tick"      // a deadline of Next has come
	SetScale EventKind = "set-scale" // a step: Workload, N
	Restart  EventKind = "restart"   // a step: rollout restart of Workload
	SetImage EventKind = "set-image" // a step: the pods of Workload are to run Image
	Pause    EventKind = "pause"     // a step: rollout pause of Workload; scaling goes on
	Resume   EventKind = "resume"    // a step: rollout resume
	Drain    EventKind = "drain"     // a step, of a [ObservedCluster]: empty the node that carries Workload
	KillPod  EventKind = "kill-pod"  // a step: KILL one pod of Workload (N = 1: and it is gone, no restart)
	SetRule  EventKind = "set-rule"  // a step: the rules of version N are those of Workload from now on
	SetBack  EventKind = "set-back"  // next cycle: the cron clock starts again
	Shutdown EventKind = "shutdown"  // end of the run: all go at once, no preStop

	Started  EventKind = "started"   // outcome of Start; Err if it could not be
	HookDone EventKind = "hook-done" // outcome of RunHook; Err if it failed
	Probed   EventKind = "probed"    // outcome of RunProbe; OK
	Signaled EventKind = "signaled"  // outcome of Signal
	Acked    EventKind = "acked"     // outcome of SetEndpoint and Note
	Ruled    EventKind = "ruled"     // outcome of Rule; Err if they did not reach the container
	Exited   EventKind = "exited"    // a container is gone: N = exit code
)

// Events that a runtime reports to a [ObservedCluster]: what it sees of pods that a
// real control plane decides on. Beside them come Started and Exited.
const (
	PodSeen      EventKind = "pod-seen"      // Pod of Workload exists, on Node once it has one
	ReadySeen    EventKind = "ready-seen"    // OK: Pod's readiness
	EndpointSeen EventKind = "endpoint-seen" // OK: Pod is among its Services' endpoints
	DeletionSeen EventKind = "deletion-seen" // Pod is being deleted
	PodGone      EventKind = "pod-gone"      // Pod exists no more
	Remark       EventKind = "remark"        // the cluster's own event about Pod: Note
	Unwatched    EventKind = "unwatched"     // of the cluster, what Err names is not seen, Since then; N = µs that it lasted, 0 while it does

	Cordoned EventKind = "cordoned" // outcome of Cordon
	Evicted  EventKind = "evicted"  // outcome of Evict: OK, or refused by a budget as Err says
)

// Event is an input of the plane.
type Event struct {
	Op       Op              `json:"op,omitempty"`
	Kind     EventKind       `json:"kind"`
	Pod      record.Instance `json:"pod,omitzero"`
	Workload string          `json:"workload,omitempty"`
	N        int             `json:"n,omitempty"`
	OK       bool            `json:"ok,omitempty"`
	Err      string          `json:"err,omitempty"`
	Image    string          `json:"image,omitempty"`
	Note     record.Kind     `json:"note,omitempty"`  // of a Remark: what it is for the record; Err is its text
	UID      string          `json:"uid,omitempty"`   // of PodSeen: by which Kubernetes breaks ties
	Since    record.Micros   `json:"since,omitempty"` // of Unwatched
	Node     string          `json:"node,omitempty"`  // of PodSeen: where the pod is; "": no node has taken it yet
}

// ActionKind says what to do.
type ActionKind string

// Actions that a runtime carries out.
const (
	Start       ActionKind = "start"        // start the container of Pod (Workload)
	RunHook     ActionKind = "run-hook"     // Hook; abandon it at Deadline
	AbandonHook ActionKind = "abandon-hook" // grace is over: stop waiting for it
	RunProbe    ActionKind = "run-probe"    // Probe
	Rule        ActionKind = "rule"         // tell the container the rules of version N
	Signal      ActionKind = "signal"       // Sig
	SetEndpoint ActionKind = "set-endpoint" // On: the pod is among its Services' endpoints
	Note        ActionKind = "note"         // an event for the record: Event; nothing to do
	Remove      ActionKind = "remove"       // the pod is gone; free its address (never used again)
)

// Actions that only a [ObservedCluster] orders; the cluster's own controllers do the
// rest.
const (
	Apply   ActionKind = "apply"   // Workload's manifest
	Scale   ActionKind = "scale"   // Workload to N replicas
	Rollout ActionKind = "rollout" // restart Workload's pods by its strategy
	Reimage ActionKind = "reimage" // Workload's pods are to run Image
	Hold    ActionKind = "hold"    // On: pause Workload's rollouts; else resume them
	Cordon  ActionKind = "cordon"  // nothing more is placed on Node
	Evict   ActionKind = "evict"   // Pod, from Node, if its budgets let it
)

// Action is an order to the runtime. done is called exactly once for each,
// with the action's Op, but the plane does not wait beyond Deadline for it.
type Action struct {
	Op       Op              `json:"op"`
	Kind     ActionKind      `json:"kind"`
	Pod      record.Instance `json:"pod,omitzero"`
	Workload string          `json:"workload,omitempty"`
	Deadline time.Duration   `json:"deadline,omitempty"`
	Hook     *Hook           `json:"hook,omitempty"`
	Probe    *Probe          `json:"probe,omitempty"`
	Sig      string          `json:"sig,omitempty"` // TERM, KILL, or INT: go at once, the run is over
	On       bool            `json:"on,omitempty"`
	First    bool            `json:"first,omitempty"` // Start: the pod is one of those that the run begins with
	Image    string          `json:"image,omitempty"`
	Node     string          `json:"node,omitempty"`
	N        int             `json:"n,omitempty"`    // Start, Rule: version of the rules; 0 is the plan's own
	Note     *record.Event   `json:"note,omitempty"` // At is filled in by the runtime
}
