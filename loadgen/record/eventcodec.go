package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// row ties a kind to the type of its payload, and to the type of its lines: a
// struct with the fields of the event, then those of the payload.
type row struct {
	kind    Kind
	payload reflect.Type
	line    reflect.Type
}

// table lists every kind.
var table = []row{
	rowOf[Starting](),
	rowOf[Listening](),
	rowOf[Registered](),
	rowOf[Ready](),
	rowOf[WarmupStart](),
	rowOf[WarmupEnd](),
	rowOf[Offline](),
	rowOf[Closing](),
	rowOf[Deregistering](),
	rowOf[Deregistered](),
	rowOf[RegisterFailed](),
	rowOf[DeregisterFailed](),
	rowOf[PullFailed](),
	rowOf[Notified](),
	rowOf[Verified](),
	rowOf[TermReceived](),
	rowOf[DrainWait](),
	rowOf[ListenerClosed](),
	rowOf[RequestsCut](),
	rowOf[Drained](),
	rowOf[End](),
	rowOf[Stalled](),
	rowOf[ListChanged](),
	rowOf[ListReceived](),
	rowOf[MarkSet](),
	rowOf[MarkCleared](),
	rowOf[MachineInput](),
	rowOf[MachineOutput](),
	rowOf[TagConflict](),
	rowOf[Unreadable](),
	rowOf[SettingsApplied](),
	rowOf[ClockOffset](),
	rowOf[CronFired](),
	rowOf[CronSkipped](),
	rowOf[Step](),
	rowOf[Scaled](),
	rowOf[PodCreated](),
	rowOf[ContainerStarted](),
	rowOf[PodReady](),
	rowOf[PodNotReady](),
	rowOf[PodDeleted](),
	rowOf[EndpointAdded](),
	rowOf[EndpointRemoved](),
	rowOf[HookStarted](),
	rowOf[HookDone](),
	rowOf[HookFailed](),
	rowOf[HookAbandoned](),
	rowOf[TermSent](),
	rowOf[KillSent](),
	rowOf[ContainerExited](),
	rowOf[ProbeFailed](),
	rowOf[RuleFailed](),
	rowOf[NodeCordoned](),
	rowOf[Evicted](),
	rowOf[EvictionRefused](),
	rowOf[NodeDrained](),
	rowOf[PodAddress](),
	rowOf[RolloutSeen](),
	rowOf[WatchGap](),
	rowOf[RegistryChange](),
	rowOf[Push](),
	rowOf[TimeZero](),
	rowOf[LoadEnd](),
	rowOf[RunEnd](),
	rowOf[HostStats](),
	rowOf[Interrupted](),
	rowOf[Concluded](),
	rowOf[Aborted](),
}

var byKind = func() map[Kind]row {
	m := make(map[Kind]row, len(table))
	for _, r := range table {
		m[r.kind] = r
	}
	return m
}()

// envelope is the fields that the lines of all kinds have.
type envelope struct {
	At       Micros   `json:"at"`
	Kind     Kind     `json:"kind"`
	Instance Instance `json:"instance,omitzero"`
	Service  string   `json:"service,omitempty"`
	Workload string   `json:"workload,omitempty"`
	Tag      string   `json:"tag,omitempty"`
	Addr     string   `json:"addr,omitempty"`
	Text     string   `json:"text,omitempty"`
}

func rowOf[P Payload]() row {
	var zero P
	payload := reflect.TypeFor[P]()
	fields := reflect.VisibleFields(reflect.TypeFor[envelope]())
	fields = append(fields, reflect.VisibleFields(payload)...)
	return row{zero.kind(), payload, reflect.StructOf(fields)}
}

// MarshalJSON encodes the event as one flat object.
func (e Event) MarshalJSON() ([]byte, error) {
	env := envelope{e.At, e.Kind(), e.Instance, e.Service, e.Workload, e.Tag, e.Addr, e.Text}
	if u, ok := e.Payload.(Unknown); ok {
		return u.encode(env)
	}
	r, ok := byKind[e.Kind()]
	if !ok {
		return nil, errors.New("the event has no payload")
	}
	line := reflect.New(r.line).Elem()
	copyFields(line, 0, reflect.ValueOf(env))
	copyFields(line, envelopeFields, reflect.ValueOf(e.Payload))
	return json.Marshal(line.Interface())
}

// UnmarshalJSON decodes what [Event.MarshalJSON] has written. An event of an
// unknown kind gets an [Unknown] payload: a newer program has written it. A
// known kind with an unknown field is an error: the field may change the
// meaning of the others.
func (e *Event) UnmarshalJSON(b []byte) error {
	var env envelope
	if err := json.Unmarshal(b, &env); err != nil {
		return err
	}
	if env.Kind == "" {
		return errors.New("the event has no kind")
	}
	*e = Event{At: env.At, Instance: env.Instance, Service: env.Service, Workload: env.Workload, Tag: env.Tag, Addr: env.Addr, Text: env.Text}
	r, ok := byKind[env.Kind]
	if !ok {
		var err error
		e.Payload, err = decodeUnknown(env.Kind, b)
		return err
	}
	line := reflect.New(r.line)
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(line.Interface()); err != nil {
		return fmt.Errorf("event of kind %q: %w", env.Kind, err)
	}
	payload := reflect.New(r.payload).Elem()
	for i := range payload.NumField() {
		payload.Field(i).Set(line.Elem().Field(envelopeFields + i))
	}
	e.Payload = payload.Interface().(Payload)
	return nil
}

var envelopeFields = reflect.TypeFor[envelope]().NumField()

func copyFields(line reflect.Value, first int, from reflect.Value) {
	for i := range from.NumField() {
		line.Field(first + i).Set(from.Field(i))
	}
}

// decodeUnknown keeps the fields that are not the envelope's.
func decodeUnknown(kind Kind, line []byte) (Unknown, error) {
	u := Unknown{Name: kind, Fields: map[string]json.RawMessage{}}
	if err := json.Unmarshal(line, &u.Fields); err != nil {
		return u, err
	}
	for name := range u.Fields {
		if slices.ContainsFunc(reflect.VisibleFields(reflect.TypeFor[envelope]()), func(f reflect.StructField) bool {
			return strings.EqualFold(f.Name, name)
		}) {
			delete(u.Fields, name)
		}
	}
	return u, nil
}

func (u Unknown) encode(env envelope) ([]byte, error) {
	b, err := json.Marshal(env)
	if err != nil {
		return nil, err
	}
	line := map[string]json.RawMessage{}
	if err := json.Unmarshal(b, &line); err != nil {
		return nil, err
	}
	maps.Copy(line, u.Fields)
	return json.Marshal(line)
}

// ZeroPayload is the payload of a kind with all its fields zero, and [Unknown]
// for a kind that this program does not know.
func ZeroPayload(k Kind) Payload {
	if r, ok := byKind[k]; ok {
		return reflect.Zero(r.payload).Interface().(Payload)
	}
	return Unknown{Name: k}
}
