// Package lossless decides how an instance comes and goes: when it registers
// and says that it is ready, and in which order it leaves so that nothing is
// lost (or, by the off-arms, how something is).
//
//	Starting ──listening, delay or health──> Registered ──> Warming ──> Serving
//	    │                                        │             │           │
//	    └────────────── /offline or TERM ────────┴─────────────┴───────────┤
//	                                                                       v
//	                             Drained <──TERM, then quiet, then closed── Closing
//
// [Machine] is pure: [Machine.Step] takes the time and one [Event] and returns
// the [Action]s to do, in order. [Identity] is what the marker header carries,
// [Callers] remembers whom to notify.
//
// It may not know HTTP, the registry's client, clocks or goroutines: a shell
// samples, executes and answers.
package lossless

import (
	"time"

	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

// Op names one Action, and the Event that tells its outcome. 0 is none.
type Op uint64

// Config is what a Machine is made from. It is plain data: a journal holds it.
type Config struct {
	Online    settings.Online  `json:"online"`
	Offline   settings.Offline `json:"offline"`
	PushDelay time.Duration    `json:"pushDelay"`       // what the registry waits before it pushes
	Rules     int              `json:"rules,omitempty"` // version of the rules in Online
}

// ConfigOf takes a Config out of a service's settings.
// Of an aged instance, delay and warm-up are past.
func ConfigOf(d settings.Document) Config {
	c := Config{Online: d.Online, Offline: d.Offline, PushDelay: d.Registry.PushDelay, Rules: d.Version}
	if d.Online.Prewarmed {
		c.Online.Delay, c.Online.HealthPath, c.Online.Warmup = 0, "", settings.Warmup{}
	}
	return c
}

// EventKind says what happened. The zero kind is a deadline that has come.
type EventKind string

// What the shell tells. Outcomes of actions echo the action's Op; an Op that
// is not awaited (any more) is ignored.
const (
	Deadline       EventKind = ""              // nothing: a time that Next named has come
	Started        EventKind = "begun"         // the process runs, and the settings want it registered early
	Listening      EventKind = "listening"     // the business port is open
	Probed         EventKind = "probed"        // of ProbeHealth; OK: it answered 2xx
	RegisterDone   EventKind = "registered"    // of Register; OK: the registry has acknowledged
	PublishDone    EventKind = "published"     // of Publish; OK: the registry has acknowledged
	RulesReceived  EventKind = "ruled"         // Rules came: answered by Answer with the same Ref
	Offline        EventKind = "offline"       // /offline was called: answered by Answer with the same Ref
	Term           EventKind = "term"          // the process was told to end
	DeregisterDone EventKind = "deregistered"  // of Deregister; OK: the registry has acknowledged
	NotifyDone     EventKind = "notified"      // of Notify; OK: the consumer has acknowledged
	VerifyDone     EventKind = "verified"      // of Verify; OK: the server's list does not show us
	Closed         EventKind = "closed"        // of CloseListener; OK: all requests are answered (else the machine has them cut)
	RegistryClosed EventKind = "registry-gone" // of CloseRegistry
)

// Event is what a Machine is stepped with. The shell fills InFlight and
// LastRequest into every event, deadlines included: they are samples of its
// counters.
type Event struct {
	Kind  EventKind       `json:"kind,omitempty"`
	Op    Op              `json:"op,omitempty"`    // of the action whose outcome this is
	OK    bool            `json:"ok,omitempty"`    // that action's outcome
	Error string          `json:"error,omitempty"` // why it is not OK, for people
	Ref   uint64          `json:"ref,omitempty"`   // Offline, Ruled: the shell's own number, echoed by Answer
	Rules *settings.Rules `json:"rules,omitempty"` // Ruled
	Peers []string        `json:"peers,omitempty"` // Offline, Term: admin addresses of the consumers seen lately, sorted

	InFlight    int           `json:"inFlight,omitempty"`    // requests accepted and not answered
	LastRequest time.Duration `json:"lastRequest,omitempty"` // when the last one came, on the machine's clock; 0 is never
}

// ActionKind says what is to be done.
type ActionKind string

// What the shell is to do. Those with "answers" go on elsewhere and end with
// that event, once, at Deadline at the latest; the machine has given up on
// them by then.
const (
	Note             ActionKind = "note"            // write an event: Event, Text, Peer, N
	ProbeHealth      ActionKind = "probe-health"    // GET Online.HealthPath of oneself; answers Probed
	Register         ActionKind = "register"        // publish oneself (start time: that of the first Register); answers RegisterDone
	Publish          ActionKind = "publish"         // tell the registry of the changed Warmup; answers PublishDone
	SetReadiness     ActionKind = "set-readiness"   // the readiness paths say On
	SetMarker        ActionKind = "set-marker"      // from here on every response carries the marker
	Deregister       ActionKind = "deregister"      // take oneself out of the registry; answers DeregisterDone
	Notify           ActionKind = "notify"          // POST /notify to Peer; answers NotifyDone
	Verify           ActionKind = "verify"          // ask the server until its list lacks us; answers VerifyDone
	RejectNew        ActionKind = "reject-new"      // answer all that comes from here on with 503, class rejected
	DisableKeepAlive ActionKind = "no-keep-alive"   // responses from here on close their connection
	CloseListener    ActionKind = "close-listener"  // accept no more, let those in flight end; answers Closed
	CutConnections   ActionKind = "cut-connections" // end all connections at once
	CloseRegistry    ActionKind = "close-registry"  // close the registry's client; answers RegistryClosed
	Answer           ActionKind = "answer"          // answer the /offline call Ref with State
	Exit             ActionKind = "exit"            // end the process with Code; nothing comes after it
)

// Action is one thing to do.
type Action struct {
	Kind     ActionKind       `json:"kind"`
	Op       Op               `json:"op,omitempty"`
	Deadline time.Duration    `json:"deadline,omitempty"` // on the machine's clock
	On       bool             `json:"on,omitempty"`       // SetReadiness
	Peer     string           `json:"peer,omitempty"`     // Notify, Note
	Code     int              `json:"code,omitempty"`     // Exit
	Ref      uint64           `json:"ref,omitempty"`      // Answer
	State    *State           `json:"state,omitempty"`    // Answer
	Warmup   *settings.Warmup `json:"warmup,omitempty"`   // Register, Publish: what the metadata tells, if rules have changed it

	Event record.Kind `json:"event,omitempty"` // Note
	Text  string      `json:"text,omitempty"`  // Note
	N     int64       `json:"n,omitempty"`     // Note
}

// Phase is where an instance is in its life.
type Phase string

// The phases, in their order.
const (
	Starting   Phase = "starting"   // not registered yet
	Registered Phase = "registered" // the registry has acknowledged; readiness is being turned on
	Warming    Phase = "warming"    // registered and ready, its weight rising
	Serving    Phase = "serving"
	Closing    Phase = "closing" // on its way out; still serving until TERM and quiet
	Drained    Phase = "drained" // closed; the process ends
)

// State is what /offline, /settings and /state answer.
type State struct {
	Rules        int           `json:"rules,omitempty"` // version that is in force
	Phase        Phase         `json:"phase"`
	Mode         string        `json:"mode"` // of settings.Offline
	Ready        bool          `json:"ready"`
	Marked       bool          `json:"marked"`              // responses carry the marker
	By           string        `json:"by,omitempty"`        // what took it offline: hook or term
	OfflineAt    time.Duration `json:"offlineAt,omitempty"` // on the machine's clock, nanoseconds
	Deregistered bool          `json:"deregistered"`        // the registry has acknowledged
	Verified     bool          `json:"verified"`            // the server's list was seen without it
	Notices      Notices       `json:"notices,omitzero"`    // what became of the notifications
}

// Notices counts the consumers that were notified.
type Notices struct {
	Sent   int `json:"sent"`
	Acked  int `json:"acked"`
	Missed int `json:"missed"`
}
