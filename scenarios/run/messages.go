package run

import (
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
)

// Input is what a Director is stepped with; one field is set, none for a tick.
type Input struct {
	Control   control.Event  // an action's outcome, or a container's exit
	Observed  *ObservedEvent // an instance, the registry or the generator has told of something
	LoadEnded *LoadEnded
	EndLoad   *EndLoad
	Stop      error // the run is to end now: interrupted, or the environment failed
}

// ObservedEvent is an event that someone else wrote, and when it happened.
type ObservedEvent struct {
	At    time.Duration // offset from the run's beginning
	Event record.Event
}

// EndLoad asks for the end of the load, before its time and on purpose: what was
// sent is the whole account.
type EndLoad struct {
	Payload record.Payload // [record.Concluded] or [record.Aborted]
	Why     string
}

// LoadEnded is the end of the load generator.
type LoadEnded struct{ Err error }

// Command is what a Director wants done; one field is set.
type Command struct {
	Execute   control.Action
	Write     *record.Event // At is filled in by who writes it, unless Zero is set
	StartLoad bool          // so that it sends from Zero on
	StopLoad  bool
	Finish    bool          // it is over: Director.Err says how
	Zero      time.Duration // of StartLoad and of the event RunZero
}
