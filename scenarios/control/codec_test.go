package control

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
)

// TestEachKindHasACodec: every type with the method that makes it an Event or
// an Action is in the table, under a kind that is the type's name.
func TestEachKindHasACodec(t *testing.T) {
	for method, table := range map[string]map[string]reflect.Type{"eventKind": eventTypes, "actionKind": actionTypes} {
		declared := receiversOf(t, method)
		require.NotEmpty(t, declared)
		var listed []string
		for kind, typ := range table {
			listed = append(listed, typ.Name())
			require.Equal(t, kebab(typ.Name()), kind)
		}
		require.ElementsMatch(t, declared, listed, "the lists in events.go and actions.go")
	}
}

// TestKindsSurviveJSON: each kind, with all its fields set, is read as it was
// written.
func TestKindsSurviveJSON(t *testing.T) {
	for _, typ := range eventTypes {
		want := TimedEvent{At: time.Second, Event: filled(t, typ).Interface().(Event)}
		b, err := json.Marshal(want)
		require.NoError(t, err)
		var got TimedEvent
		require.NoError(t, json.Unmarshal(b, &got))
		require.Equal(t, want, got)
	}
	for _, typ := range actionTypes {
		want := Actions{filled(t, typ).Interface().(Action)}
		b, err := json.Marshal(want)
		require.NoError(t, err)
		var got Actions
		require.NoError(t, json.Unmarshal(b, &got))
		require.Equal(t, want, got)
	}
}

func TestUnknownKindsAreRefused(t *testing.T) {
	var e TimedEvent
	require.ErrorContains(t, json.Unmarshal([]byte(`{"at":1,"event":{"kind":"reboot"}}`), &e), `unknown kind "reboot"`)
	var a Actions
	require.ErrorContains(t, json.Unmarshal([]byte(`[{"kind":"reboot"}]`), &a), `unknown kind "reboot"`)
}

// TestOutcomes: an action's outcome has its Op, and its pod where it has one.
func TestOutcomes(t *testing.T) {
	pod := PodAction{Op: 7, Pod: record.Instance{Pod: "b-1", Incarnation: 1}}
	workload := WorkloadAction{Op: 7, Workload: "b"}
	outcome := func(err string) Outcome { return Outcome{Op: 7, Pod: pod.Pod, Err: err} }
	for _, tt := range []struct {
		action Action
		err    error
		want   Event
	}{
		{StartContainer{PodAction: pod}, nil, ContainerStarted{outcome("")}},
		{StartContainer{PodAction: pod}, errTest, ContainerStarted{outcome("test")}},
		{RunHook{PodAction: pod}, nil, HookFinished{outcome("")}},
		{RunProbe{PodAction: pod}, nil, ProbeFinished{outcome(""), true}},
		{RunProbe{PodAction: pod}, errTest, ProbeFinished{outcome("test"), false}},
		{SendSignal{PodAction: pod}, nil, SignalSent{outcome("")}},
		{SendRules{PodAction: pod}, errTest, RulesSent{outcome("test")}},
		{EvictPod{PodAction: pod}, nil, EvictionFinished{outcome(""), true}},
		{EvictPod{PodAction: pod}, errTest, EvictionFinished{outcome("test"), false}},
		{RemovePod{pod}, nil, Acknowledged{outcome("")}},
		{CordonNode{WorkloadAction: workload}, nil, NodeCordoned{Outcome{Op: 7}}},
		{ScaleWorkload{WorkloadAction: workload}, nil, Acknowledged{Outcome{Op: 7}}},
	} {
		require.Equal(t, tt.want, OutcomeOf(tt.action, tt.err))
	}
}

type testError string

func (e testError) Error() string { return string(e) }

const errTest = testError("test")

// receiversOf lists the types of this package that declare a method.
func receiversOf(t *testing.T, method string) (out []string) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range f.Decls {
			if m, ok := d.(*ast.FuncDecl); ok && m.Name.Name == method && m.Recv != nil {
				out = append(out, m.Recv.List[0].Type.(*ast.Ident).Name)
			}
		}
	}
	slices.Sort(out)
	return out
}

func kebab(name string) string {
	return strings.ToLower(regexp.MustCompile(`([a-z])([A-Z])`).ReplaceAllString(name, "$1-$2"))
}

// filled is a value of a struct with every field set.
func filled(t *testing.T, typ reflect.Type) reflect.Value {
	t.Helper()
	v := reflect.New(typ).Elem()
	for i := range v.NumField() {
		f := v.Field(i)
		switch f.Kind() {
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Int, reflect.Int64:
			f.SetInt(3)
		case reflect.Uint64:
			f.SetUint(3)
		case reflect.String:
			f.SetString("b")
		case reflect.Pointer:
			f.Set(reflect.New(f.Type().Elem()))
		case reflect.Struct:
			if f.Type() == reflect.TypeFor[record.Event]() {
				f.Set(reflect.ValueOf(record.Event{Workload: "b", Payload: record.Scaled{Replicas: 3}}))
				continue
			}
			f.Set(filled(t, f.Type()))
		default:
			t.Fatalf("%v has a field of kind %v", typ, f.Kind())
		}
	}
	return v
}
