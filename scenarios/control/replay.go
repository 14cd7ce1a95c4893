package control

import (
	"fmt"
	"time"
)

// MachineName marks the plane's inputs and outputs among a run's events.
const MachineName = "control"

// TimedEvent is an input of the plane as a run records it.
type TimedEvent struct {
	At    time.Duration `json:"at"`
	Event Event         `json:"event"`
}

// Replay feeds events to a fresh plane and returns all its actions in order:
// the same as those of the run that recorded the events.
func Replay(cfg Config, events []TimedEvent) ([]Action, error) {
	p, err := NewSimulatedControlPlane(cfg)
	if err != nil {
		return nil, fmt.Errorf("replaying: %w", err)
	}
	var out []Action
	for _, e := range events {
		out = append(out, p.Step(e.At, e.Event)...)
	}
	return out, nil
}

// ReplayCluster is Replay for a run in a cluster.
func ReplayCluster(cfg Config, events []TimedEvent) ([]Action, error) {
	c, err := NewObservedCluster(cfg)
	if err != nil {
		return nil, fmt.Errorf("replaying: %w", err)
	}
	var out []Action
	for _, e := range events {
		out = append(out, c.Step(e.At, e.Event)...)
	}
	return out, nil
}
