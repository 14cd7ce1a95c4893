// Package consumer decides whom a service calls: a consumer's view of one
// service (list, cache, marks) and its pick (lane, then marks, then weight).
//
// [View] is pure: [View.Step] takes the time and an [Event] and returns
// [Action]s, [View.Pick] chooses. [SharedView] makes one safe for concurrent use.
//
// It may not know HTTP, the registry's client or clocks: a shell pulls, writes
// events and answers.
package consumer

import (
	"time"

	"zeroloss/demo-services/lane"
	"zeroloss/demo-services/lossless"
	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
)

// Config is what a View is made from. It is plain data: a journal holds it.
type Config struct {
	Service  string            `json:"service"` // registry name of the service called
	Consumer settings.Consumer `json:"consumer"`
	Lane     settings.Lane     `json:"lane"`
	Seed     uint64            `json:"seed"`  // of the random balancer
	Epoch    int64             `json:"epoch"` // the clock's zero, milliseconds since the Unix epoch: hosts tell their start so
}

// ConfigOf takes the Config for calls of d.Next out of a service's settings;
// zero is the instant of the view's clock's zero, by a clock that is right.
func ConfigOf(d settings.Document, zero time.Time) Config {
	return Config{Service: d.Next, Consumer: d.Consumer, Lane: d.Lane, Seed: d.Seed, Epoch: zero.Add(d.Consumer.ClockSkew).UnixMilli()}
}

// Host is an instance as a consumer sees it.
type Host struct {
	lossless.Identity
	Addr   string          `json:"addr"` // host:port of its business port
	Tag    string          `json:"tag,omitempty"`
	Weight float64         `json:"weight"` // the registry's; 0 is never picked
	Warmup settings.Warmup `json:"warmup,omitzero"`
}

// Op names one Pull, and the Event that tells its outcome.
type Op uint64

// EventKind says what happened. The zero kind is a deadline that has come.
type EventKind string

// What the shell tells.
const (
	Deadline  EventKind = ""
	Pushed    EventKind = "pushed" // the registry's client called back: Hosts
	Pulled    EventKind = "pulled" // outcome of a Pull: Hosts, or Error
	Marked    EventKind = "marked" // a response carried the marker, or a notice came: Of, By
	CacheMiss EventKind = "used"   // a call is about to be made and the ttl35 cache wants filling; Live sends it
)

// How a mark came.
const (
	ByMarker = "marker"
	ByNotice = "notice"
)

// Event is what a View is stepped with.
type Event struct {
	Kind  EventKind         `json:"kind,omitempty"`
	Op    Op                `json:"op,omitempty"`    // Pulled: the Pull's
	Hosts []Host            `json:"hosts,omitempty"` // Pushed, Pulled
	Error string            `json:"error,omitempty"` // Pulled: why there are none
	Of    lossless.Identity `json:"of,omitzero"`     // Marked: who is closing
	By    string            `json:"by,omitempty"`    // Marked: ByMarker or ByNotice
}

// ActionKind says what is to be done.
type ActionKind string

// What the shell is to do.
const (
	Note ActionKind = "note" // write an event: Event, Peer, Text, N, Hosts (as its data)
	Pull ActionKind = "pull" // ask the server for its list over HTTP; answers Pulled by Deadline
)

// Action is one thing to do.
type Action struct {
	Kind     ActionKind    `json:"kind"`
	Op       Op            `json:"op,omitempty"`
	Deadline time.Duration `json:"deadline,omitempty"` // on the view's clock

	Event record.Kind `json:"event,omitempty"` // Note
	Peer  string      `json:"peer,omitempty"`  // Note: the instance
	Text  string      `json:"text,omitempty"`  // Note
	N     int64       `json:"n,omitempty"`     // Note: how many hosts
	Hosts []Host      `json:"hosts,omitempty"` // Note
}

// Reason says why a host was picked.
type Reason struct {
	Lane   lane.Reason // "" where the consumer is ungoverned
	Marked bool        // it is marked: all of its set were
}
