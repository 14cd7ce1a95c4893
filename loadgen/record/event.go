package record

import "encoding/json"

// Event is one line of an events file: something that happened to an
// instance, or that the harness, the registry or the generator did. It is
// written before the action it announces.
type Event struct {
	At       Micros   `json:"at"`
	Kind     Kind     `json:"kind"`
	Instance Instance `json:"instance,omitzero"` // whom it is about
	Service  string   `json:"service,omitempty"` // registry name
	Workload string   `json:"workload,omitempty"`
	Tag      string   `json:"tag,omitempty"`
	Peer     string   `json:"peer,omitempty"`  // another instance or subscriber, host:port or pod/n
	Addr     string   `json:"addr,omitempty"`  // host:port of Instance's business port
	Text     string   `json:"text,omitempty"`  // for people
	N        int64    `json:"n,omitempty"`     // a count: replicas, in flight, hosts
	Since    Micros   `json:"since,omitempty"` // an earlier instant that it refers to (a push: its first change)
	// Data holds a machine's input or output for replay.
	Data json.RawMessage `json:"data,omitempty"`
}

// Kind says what happened.
type Kind string

// What an instance tells of itself.
const (
	Starting      Kind = "starting"   // process runs, settings read
	Listening     Kind = "listening"  // business port open
	Registered    Kind = "registered" // the registry has acknowledged
	Ready         Kind = "ready"      // readiness says yes
	WarmupStart   Kind = "warmup-start"
	WarmupEnd     Kind = "warmup-end"
	Offline       Kind = "offline"       // /offline was called, or TERM came first; Text says which
	Closing       Kind = "closing"       // marker on, readiness negative; N = in flight
	Deregistering Kind = "deregistering" // the call is being made
	Deregistered  Kind = "deregistered"  // the registry has acknowledged
	// What the registry did not do; Text = why.
	RegisterFailed   Kind = "register-failed"
	DeregisterFailed Kind = "deregister-failed"
	PullFailed       Kind = "pull-failed"     // a consumer's own question for the list
	Notified         Kind = "notified"        // one consumer told; Peer, Text = acked | missed
	Verified         Kind = "verified"        // the server's list no longer shows it, or Text = not verified
	Term             Kind = "term"            // TERM received; N = in flight
	DrainWait        Kind = "drain-wait"      // waiting for quiet; N = in flight
	ListenerClosed   Kind = "listener-closed" // new connections are refused from here
	Cut              Kind = "cut"             // requests in flight were cut; N = how many
	Drained          Kind = "drained"         // nothing in flight, all closed
	End              Kind = "end"             // the last line of a stream that is complete

	// Stalled: it was not let run from Since on, for N µs: its machine was busy.
	Stalled Kind = "stalled"

	ListSeen Kind = "list" // consumer's list changed: Service, N hosts, Data = the hosts
	// ListHeard: the consumer's registry client has a list, and a cache that only
	// a call fills is still empty: Service, N hosts.
	ListHeard Kind = "list-heard"
	MarkSet   Kind = "mark"   // consumer avoids Peer; Text = marker | notice
	MarkGone  Kind = "unmark" // Text = registry | expired
	StepInput Kind = "input"  // a pure machine was stepped: Text = machine, Data = its event (replay)
	StepDone  Kind = "output" // what it answered: Data = its actions (replay)
	Conflict  Kind = "tag-conflict"
	// Unreadable: something that others sent (a marker, a host's metadata) could not be read.
	Unreadable Kind = "unreadable"
	Applied    Kind = "settings-applied" // N = version of the document in force
	// ClockOffset: N = µs to add to Instance's instants to have the
	// collector's, Data = an [Offset]; Text says of whom it is.
	ClockOffset Kind = "clock-offset"
)

// What the control plane (of ours, or Kubernetes) does.
const (
	CronFired       Kind = "cron-fired"   // Workload, N = target size, Text = job
	CronSkipped     Kind = "cron-skipped" // its day is excluded; fields as above
	Step            Kind = "step"         // a step of the scenario
	Scaled          Kind = "scaled"       // Workload, N = replicas
	PodCreated      Kind = "pod-created"
	ContainerStart  Kind = "container-started"
	PodReady        Kind = "pod-ready"
	PodNotReady     Kind = "pod-not-ready"
	PodDeleted      Kind = "pod-deleted" // deletion begins: grace runs
	EndpointAdded   Kind = "endpoint-added"
	EndpointRemoved Kind = "endpoint-removed"
	HookStart       Kind = "hook-started"
	HookDone        Kind = "hook-done"
	HookFailed      Kind = "hook-failed"
	HookAbandoned   Kind = "hook-abandoned" // grace ended first
	TermSent        Kind = "term-sent"
	KillSent        Kind = "kill-sent"        // Text = why
	ContainerExit   Kind = "container-exited" // N = exit code, Text
	ProbeFailed     Kind = "probe-failed"
	Fault           Kind = "fault"
	RuleFailed      Kind = "rule-failed"      // changed rules did not reach it; N = version, Text = why
	NodeCordoned    Kind = "node-cordoned"    // Peer = node, N = pods of the run on it
	Evicted         Kind = "evicted"          // its eviction was accepted; N = how often a budget had refused, Text = over how long
	EvictionRefused Kind = "eviction-refused" // by a budget, for the Nth time; Text = its words
	NodeDrained     Kind = "node-drained"     // Peer = node, which carries no pod of the run any more; N = evicted
	// What a cluster tells of a workload that is none of ours.
	PodAddress  Kind = "pod-address"  // Text = its IP
	RolloutSeen Kind = "rollout-seen" // Workload: its template has changed, whoever did it
	// Unwatched: of the cluster, Text was not seen from Since on, for N µs; N is
	// 0 when that is found out, and goes on.
	Unwatched Kind = "unwatched"
)

// What the registry and the run tell.
const (
	Changed     Kind = "registry-change" // Service, Instance, Text = added | removed | updated
	Pushed      Kind = "push"            // Service, Peer = subscriber, Since = first change, At = acknowledged
	RunZero     Kind = "zero"            // the plan's time zero
	LoadEnd     Kind = "load-end"
	RunEnd      Kind = "run-end"
	Noise       Kind = "noise" // the machine: Data = readings
	Interrupted Kind = "interrupted"
	// The load was ended before its time, on purpose; Text = why.
	Concluded Kind = "concluded" // all that was to be seen has been
	Aborted   Kind = "aborted"   // it has cost all that it may
)
