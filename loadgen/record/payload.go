package record

import (
	"encoding/json"
	"time"
)

// Payload is what happened: one type per [Kind]. The set is closed; the codec
// table in eventcodec.go lists it.
//
// In JSON the fields of a payload stand beside those of the [Event]. Instants
// are [Micros]; a time.Duration is nanoseconds, as everywhere in a run
// directory.
//
//sumtype:decl
type Payload interface{ kind() Kind }

// The payloads of an instance's own events.
type (
	// Starting reports that the process runs and has read its settings.
	Starting struct {
		Streams int `json:"streams,omitempty"` // of a load generator: how many it will send
	}
	// Listening reports that the business port is open.
	Listening struct{}
	// Registered reports that the registry has acknowledged the registration.
	Registered struct{}
	// Ready reports that the readiness path answers with success from here on.
	Ready struct{}
	// WarmupStart reports that the registry's weight of the instance rises
	// from here on.
	WarmupStart struct{}
	// WarmupEnd reports that the instance has its full weight.
	WarmupEnd struct{}
	// Offline reports that the instance begins to leave.
	Offline struct {
		Trigger OfflineTrigger `json:"trigger"`
	}
	// Closing reports that responses carry the marker, and readiness fails.
	Closing struct {
		InFlight int `json:"inFlight"`
	}
	// Deregistering reports that the call to the registry is about to be made.
	Deregistering struct {
		Attempt int `json:"attempt"` // from 1
	}
	// Deregistered reports that the registry has acknowledged.
	Deregistered struct{}
	// RegisterFailed reports that an attempt to register failed; Text says
	// why.
	RegisterFailed struct{}
	// DeregisterFailed reports that an attempt to deregister failed; Text says
	// why.
	DeregisterFailed struct {
		GaveUp bool `json:"gaveUp,omitempty"` // no further attempt follows
	}
	// PullFailed reports that a consumer asked for a list and got none; Text
	// says why.
	PullFailed struct{}
	// Notified reports that a consumer was told that the instance leaves.
	Notified struct {
		Consumer     string `json:"consumer"` // its admin address, host:port
		Acknowledged bool   `json:"acknowledged"`
	}
	// Verified reports that the instance has looked whether the registry still
	// lists it.
	Verified struct {
		Gone bool `json:"gone"` // the server's list no longer shows it
	}
	// TermReceived reports that the process has received SIGTERM.
	TermReceived struct {
		InFlight int `json:"inFlight"`
	}
	// DrainWait reports that the instance waits until no request has come for
	// a while.
	DrainWait struct {
		InFlight int `json:"inFlight"`
	}
	// ListenerClosed reports that new connections are refused from here on;
	// Text says why.
	ListenerClosed struct {
		InFlight int `json:"inFlight"`
	}
	// RequestsCut reports that requests in flight were cut; Text says why.
	RequestsCut struct {
		Requests int `json:"requests"`
	}
	// Drained reports that everything is closed.
	Drained struct {
		InFlight int `json:"inFlight"`
	}
	// End is the last line of an event file that is complete.
	End struct{}
	// Stalled reports that the process got no CPU time although it had work to
	// do.
	Stalled struct {
		Since    Micros        `json:"since"`
		Duration time.Duration `json:"duration"`
	}
	// ListChanged reports that a consumer uses a new list of a service's
	// instances.
	ListChanged struct {
		Cache string       `json:"cache,omitempty"` // the kind of cache that was filled
		Hosts []ListedHost `json:"hosts"`
	}
	// ListReceived reports that a consumer's registry client has a list, while
	// the cache that the next call will fill from it is still empty.
	ListReceived struct {
		Hosts int `json:"hosts"`
	}
	// MarkSet reports that a consumer avoids an instance that is leaving.
	MarkSet struct {
		Marked Instance   `json:"marked"`
		Source MarkSource `json:"source"`
	}
	// MarkCleared reports that a consumer no longer avoids an instance.
	MarkCleared struct {
		Marked Instance    `json:"marked"`
		Reason ClearReason `json:"reason"`
	}
	// MachineInput is what a pure machine was stepped with, for replay.
	MachineInput struct {
		Machine string          `json:"machine"`
		Data    json.RawMessage `json:"data"`
	}
	// MachineOutput is the actions that the step before returned, for replay.
	MachineOutput struct {
		Machine string          `json:"machine"`
		Data    json.RawMessage `json:"data"`
	}
	// TagConflict reports that the carriers of a request's tag disagree; Text
	// says how.
	TagConflict struct{}
	// Unreadable reports that a marker, or a host's metadata, could not be
	// read; Text says why.
	Unreadable struct{}
	// SettingsApplied reports that the rules of a version are in force.
	SettingsApplied struct {
		Version int `json:"version"`
	}
	// ClockOffset is an [Offset] between the instance's clock (of an event
	// without an instance: the harness's) and the collector's.
	ClockOffset struct {
		Ahead  Micros `json:"aheadMicros"`
		Within Micros `json:"withinMicros"`
	}
)

// The payloads of the control plane's events.
type (
	// CronFired reports that a job of a CronHorizontalPodAutoscaler scales its
	// workload.
	CronFired struct {
		Autoscaler string `json:"autoscaler"`
		Job        string `json:"job"`
		Replicas   int    `json:"replicas"`
	}
	// CronSkipped reports that the job was due, but its day is excluded.
	CronSkipped struct {
		Autoscaler string `json:"autoscaler"`
		Job        string `json:"job"`
		Replicas   int    `json:"replicas"`
	}
	// Step reports that a step of the scenario is carried out.
	Step struct {
		Name    string `json:"name"`
		Version int    `json:"version,omitempty"` // of the rules that the step puts into force; 0: it changes no rules
	}
	// Scaled reports that the workload is to have this many replicas.
	Scaled struct {
		Replicas int `json:"replicas"`
	}
	// PodCreated reports that the pod exists.
	PodCreated struct{}
	// ContainerStarted reports that the container runs.
	ContainerStarted struct{}
	// PodReady reports that the readiness probe has passed.
	PodReady struct{}
	// PodNotReady reports that the pod is no longer ready.
	PodNotReady struct{}
	// PodDeleted reports that deletion begins, and the grace period runs.
	PodDeleted struct{}
	// EndpointAdded reports that the pod is among its Services' endpoints.
	EndpointAdded struct{}
	// EndpointRemoved reports that the pod is no longer among its Services'
	// endpoints.
	EndpointRemoved struct{}
	// HookStarted reports that the preStop hook runs.
	HookStarted struct{}
	// HookDone reports that the preStop hook has succeeded.
	HookDone struct{}
	// HookFailed reports that the preStop hook has failed; Text says why.
	HookFailed struct{}
	// HookAbandoned reports that the grace period ended before the preStop
	// hook did; Text says more.
	HookAbandoned struct{}
	// TermSent reports that SIGTERM was sent to the container.
	TermSent struct{}
	// KillSent reports that SIGKILL was sent to the container; Text says why.
	KillSent struct{}
	// ContainerExited reports that the container has ended; Text says more.
	ContainerExited struct {
		ExitCode int `json:"exitCode"`
	}
	// ProbeFailed reports that a probe has failed; Text names the probe and
	// the reason.
	ProbeFailed struct {
		Failures int `json:"failures"` // in a row; in a cluster, as often as Kubernetes has counted the message
	}
	// RuleFailed reports that changed rules did not reach the instance; Text
	// says why.
	RuleFailed struct{}
	// NodeCordoned reports that no more pods are scheduled on a node.
	NodeCordoned struct {
		Node string `json:"node"`
		Pods int    `json:"pods"` // of this run, on that node
	}
	// Evicted reports that the eviction of a pod was accepted.
	Evicted struct {
		Refusals int `json:"refusals"` // how often a disruption budget had refused before
	}
	// EvictionRefused reports that a disruption budget refused the eviction of
	// a pod; Text has its words.
	EvictionRefused struct {
		Refusals int `json:"refusals"` // this one included
	}
	// NodeDrained reports that a node carries no pod of this run any more.
	NodeDrained struct {
		Node    string `json:"node"`
		Evicted int    `json:"evicted"`
	}
	// PodAddress reports that the pod of a service that is not part of this
	// program has an IP address.
	PodAddress struct {
		IP string `json:"ip"`
	}
	// RolloutSeen reports that the workload's pod template has changed.
	RolloutSeen struct{}
	// WatchGap reports that a resource of the cluster was not watched for a
	// while. The gap is reported twice: when it is detected, and when it ends.
	WatchGap struct {
		Resource string        `json:"resource"`
		Since    Micros        `json:"since"`
		Duration time.Duration `json:"duration,omitempty"` // 0: the gap has not ended
	}
)

// The payloads of the registry's and of the run's events.
type (
	// RegistryChange reports that the registry's table has changed.
	RegistryChange struct {
		Change ChangeType `json:"change"`
		Client string     `json:"client,omitempty"` // whose call or connection changed it
	}
	// Push reports that a subscriber has acknowledged a list.
	Push struct {
		Subscriber  string   `json:"subscriber"`
		FirstChange Micros   `json:"firstChange,omitempty"` // the earliest change that the list tells; 0: none
		Hosts       []string `json:"hosts,omitempty"`       // IDs of the listed hosts
		Reason      string   `json:"reason"`                // why the list was sent
	}
	// TimeZero is the plan's time zero.
	TimeZero struct{}
	// LoadEnd reports that the load generator has finished.
	LoadEnd struct {
		Sent int `json:"sent"` // requests
	}
	// RunEnd reports that the run has reached its end.
	RunEnd struct{}
	// HostStats are readings of the host, and of the process that read them.
	HostStats struct {
		Phase StatsPhase      `json:"phase"`
		Stats json.RawMessage `json:"stats,omitempty"` // as the author of the event reads them
	}
	// Interrupted reports that the run, or the load, was interrupted; Text
	// says why.
	Interrupted struct {
		Sent int `json:"sent,omitempty"` // requests, if a load generator reports it
	}
	// Concluded reports that the load was ended early because everything that
	// was to be seen has been seen; Text says more.
	Concluded struct{}
	// Aborted reports that the load was ended early because it had cost too
	// much; Text says more.
	Aborted struct{}
)

// Unknown is an event of a kind that this program does not know: a newer one
// has written it.
type Unknown struct {
	Name   Kind
	Fields map[string]json.RawMessage
}

// OfflineTrigger is what makes an instance leave.
type OfflineTrigger string

// The triggers of [Offline].
const (
	TriggerHook OfflineTrigger = "hook" // /offline was called
	TriggerTerm OfflineTrigger = "term" // SIGTERM came first
)

// MarkSource is how a consumer learned that an instance is leaving.
type MarkSource string

// The sources of [MarkSet].
const (
	SourceMarker MarkSource = "marker" // a response carried the marker header
	SourceNotice MarkSource = "notice" // the instance notified the consumer
)

// ClearReason is why a mark was cleared.
type ClearReason string

// The reasons of [MarkCleared].
const (
	ClearedByRegistry ClearReason = "registry" // the registry no longer lists the instance
	ClearedByExpiry   ClearReason = "expired"  // its time to live is over
)

// ChangeType is what a change did to the registry's table.
type ChangeType string

// The changes of [RegistryChange].
const (
	ChangeAdded   ChangeType = "added"
	ChangeRemoved ChangeType = "removed"
	ChangeUpdated ChangeType = "updated"
)

// StatsPhase is when [HostStats] were read.
type StatsPhase string

// The phases of [HostStats].
const (
	StatsBegin StatsPhase = "begin" // by the harness, at time zero
	StatsEnd   StatsPhase = "end"   // by the harness, after the load
	StatsLoad  StatsPhase = "load"  // by the load generator, over the whole load
)

// ListedHost is an instance as a consumer's list shows it.
type ListedHost struct {
	Instance Instance     `json:"instance,omitzero"` // zero: the host does not tell
	Start    int64        `json:"start,omitempty"`   // when it was first registered, in milliseconds since the Unix epoch; 0: it does not tell
	Addr     string       `json:"addr,omitempty"`    // host:port of its business port
	Tag      string       `json:"tag,omitempty"`
	Weight   float64      `json:"weight"`
	Warmup   ListedWarmup `json:"warmup,omitzero"`
}

// ListedWarmup is the warm-up that a host announces.
type ListedWarmup struct {
	Model  string        `json:"model"`
	Curve  float64       `json:"curve"`
	Window time.Duration `json:"window"`
}
