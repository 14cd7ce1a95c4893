// Package lossless decides how an instance starts and shuts down: when it
// registers and reports ready, and in which order it shuts down so that no
// request is lost. Other modes shut down in an order that does lose requests.
//
//	Starting ──listening, delay or health──> Registered ──> Warming ──> Serving
//	    │                                        │             │           │
//	    └────────────── /offline or TERM ────────┴─────────────┴───────────┤
//	                                                                       v
//	                               Drained <──TERM, then idle, then closed── Closing
//
// [Machine] is pure: [Machine.Step] takes the time and one [Event] and returns
// the [Action]s to execute, in order. Its parts are in online.go (and rules.go),
// offline.go and shutdown.go. [Identity] is the value of the marker header, and
// [Callers] remembers which consumers to notify.
//
// This package may not know HTTP, the registry's client, clocks or goroutines:
// package service takes samples, executes actions and reports their outcomes.
package lossless

import (
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

// Op identifies an Action and the Event that reports its outcome; 0 is none.
type Op uint64

// Config configures a Machine. It is plain data, which journals contain.
type Config struct {
	Online    settings.Online  `json:"online"`
	Offline   settings.Offline `json:"offline"`
	PushDelay time.Duration    `json:"pushDelay"`       // of the registry
	Rules     int              `json:"rules,omitempty"` // version of the rules in Online
}

// ConfigOf returns the Config of a service's settings. A prewarmed instance has
// neither delay nor warm-up.
func ConfigOf(d settings.Document) Config {
	c := Config{Online: d.Online, Offline: d.Offline, PushDelay: d.Registry.PushDelay, Rules: d.Version}
	if d.Online.Prewarmed {
		c.Online.Delay, c.Online.HealthPath, c.Online.Warmup = 0, "", settings.Warmup{}
	}
	return c
}

// EventKind is what happened. The zero kind is a deadline that has come.
type EventKind string

// The kinds of events. Outcomes of actions have the action's Op. An Op that is
// not awaited, or no longer, is ignored.
const (
	Deadline       EventKind = ""              // nothing happened: a deadline has come
	Started        EventKind = "begun"         // the process runs, and the settings register it before it listens
	Listening      EventKind = "listening"     // the business port is open
	Probed         EventKind = "probed"        // outcome of ProbeHealth; OK: it answered 2xx
	RegisterDone   EventKind = "registered"    // outcome of Register; OK: the registry has acknowledged it
	PublishDone    EventKind = "published"     // outcome of Publish; OK: the registry has acknowledged it
	RulesReceived  EventKind = "ruled"         // new Rules; Answer with the same Ref answers it
	Offline        EventKind = "offline"       // /offline was called; Answer with the same Ref answers it
	Term           EventKind = "term"          // SIGTERM
	DeregisterDone EventKind = "deregistered"  // outcome of Deregister; OK: the registry has acknowledged it
	NotifyDone     EventKind = "notified"      // outcome of Notify; OK: the consumer has acknowledged it
	VerifyDone     EventKind = "verified"      // outcome of Verify; OK: the server's list does not contain us
	Closed         EventKind = "closed"        // outcome of CloseListener; OK: all requests are answered (otherwise the machine cuts them)
	RegistryClosed EventKind = "registry-gone" // outcome of CloseRegistry
)

// Event is the input of [Machine.Step]. Every event, deadlines included, has the
// samples InFlight and LastRequest.
type Event struct {
	Kind  EventKind       `json:"kind,omitempty"`
	Op    Op              `json:"op,omitempty"`    // of the action whose outcome it is
	OK    bool            `json:"ok,omitempty"`    // the action succeeded
	Error string          `json:"error,omitempty"` // why it failed, for people
	Ref   uint64          `json:"ref,omitempty"`   // Offline, RulesReceived: a number that Answer repeats
	Rules *settings.Rules `json:"rules,omitempty"` // RulesReceived
	Peers []string        `json:"peers,omitempty"` // Offline, Term: admin addresses of the consumers that called lately, sorted

	InFlight    int           `json:"inFlight,omitempty"`    // requests accepted and not answered
	LastRequest time.Duration `json:"lastRequest,omitempty"` // when the last one came, on the machine's clock; 0: never
}

// ActionKind is what is to be done.
type ActionKind string

// The kinds of actions. An action with "outcome" runs in the background and ends
// with that event, once. At its Deadline the machine no longer waits for it.
const (
	Note             ActionKind = "note"            // write Event
	ProbeHealth      ActionKind = "probe-health"    // GET our own Online.HealthPath; outcome: Probed
	Register         ActionKind = "register"        // publish the instance (start time: that of the first Register); outcome: RegisterDone
	Publish          ActionKind = "publish"         // publish the changed Warmup; outcome: PublishDone
	SetReadiness     ActionKind = "set-readiness"   // make the readiness paths answer On
	SetMarker        ActionKind = "set-marker"      // put the marker on every answer from here on
	Deregister       ActionKind = "deregister"      // withdraw the instance from the registry; outcome: DeregisterDone
	Notify           ActionKind = "notify"          // POST /notify to Peer; outcome: NotifyDone
	Verify           ActionKind = "verify"          // pull the server's list until it does not contain us; outcome: VerifyDone
	RejectNew        ActionKind = "reject-new"      // answer all new requests with 503, class rejected
	DisableKeepAlive ActionKind = "no-keep-alive"   // close the connection after each answer
	CloseListener    ActionKind = "close-listener"  // accept no more requests, let those in flight end; outcome: Closed
	CutConnections   ActionKind = "cut-connections" // end all connections at once
	CloseRegistry    ActionKind = "close-registry"  // close the registry's client; outcome: RegistryClosed
	Answer           ActionKind = "answer"          // answer the call Ref with State
	Exit             ActionKind = "exit"            // end the process with Code; it is the last action
)

// Action is one thing to do.
type Action struct {
	Kind     ActionKind       `json:"kind"`
	Op       Op               `json:"op,omitempty"`
	Deadline time.Duration    `json:"deadline,omitempty"` // on the machine's clock
	On       bool             `json:"on,omitempty"`       // SetReadiness
	Peer     string           `json:"peer,omitempty"`     // Notify
	Code     int              `json:"code,omitempty"`     // Exit
	Ref      uint64           `json:"ref,omitempty"`      // Answer
	State    *State           `json:"state,omitempty"`    // Answer
	Warmup   *settings.Warmup `json:"warmup,omitempty"`   // Register, Publish: for the metadata, if rules have changed it

	Event *record.Event `json:"event,omitempty"` // Note: its payload and text; the shell fills in the rest
}

// Phase is the phase of an instance's lifecycle.
type Phase string

// The phases, in their order.
const (
	Starting   Phase = "starting"   // not registered yet
	Registered Phase = "registered" // the registry has acknowledged it; it becomes ready
	Warming    Phase = "warming"    // registered and ready; its weight rises
	Serving    Phase = "serving"
	Closing    Phase = "closing" // going offline; it serves until TERM and idle
	Drained    Phase = "drained" // closed; the process ends
)

// State is the answer of /offline, /settings and /state.
type State struct {
	Rules        int                   `json:"rules,omitempty"` // version in force
	Phase        Phase                 `json:"phase"`
	Mode         string                `json:"mode"` // of settings.Offline
	Ready        bool                  `json:"ready"`
	Marked       bool                  `json:"marked"`              // answers carry the marker
	By           record.OfflineTrigger `json:"by,omitempty"`        // what took it offline
	OfflineAt    time.Duration         `json:"offlineAt,omitempty"` // on the machine's clock, nanoseconds
	Deregistered bool                  `json:"deregistered"`        // the registry has acknowledged
	Verified     bool                  `json:"verified"`            // the server's list did not contain it
	Notices      Notices               `json:"notices,omitzero"`    // outcomes of the notices
}

// Notices counts the consumers to notify.
type Notices struct {
	Sent   int `json:"sent"`
	Acked  int `json:"acked"`
	Missed int `json:"missed"`
}
