package control

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"time"
)

// TimedEvent is an input of a control plane as a run records it.
type TimedEvent struct {
	At    time.Duration // offset from the run's beginning
	Event Event
}

// Actions are the outputs of one step as a run records them.
type Actions []Action

// MarshalJSON implements json.Marshaler.
func (e TimedEvent) MarshalJSON() ([]byte, error) {
	event, err := marshalKind(e.Event.eventKind(), e.Event)
	if err != nil {
		return nil, err
	}
	return json.Marshal(timedJSON{e.At, event})
}

// UnmarshalJSON implements json.Unmarshaler.
func (e *TimedEvent) UnmarshalJSON(b []byte) (err error) {
	var in timedJSON
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	e.At = in.At
	e.Event, err = unmarshalKind[Event](eventTypes, in.Event)
	return err
}

// MarshalJSON implements json.Marshaler.
func (a Actions) MarshalJSON() ([]byte, error) {
	if a == nil {
		return []byte("null"), nil
	}
	out := make([]json.RawMessage, len(a))
	for i, x := range a {
		var err error
		if out[i], err = marshalKind(x.actionKind(), x); err != nil {
			return nil, err
		}
	}
	return json.Marshal(out)
}

// UnmarshalJSON implements json.Unmarshaler.
func (a *Actions) UnmarshalJSON(b []byte) error {
	var in []json.RawMessage
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	*a = nil
	for _, raw := range in {
		x, err := unmarshalKind[Action](actionTypes, raw)
		if err != nil {
			return err
		}
		*a = append(*a, x)
	}
	return nil
}

type timedJSON struct {
	At    time.Duration   `json:"at"`
	Event json.RawMessage `json:"event"`
}

var (
	eventTypes  = typesByKind(events, Event.eventKind)
	actionTypes = typesByKind(actions, Action.actionKind)
)

func typesByKind[T any](all []T, kind func(T) string) map[string]reflect.Type {
	out := map[string]reflect.Type{}
	for _, v := range all {
		out[kind(v)] = reflect.TypeOf(v)
	}
	return out
}

// marshalKind is v, a struct, as a JSON object whose first member is its kind.
func marshalKind(kind string, v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding %q: %w", kind, err)
	}
	out := fmt.Appendf(nil, `{"kind":%q`, kind)
	if rest := bytes.TrimPrefix(b, []byte("{")); len(rest) > 1 {
		out = append(out, ',')
		return append(out, rest...), nil
	}
	return append(out, '}'), nil
}

// unmarshalKind is the value of the type that the object's kind names.
func unmarshalKind[T any](types map[string]reflect.Type, b []byte) (out T, err error) {
	var head struct {
		Kind string `json:"kind"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return out, fmt.Errorf("decoding the kind: %w", err)
	}
	t, ok := types[head.Kind]
	if !ok {
		return out, fmt.Errorf("unknown kind %q", head.Kind)
	}
	v := reflect.New(t)
	if err := json.Unmarshal(b, v.Interface()); err != nil {
		return out, fmt.Errorf("decoding %q: %w", head.Kind, err)
	}
	return v.Elem().Interface().(T), nil
}
