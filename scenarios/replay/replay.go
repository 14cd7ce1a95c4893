// Package replay feeds what a run has written down to fresh machines: the
// control plane, each instance's lifecycle and its view of others. The same
// inputs have to give the same actions; what a trail tells of a pick has to be
// one that the caller's view allowed; and what a cluster did is held against
// our own control plane.
//
// It is pure: events in, findings out. It knows no files, and runs nothing.
package replay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"zeroloss/demo-services/consumer"
	"zeroloss/demo-services/lossless"
	"zeroloss/demo-services/machine"
	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
)

// EventLogs are a run's events, by who wrote them; each in the order in which
// it was written.
type EventLogs map[string][]record.Event

// Names of the services' machines among the events.
const (
	Lossless = "lossless"
	Consumer = "consumer"
)

// Counts is how much was replayed.
type Counts struct {
	ControlInputs int // steps of the control plane
	Lifecycles    int // instances whose lifecycle was replayed
	Views         int // likewise, of their views
	Picks         int // calls whose callee was looked up
}

// MachineEvents are the journal lines of one machine.
func MachineEvents(events []record.Event, name string) []record.Event {
	return slices.DeleteFunc(slices.Clone(events), func(e record.Event) bool {
		switch p := e.Payload.(type) {
		case record.MachineInput:
			return p.Machine != name
		case record.MachineOutput:
			return p.Machine != name
		}
		return true
	})
}

// controlPlane is either of the two that a run may have had.
type controlPlane interface {
	Step(now Offset, e control.Event) []control.Action
}

// StateMachines feeds all inputs of a run to fresh machines. harness is the name of
// its stream; cluster: a real control plane decided about pods. The error says
// at which step one of them did what the run did not.
func StateMachines(cfg control.Config, s EventLogs, harness string, cluster bool) (Counts, error) {
	var n Counts
	var errs []error
	steps := MachineEvents(s[harness], control.MachineName)
	n.ControlInputs = countInputs(steps)
	if n.ControlInputs == 0 {
		errs = append(errs, errors.New("control plane: it has no steps on record"))
	}
	errs = append(errs, replayControlPlane(cfg, steps, cluster))
	for _, name := range slices.Sorted(maps.Keys(s)) {
		life, view := MachineEvents(s[name], Lossless), MachineEvents(s[name], Consumer)
		n.Lifecycles += min(1, len(life))
		n.Views += min(1, len(view))
		if err := lossless.Replay(lines(life)); err != nil {
			errs = append(errs, fmt.Errorf("lifecycle of %s: %w", name, err))
		}
		if err := consumer.Replay(lines(view)); err != nil {
			errs = append(errs, fmt.Errorf("view of %s: %w", name, err))
		}
	}
	return n, errors.Join(errs...)
}

func countInputs(steps []record.Event) (n int) {
	for _, e := range steps {
		if e.Kind() == record.KindMachineInput {
			n++
		}
	}
	return n
}

// lines are a machine's steps as its package replays them.
func lines(steps []record.Event) (out []machine.Line) {
	for _, e := range steps {
		switch p := e.Payload.(type) {
		case record.MachineInput:
			out = append(out, machine.Line{Data: p.Data})
		case record.MachineOutput:
			out = append(out, machine.Line{Output: true, Data: p.Data})
		}
	}
	return out
}

func newControlPlane(cfg control.Config, cluster bool) (controlPlane, error) {
	if cluster {
		return control.NewObservedCluster(cfg)
	}
	return control.NewSimulatedControlPlane(cfg)
}

func replayControlPlane(cfg control.Config, events []record.Event, cluster bool) error {
	p, err := newControlPlane(cfg, cluster)
	if err != nil {
		return err
	}
	steps := lines(events)
	for i := 0; i < len(steps); i++ {
		input := steps[i]
		var in control.TimedEvent
		if err := json.Unmarshal(input.Data, &in); err != nil || input.Output {
			return fmt.Errorf("control plane, line %d: no input: %w", i, err)
		}
		got, err := json.Marshal(control.Actions(p.Step(in.At, in.Event)))
		if err != nil {
			return err
		}
		if i+1 == len(steps) {
			return nil // killed before it could write what came of it
		}
		want := []byte("null")
		if steps[i+1].Output {
			i++
			want = steps[i].Data
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("control plane at %v, event %s: got %s, the run has %s", in.At, input.Data, got, want)
		}
	}
	return nil
}
