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
	KindStarting      Kind = "starting"   // process runs, settings read
	KindListening     Kind = "listening"  // business port open
	KindRegistered    Kind = "registered" // the registry has acknowledged
	KindReady         Kind = "ready"      // readiness says yes
	KindWarmupStart   Kind = "warmup-start"
	KindWarmupEnd     Kind = "warmup-end"
	KindOffline       Kind = "offline"       // /offline was called, or TERM came first; Text says which
	KindClosing       Kind = "closing"       // marker on, readiness negative; N = in flight
	KindDeregistering Kind = "deregistering" // the call is being made
	KindDeregistered  Kind = "deregistered"  // the registry has acknowledged
	// What the registry did not do; Text = why.
	KindRegisterFailed   Kind = "register-failed"
	KindDeregisterFailed Kind = "deregister-failed"
	KindPullFailed       Kind = "pull-failed"     // a consumer's own question for the list
	KindNotified         Kind = "notified"        // one consumer told; Peer, Text = acked | missed
	KindVerified         Kind = "verified"        // the server's list no longer shows it, or Text = not verified
	KindTermReceived     Kind = "term"            // TERM received; N = in flight
	KindDrainWait        Kind = "drain-wait"      // waiting for quiet; N = in flight
	KindListenerClosed   Kind = "listener-closed" // new connections are refused from here
	KindRequestsCut      Kind = "cut"             // requests in flight were cut; N = how many
	KindDrained          Kind = "drained"         // nothing in flight, all closed
	KindEnd              Kind = "end"             // the last line of a stream that is complete

	// Stalled: it was not let run from Since on, for N µs: its machine was busy.
	KindStalled Kind = "stalled"

	KindListChanged Kind = "list" // consumer's list changed: Service, N hosts, Data = the hosts
	// ListHeard: the consumer's registry client has a list, and a cache that only
	// a call fills is still empty: Service, N hosts.
	KindListReceived  Kind = "list-heard"
	KindMarkSet       Kind = "mark"   // consumer avoids Peer; Text = marker | notice
	KindMarkCleared   Kind = "unmark" // Text = registry | expired
	KindMachineInput  Kind = "input"  // a pure machine was stepped: Text = machine, Data = its event (replay)
	KindMachineOutput Kind = "output" // what it answered: Data = its actions (replay)
	KindTagConflict   Kind = "tag-conflict"
	// Unreadable: something that others sent (a marker, a host's metadata) could not be read.
	KindUnreadable      Kind = "unreadable"
	KindSettingsApplied Kind = "settings-applied" // N = version of the document in force
	// ClockOffset: N = µs to add to Instance's instants to have the
	// collector's, Data = an [Offset]; Text says of whom it is.
	KindClockOffset Kind = "clock-offset"
)

// What the control plane (of ours, or Kubernetes) does.
const (
	KindCronFired        Kind = "cron-fired"   // Workload, N = target size, Text = job
	KindCronSkipped      Kind = "cron-skipped" // its day is excluded; fields as above
	KindStep             Kind = "step"         // a step of the scenario
	KindScaled           Kind = "scaled"       // Workload, N = replicas
	KindPodCreated       Kind = "pod-created"
	KindContainerStarted Kind = "container-started"
	KindPodReady         Kind = "pod-ready"
	KindPodNotReady      Kind = "pod-not-ready"
	KindPodDeleted       Kind = "pod-deleted" // deletion begins: grace runs
	KindEndpointAdded    Kind = "endpoint-added"
	KindEndpointRemoved  Kind = "endpoint-removed"
	KindHookStarted      Kind = "hook-started"
	KindHookDone         Kind = "hook-done"
	KindHookFailed       Kind = "hook-failed"
	KindHookAbandoned    Kind = "hook-abandoned" // grace ended first
	KindTermSent         Kind = "term-sent"
	KindKillSent         Kind = "kill-sent"        // Text = why
	KindContainerExited  Kind = "container-exited" // N = exit code, Text
	KindProbeFailed      Kind = "probe-failed"
	KindFault            Kind = "fault"
	KindRuleFailed       Kind = "rule-failed"      // changed rules did not reach it; N = version, Text = why
	KindNodeCordoned     Kind = "node-cordoned"    // Peer = node, N = pods of the run on it
	KindEvicted          Kind = "evicted"          // its eviction was accepted; N = how often a budget had refused, Text = over how long
	KindEvictionRefused  Kind = "eviction-refused" // by a budget, for the Nth time; Text = its words
	KindNodeDrained      Kind = "node-drained"     // Peer = node, which carries no pod of the run any more; N = evicted
	// What a cluster tells of a workload that is none of ours.
	KindPodAddress  Kind = "pod-address"  // Text = its IP
	KindRolloutSeen Kind = "rollout-seen" // Workload: its template has changed, whoever did it
	// Unwatched: of the cluster, Text was not seen from Since on, for N µs; N is
	// 0 when that is found out, and goes on.
	KindUnwatched Kind = "unwatched"
)

// What the registry and the run tell.
const (
	KindRegistryChange Kind = "registry-change" // Service, Instance, Text = added | removed | updated
	KindPush           Kind = "push"            // Service, Peer = subscriber, Since = first change, At = acknowledged
	KindTimeZero       Kind = "zero"            // the plan's time zero
	KindLoadEnd        Kind = "load-end"
	KindRunEnd         Kind = "run-end"
	KindHostStats      Kind = "noise" // the machine: Data = readings
	KindInterrupted    Kind = "interrupted"
	// The load was ended before its time, on purpose; Text = why.
	KindConcluded Kind = "concluded" // all that was to be seen has been
	KindAborted   Kind = "aborted"   // it has cost all that it may
)
