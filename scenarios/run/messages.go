package run

import (
	"time"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
)

// Input is what a [Director] reacts to, one Go type per kind.
//
//sumtype:decl
type Input interface{ input() }

type (
	// Tick reports that a deadline of Next has passed.
	Tick struct{}
	// ControlEvent is an event for the control plane: the outcome of an action,
	// or an observation.
	ControlEvent struct{ Event control.Event }
	// ObservedEvent is an event that a service, the registry or the load
	// generator has recorded.
	ObservedEvent struct {
		At    time.Duration // when it happened: offset from the run's beginning
		Event record.Event
	}
	// EndLoad ends the load early and on purpose: the run is complete, as if the
	// load had been planned like that.
	EndLoad struct {
		Payload record.Payload // [record.Concluded] or [record.Aborted]
		Why     string
	}
	// LoadEnded reports that the load generator has ended; nil: as planned.
	LoadEnded struct{ Err error }
	// Stop ends the run early: it was interrupted, or the environment failed.
	Stop struct{ Err error }
)

// Command is what a [Director] wants to be done, one Go type per kind.
//
//sumtype:decl
type Command interface{ command() }

type (
	// Execute has the runtime carry out an action of the control plane.
	Execute struct{ Action control.Action }
	// WriteEvent writes an event into the run's record, with the time of writing.
	WriteEvent struct{ Event record.Event }
	// WriteTimeZero records time zero.
	WriteTimeZero struct {
		Zero time.Duration // offset from the run's beginning
	}
	// StartLoad starts the load generator.
	StartLoad struct {
		Zero time.Duration // when it sends its first request: offset from the run's beginning
	}
	// StopLoad stops the load generator.
	StopLoad struct{}
	// Finish ends the run: Director.Err says how.
	Finish struct{}
)

func (Tick) input()          {}
func (ControlEvent) input()  {}
func (ObservedEvent) input() {}
func (EndLoad) input()       {}
func (LoadEnded) input()     {}
func (Stop) input()          {}

func (Execute) command()       {}
func (WriteEvent) command()    {}
func (WriteTimeZero) command() {}
func (StartLoad) command()     {}
func (StopLoad) command()      {}
func (Finish) command()        {}
