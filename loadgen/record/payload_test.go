package record

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// kindConstants are the constants of type Kind that kind.go declares.
func kindConstants(t *testing.T) map[string]Kind {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "kind.go", nil, 0)
	require.NoError(t, err)
	out := map[string]Kind{}
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		typ, ok := v.Type.(*ast.Ident)
		require.True(t, ok && typ.Name == "Kind", "%s has no type Kind", v.Names[0])
		out[v.Names[0].Name] = Kind(strings.Trim(v.Values[0].(*ast.BasicLit).Value, `"`))
		return true
	})
	return out
}

// TestEachKindHasOnePayload: a kind without a row in the codec's table, and a
// row without a constant, fail here.
func TestEachKindHasOnePayload(t *testing.T) {
	rows := map[Kind]string{}
	for _, r := range table {
		require.NotContains(t, rows, r.kind, "%s and %s are the payloads of one kind", rows[r.kind], r.payload.Name())
		rows[r.kind] = r.payload.Name()
	}
	for name, kind := range kindConstants(t) {
		require.Equal(t, strings.TrimPrefix(name, "Kind"), rows[kind], "the payload type of %s", name)
		delete(rows, kind)
	}
	require.Empty(t, rows, "payload types whose kind has no constant")
}

// filled returns a value of a payload's type in which no field is zero.
func filled(t *testing.T, typ reflect.Type) Payload {
	v := reflect.New(typ).Elem()
	fill(t, v)
	return v.Interface().(Payload)
}

func fill(t *testing.T, v reflect.Value) {
	switch v.Interface().(type) {
	case Instance:
		v.Set(reflect.ValueOf(Instance{Pod: "b-1", Incarnation: 2}))
		return
	case json.RawMessage:
		v.Set(reflect.ValueOf(json.RawMessage(`{"x":[1]}`)))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("text")
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Float64:
		v.SetFloat(0.5)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(t, v.Index(0))
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i))
		}
	default:
		require.Fail(t, "a payload cannot have a field of this type", v.Type().String())
	}
}

func TestEachPayloadSurvivesARoundTrip(t *testing.T) {
	for _, r := range table {
		for _, p := range []Payload{filled(t, r.payload), ZeroPayload(r.kind)} {
			want := Event{At: 1, Instance: Instance{"b-1", 1}, Service: "b", Workload: "w", Tag: "gray", Addr: "127.0.0.2:80", Text: "two\nlines", Payload: p}
			b, err := json.Marshal(want)
			require.NoError(t, err)
			var got Event
			require.NoError(t, json.Unmarshal(b, &got), "%s", b)
			if raw, ok := p.(MachineInput); ok && raw.Data == nil {
				continue // null is no data
			}
			if raw, ok := p.(MachineOutput); ok && raw.Data == nil {
				continue
			}
			require.Equal(t, want, got, "%s", b)
			require.Equal(t, r.kind, got.Kind())
		}
	}
}

func TestEventLinesAreFlat(t *testing.T) {
	for line, e := range map[string]Event{
		`{"at":5,"kind":"scaled","workload":"b","replicas":0}`:                                           {At: 5, Workload: "b", Payload: Scaled{}},
		`{"at":5,"kind":"mark-set","instance":"a-1/1","service":"b","marked":"b-1/2","source":"notice"}`: {At: 5, Instance: Instance{"a-1", 1}, Service: "b", Payload: MarkSet{Marked: Instance{"b-1", 2}, Source: SourceNotice}},
		`{"at":5,"kind":"stalled","since":3,"duration":2000}`:                                            {At: 5, Payload: Stalled{Since: 3, Duration: 2 * time.Microsecond}},
	} {
		b, err := json.Marshal(e)
		require.NoError(t, err)
		require.Equal(t, line, string(b))
	}
}

// TestNewerEvents: an unknown kind is kept as it is, an unknown field of a known
// kind is an error.
func TestNewerEvents(t *testing.T) {
	line := `{"at":7,"depth":[1,{"x":2}],"instance":"b-1/1","kind":"teleported","text":"why"}`
	var e Event
	require.NoError(t, json.Unmarshal([]byte(line), &e))
	require.Equal(t, Kind("teleported"), e.Kind())
	require.Equal(t, Instance{"b-1", 1}, e.Instance)
	b, err := json.Marshal(e)
	require.NoError(t, err)
	require.JSONEq(t, line, string(b))
	e.Text, e.At = "", 8
	b, err = json.Marshal(e)
	require.NoError(t, err)
	require.JSONEq(t, `{"at":8,"depth":[1,{"x":2}],"instance":"b-1/1","kind":"teleported"}`, string(b))

	for _, bad := range []string{
		`{"at":1,"kind":"scaled","replicas":2,"gradually":true}`, `{"at":1,"kind":"ready","n":2}`, `{"at":1,"kind":"scaled","replicas":"two"}`, `{"at":1,"kind":""}`, `{"at":1}`,
	} {
		require.Error(t, json.Unmarshal([]byte(bad), &e), bad)
	}
	_, err = json.Marshal(Event{At: 1})
	require.ErrorContains(t, err, "no payload")
}

// TestEventShift moves all instants of an event, and nothing else.
func TestEventShift(t *testing.T) {
	for _, r := range table {
		e := Event{At: 100, Payload: filled(t, r.payload)}
		shifted := e.Shift(10)
		require.Equal(t, Micros(110), shifted.At)
		before, after := reflect.ValueOf(e.Payload), reflect.ValueOf(shifted.Payload)
		for i := range before.NumField() {
			want := before.Field(i).Interface()
			if m, ok := want.(Micros); ok && r.kind != KindClockOffset { // an offset is no instant
				want = m + 10
			}
			require.Equal(t, want, after.Field(i).Interface(), "%s of %s", before.Type().Field(i).Name, r.kind)
		}
	}
	require.Zero(t, Event{At: 1, Payload: Push{}}.Shift(5).Payload.(Push).FirstChange, "0 is no instant")
}

func BenchmarkUnmarshalEvent(b *testing.B) {
	line := []byte(`{"at":1795705797640883,"kind":"machine-input","machine":"control","data":{"at":27420394,"event":{"kind":"pod-observed","pod":"orders-58794d7f5b-9bk9r/1","workload":"orders","uid":"f7a78f9f-bda8-406f-9f57-44c5d384b521","node":"worker"}}}`)
	for b.Loop() {
		var e Event
		if err := json.Unmarshal(line, &e); err != nil {
			b.Fatal(err)
		}
	}
}
