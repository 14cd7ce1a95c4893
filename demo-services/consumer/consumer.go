// Package consumer decides which instance a service calls: it keeps a consumer's
// view of one service (list, cache, marks) and picks a host by lane, then marks,
// then weight.
//
// [View] is pure: [View.Step] takes the time and an [Event] and returns
// [Action]s; [View.Pick] chooses a host. [SharedView] makes a View safe for
// concurrent use. The steps of a pick are in candidates.go (lane and marks),
// weights.go (warm-up) and balancer.go (round robin or random).
//
// This package may not know HTTP, the registry's client or clocks: package
// service pulls lists, writes events and reports outcomes.
package consumer

import (
	"time"

	"zeroloss/demo-services/lane"
	"zeroloss/demo-services/lossless"
	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

// Config configures a View. It is plain data, which journals contain.
type Config struct {
	Service  string            `json:"service"` // registry name of the service to call
	Consumer settings.Consumer `json:"consumer"`
	Lane     settings.Lane     `json:"lane"`
	Seed     uint64            `json:"seed"`  // of the random balancer
	Epoch    int64             `json:"epoch"` // the clock's zero in milliseconds since the Unix epoch, the unit of the hosts' start times
}

// ConfigOf returns the Config for calls of d.Next. zero is the true time at the
// zero of the view's clock.
func ConfigOf(d settings.Document, zero time.Time) Config {
	return Config{Service: d.Next, Consumer: d.Consumer, Lane: d.Lane, Seed: d.Seed, Epoch: zero.Add(d.Consumer.ClockSkew).UnixMilli()}
}

// Host is an instance as a consumer sees it.
type Host struct {
	lossless.Identity
	Addr   string          `json:"addr"` // host:port of its business port
	Tag    string          `json:"tag,omitempty"`
	Weight float64         `json:"weight"` // in the registry; 0 is never picked
	Warmup settings.Warmup `json:"warmup,omitzero"`
}

// Op identifies a Pull and the Event that reports its outcome; 0 is none.
type Op uint64

// EventKind is what happened. The zero kind is a deadline that has come.
type EventKind string

// The kinds of events.
const (
	Deadline  EventKind = ""
	Pushed    EventKind = "pushed" // the registry's client called back: Hosts
	Pulled    EventKind = "pulled" // outcome of a Pull: Hosts, or Error
	Marked    EventKind = "marked" // an answer had the marker, or a notice came: Of, By
	CacheMiss EventKind = "used"   // a call finds the ttl35 cache stale; SharedView steps it
)

// Event is the input of [View.Step].
type Event struct {
	Kind  EventKind         `json:"kind,omitempty"`
	Op    Op                `json:"op,omitempty"`    // Pulled: of the Pull
	Hosts []Host            `json:"hosts,omitempty"` // Pushed, Pulled
	Error string            `json:"error,omitempty"` // Pulled: why it failed; "" is success
	Of    lossless.Identity `json:"of,omitzero"`     // Marked: the incarnation that is closing
	By    record.MarkSource `json:"by,omitempty"`    // Marked: how we learned of it
}

// ActionKind is what is to be done.
type ActionKind string

// The kinds of actions.
const (
	Note ActionKind = "note" // write Event
	Pull ActionKind = "pull" // pull the server's list over HTTP; outcome: Pulled, by Deadline
)

// Action is one thing to do.
type Action struct {
	Kind     ActionKind    `json:"kind"`
	Op       Op            `json:"op,omitempty"`
	Deadline time.Duration `json:"deadline,omitempty"` // on the view's clock

	Event *record.Event `json:"event,omitempty"` // Note: its payload and text; the shell fills in the rest
}

// Reason is why a host was picked.
type Reason struct {
	Lane   lane.Reason // "" if the consumer is ungoverned
	Marked bool        // it is marked: all hosts of its set are
}
