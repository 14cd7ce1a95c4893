package lossless

import (
	"time"

	"zeroloss/demo-services/machine"
)

// Machine is the lifecycle of one instance. It is not for concurrent use.
type Machine struct {
	cfg Config
}

// New returns a Machine in phase Starting, its clock at 0.
func New(cfg Config) *Machine { return &Machine{cfg: cfg} }

// Step takes one event and returns what is to be done, in order.
func (m *Machine) Step(now time.Duration, e Event) []Action { return nil }

// Next is the earliest deadline the machine owns.
func (m *Machine) Next() (time.Duration, bool) { return 0, false }

// State tells where the machine is.
func (m *Machine) State() State { return State{} }

// Replay feeds a journal to a fresh machine: see [machine.Replay].
func Replay(lines []machine.Line) error {
	return machine.Replay(lines, func(c Config) machine.Machine[Event, Action] { return New(c) })
}
