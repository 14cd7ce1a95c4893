package control

import "fmt"

// MachineName marks the inputs and outputs of a control plane among the events
// of a run.
const MachineName = "control"

// Replay sends events to a new SimulatedControlPlane and returns all its actions
// in order. They are those of the run that recorded the events.
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
