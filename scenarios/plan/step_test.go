package plan

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStepJSON(t *testing.T) {
	for kind, action := range actionTypes() {
		filled := reflect.New(action).Elem()
		for i := range filled.NumField() {
			if f := filled.Field(i); f.Kind() == reflect.Int {
				f.SetInt(3)
			} else {
				f.SetString("b")
			}
		}
		want := Step{Name: "x", At: time.Second, Line: 7, Action: filled.Interface().(Action)}
		require.Equal(t, kind, ActionKind(want.Action))
		b, err := json.Marshal(want)
		require.NoError(t, err)
		var got Step
		require.NoError(t, json.Unmarshal(b, &got))
		require.Equal(t, want, got)
	}
	b, err := json.Marshal(Step{Name: "scale b", After: &After{Source: "gray", Event: "deregistered"}, Action: Scale{"b", 1}})
	require.NoError(t, err)
	require.JSONEq(t, `{"name": "scale b", "at": 0, "after": {"source": "gray", "event": "deregistered", "delay": 0},
		"kind": "scale", "action": {"workload": "b", "replicas": 1}}`, string(b))
}

func TestStepOfAnUnknownKind(t *testing.T) {
	var s Step
	err := json.Unmarshal([]byte(`{"name": "boom", "kind": "explode", "action": {}}`), &s)
	require.ErrorIs(t, err, ErrSchema)
	require.ErrorContains(t, err, `decoding step "boom": unknown plan schema: unknown kind "explode" (known: drain, image, kill, pause, restart, restore, resume, rule, scale)`)
	_, err = json.Marshal(Step{Name: "nothing"})
	require.ErrorContains(t, err, `encoding step "nothing": unknown action <nil>`)
}

// TestActionsHaveAKind: every type that implements Action is in the table.
func TestActionsHaveAKind(t *testing.T) {
	require.ElementsMatch(t, actionsInSource(t), actionNames())
}

// TestActionSwitchesAreExhaustive: a type switch that names one Action names
// all of them, in every package, so that a new one is not forgotten.
func TestActionSwitchesAreExhaustive(t *testing.T) {
	found := 0
	for _, dir := range []string{"../../cmd", "../../e2e", "../../reports", ".."} {
		require.NoError(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") {
				return err
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, nil, 0)
			require.NoError(t, err)
			ast.Inspect(file, func(n ast.Node) bool {
				if s, ok := n.(*ast.TypeSwitchStmt); ok {
					if cases := actionCases(s, file.Name.Name); len(cases) > 0 {
						found++
						require.ElementsMatch(t, actionNames(), cases, "%s: name every action", set.Position(s.Pos()))
					}
				}
				return true
			})
			return nil
		}))
	}
	require.Greater(t, found, 5)
}

func actionNames() []string {
	var names []string
	for _, a := range actionTypes() {
		names = append(names, a.Name())
	}
	return names
}

// actionCases lists the actions that a type switch names.
func actionCases(s *ast.TypeSwitchStmt, inPackage string) []string {
	var names []string
	for _, clause := range s.Body.List {
		for _, x := range clause.(*ast.CaseClause).List {
			name := ""
			if id, ok := x.(*ast.Ident); ok && inPackage == "plan" {
				name = id.Name
			} else if sel, ok := x.(*ast.SelectorExpr); ok {
				if pkg, ok := sel.X.(*ast.Ident); ok && pkg.Name == "plan" {
					name = sel.Sel.Name
				}
			}
			if slices.Contains(actionNames(), name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// actionsInSource lists the types with the method that makes them an Action.
func actionsInSource(t *testing.T) []string {
	file, err := parser.ParseFile(token.NewFileSet(), "step.go", nil, 0)
	require.NoError(t, err)
	var names []string
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil && f.Name.Name == "workload" {
			names = append(names, f.Recv.List[0].Type.(*ast.Ident).Name)
		}
	}
	return names
}
