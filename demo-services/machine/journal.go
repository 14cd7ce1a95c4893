package machine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// Input is the input of one step. The first line of a journal has a Config
// instead of an Event: the configuration that the machine was created from.
type Input struct {
	Now    time.Duration   `json:"now"` // nanoseconds since the machine's zero
	Config json.RawMessage `json:"config,omitempty"`
	Event  json.RawMessage `json:"event,omitempty"`
}

// Output is the result of one step. A step without actions has no Output.
type Output struct {
	Now     time.Duration   `json:"now"`
	Actions json.RawMessage `json:"actions"`
}

// Journal records the steps of a machine. It calls Write with one line at a time.
type Journal struct {
	Write func(Line)
}

// WriteConfig records the configuration that the machine was created from.
func (j Journal) WriteConfig(config any) {
	j.Write(Line{Data: encode(Input{Config: encode(config)})})
}

// Trace returns a function for [Loop.Trace] that records each step in j.
func Trace[E, A any](j Journal) func(now time.Duration, e E, out []A) {
	return func(now time.Duration, e E, out []A) {
		j.Write(Line{Data: encode(Input{Now: now, Event: encode(e)})})
		if len(out) > 0 {
			j.Write(Line{Output: true, Data: encode(Output{Now: now, Actions: encode(out)})})
		}
	}
}

// encode never fails: events, actions and configs are plain data.
func encode(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("machine: encoding %T: %v", v, err))
	}
	return b
}

// Line is one line of a journal.
type Line struct {
	Output bool // Data is an Output; otherwise an Input
	Data   json.RawMessage
}

// Replay feeds the inputs of a journal to a new machine, which fresh creates
// from the config. It returns an error at the first step whose encoded actions
// differ from the recorded ones. The output of the last input may be missing,
// as the process that wrote the journal may have been killed.
func Replay[C, E, A any](lines []Line, fresh func(C) Machine[E, A]) error {
	var m Machine[E, A]
	for i := 0; i < len(lines); i++ {
		var in Input
		if lines[i].Output {
			return fmt.Errorf("replaying line %d: output without a preceding input", i)
		}
		if err := json.Unmarshal(lines[i].Data, &in); err != nil {
			return fmt.Errorf("replaying line %d: %w", i, err)
		}
		if in.Config != nil {
			var c C
			if err := json.Unmarshal(in.Config, &c); err != nil {
				return fmt.Errorf("replaying line %d: config: %w", i, err)
			}
			m = fresh(c)
			continue
		}
		if m == nil {
			return fmt.Errorf("replaying line %d: no config before the first event", i)
		}
		var e E
		if err := json.Unmarshal(in.Event, &e); err != nil {
			return fmt.Errorf("replaying line %d: event: %w", i, err)
		}
		got := m.Step(in.Now, e)
		if i+1 == len(lines) {
			return nil
		}
		want := Output{}
		if lines[i+1].Output {
			i++
			if err := json.Unmarshal(lines[i].Data, &want); err != nil {
				return fmt.Errorf("replaying line %d: %w", i, err)
			}
		}
		if err := same(got, want.Actions); err != nil {
			return fmt.Errorf("replaying line %d, event %s: %w", i, in.Event, err)
		}
	}
	return nil
}

func same[A any](got []A, want json.RawMessage) error {
	if len(got) == 0 && len(want) == 0 {
		return nil
	}
	var b json.RawMessage
	if len(got) > 0 {
		b = encode(got)
	}
	if !bytes.Equal(b, want) {
		return fmt.Errorf("got actions %s, the journal has %s", b, want)
	}
	return nil
}
