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

import "time"

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
