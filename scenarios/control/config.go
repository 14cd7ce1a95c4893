// Package control decides about pods: which exist, when they start, are
// ready, are endpoints, and how they end. [SimulatedControlPlane] decides in
// the place of Kubernetes' controllers and kubelets; [ObservedCluster]
// records what those of a real cluster decide; [Compare] lists where the two
// differ.
//
// Both are state machines without clock, goroutines or I/O. Step takes an
// [Event] and the time, and returns [Action]s; a runtime carries them out and
// reports their outcomes, which have the action's [Op].
//
// Times are offsets from the run's beginning ([Begin]). CronHPA's clock
// stands still until [TimeZero], which a runtime sends once all pods are up.
// Everything is deterministic: the same events at the same times give the
// same actions, byte for byte ([Replay]).
//
// The package knows nothing of processes, sockets, YAML or reports.
package control

import (
	"time"

	"zeroloss/internal/podspec"
)

// Config is the desired state, and the rules for reaching it.
type Config struct {
	Workloads []Workload
	Jobs      []CronJob
	// ClockStart is the time of day (a date in UTC) at time zero. Schedules
	// are read against it; CycleStart returns to it.
	ClockStart time.Time
	// Speed divides the schedules: one second of the run is Speed seconds of
	// CronHPA's clock. 0 is 1.
	Speed float64
	Seed  uint64 // of pod names
}

// Workload is a Deployment, as far as it matters to the life of its pods.
// Durations are already divided by the speed.
type Workload struct {
	// External: nothing of zeroloss runs in its pods, so they are not told
	// that a run is over.
	External       bool `json:",omitempty"`
	Name           string
	Image          string // of its container; an ImageStep changes it
	Replicas       int
	Recreate       bool          // strategy type Recreate; else RollingUpdate
	MaxSurge       int           // pods, resolved
	MaxUnavailable int           // pods, resolved
	MinReady       time.Duration // minReadySeconds
	Grace          time.Duration // terminationGracePeriodSeconds
	PreStop        *Hook
	Startup        *Probe
	Readiness      *Probe
	Liveness       *Probe
	DeletionCost   int // controller.kubernetes.io/pod-deletion-cost
	// NoService: no Service selects its pods, so they are never endpoints.
	NoService bool `json:",omitempty"`
}

// The handlers of a container, as package podspec defines them.
type (
	// Hook is a preStop handler.
	Hook = podspec.Hook
	// HTTPGet is the request of a Hook or Probe.
	HTTPGet = podspec.HTTPGet
	// Probe is a container probe.
	Probe = podspec.Probe
)

// CronJob is one job of a CronHorizontalPodAutoscaler.
type CronJob struct {
	Autoscaler string // name of the object
	Name       string // name of the job
	Workload   string // target
	Schedule   string // six fields, seconds first, or @every
	TargetSize int
	RunOnce    bool
	Exclude    []string // excludeDates
}
