package machine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// Input is what a machine was stepped with. The first line of a journal has a
// Config instead of an Event: what the machine was made from.
type Input struct {
	Now    time.Duration   `json:"now"` // nanoseconds since the machine's zero
	Config json.RawMessage `json:"config,omitempty"`
	Event  json.RawMessage `json:"event,omitempty"`
}

// Output is what it answered; a step without actions has no Output.
type Output struct {
	Now     time.Duration   `json:"now"`
	Actions json.RawMessage `json:"actions"`
}

// Journal writes a machine's steps down. Write gets one line at a time; its
// owner turns it into an event.
type Journal struct {
	Write func(Line)
}

// WriteConfig writes what the machine was made from.
func (j Journal) WriteConfig(config any) {
	j.Write(Line{Data: encode(Input{Config: encode(config)})})
}

// Trace returns a function for [Loop.Trace].
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

// Replay feeds a journal's inputs to a fresh machine, which fresh makes from
// the config, and returns an error at the first step whose actions are not, to
// the byte, those that were written down. A journal may end after an input
// whose output was not written any more: its writer was killed.
func Replay[C, E, A any](lines []Line, fresh func(C) Machine[E, A]) error {
	var m Machine[E, A]
	for i := 0; i < len(lines); i++ {
		var in Input
		if lines[i].Output {
			return fmt.Errorf("replaying line %d: an output without an input before it", i)
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
