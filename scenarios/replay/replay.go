// Package replay checks the record of a run. It steps fresh state machines
// with the recorded inputs: the control plane, the lifecycle of each
// instance, and its view of others; the same inputs have to give the same
// actions. Each recorded pick has to be one that the caller's view allowed.
// And it compares what a real cluster did with the simulated control plane.
//
// It is pure: events in, findings out. It reads no files and runs nothing.
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

// EventLogs are the events of a run by author, each in the order of writing.
type EventLogs map[string][]record.Event

// Names of the state machines of services among the events.
const (
	Lossless = "lossless"
	Consumer = "consumer"
)

// Counts is what was replayed.
type Counts struct {
	ControlInputs int // inputs of the control plane
	Lifecycles    int // instances whose lifecycle was replayed
	Views         int // instances whose view was replayed
	Picks         int // calls whose callee was checked
}

// MachineEvents are the inputs and outputs of one state machine.
func MachineEvents(events []record.Event, name string) []record.Event {
	return slices.DeleteFunc(slices.Clone(events), func(e record.Event) bool {
		switch p := e.Payload.(type) {
		case record.MachineInput:
			return p.Machine != name
		case record.MachineOutput:
			return p.Machine != name
		default: // not a step of a machine
		}
		return true
	})
}

// controlPlane is a simulated control plane or an observed cluster.
type controlPlane interface {
	Step(now Offset, e control.Event) []control.Action
}

// StateMachines steps fresh state machines with all inputs of a run. harness
// is the name of its own event log; cluster: a real cluster decided about
// pods. The error names the first step at which a machine acts differently.
func StateMachines(cfg control.Config, s EventLogs, harness string, cluster bool) (Counts, error) {
	var n Counts
	var errs []error
	steps := MachineEvents(s[harness], control.MachineName)
	n.ControlInputs = countInputs(steps)
	if n.ControlInputs == 0 {
		errs = append(errs, errors.New("control plane: no steps are recorded"))
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

// lines are the inputs and outputs of a machine in the form that its package
// replays.
func lines(steps []record.Event) (out []machine.Line) {
	for _, e := range steps {
		switch p := e.Payload.(type) {
		case record.MachineInput:
			out = append(out, machine.Line{Data: p.Data})
		case record.MachineOutput:
			out = append(out, machine.Line{Output: true, Data: p.Data})
		default: // not a step of a machine
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
		if input.Output {
			return fmt.Errorf("control plane, line %d: an output without an input", i)
		}
		if err := json.Unmarshal(input.Data, &in); err != nil {
			return fmt.Errorf("control plane, line %d: %w", i, err)
		}
		got, err := json.Marshal(control.Actions(p.Step(in.At, in.Event)))
		if err != nil {
			return err
		}
		if i+1 == len(steps) {
			return nil // the harness was killed before it could record the output
		}
		want := []byte("null")
		if steps[i+1].Output {
			i++
			want = steps[i].Data
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("control plane at %v, event %s: got %s, recorded %s", in.At, input.Data, got, want)
		}
	}
	return nil
}
