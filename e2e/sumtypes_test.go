package e2e

import (
	"go/ast"
	"go/token"
	"go/types"
	"sync"
	"testing"

	gochecksumtype "github.com/alecthomas/go-check-sumtype"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/go/packages"
)

// typed is all packages of the module, without their tests, with types.
var typed = sync.OnceValues(func() ([]*packages.Package, error) {
	return packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedImports | packages.NeedExportFile |
			packages.NeedTypes | packages.NeedSyntax | packages.NeedTypesInfo,
		Dir: "..",
	}, "./...")
})

func loadTyped(t *testing.T) []*packages.Package {
	t.Helper()
	pkgs, err := typed()
	require.NoError(t, err)
	require.Zero(t, packages.PrintErrors(pkgs))
	return pkgs
}

// TestSumTypesAreSwitchedExhaustively asserts that a type switch over a sealed
// interface (one that is marked with //sumtype:decl) names all of its types or
// has a default. A new kind that one switch forgets fails here.
func TestSumTypesAreSwitchedExhaustively(t *testing.T) {
	for _, err := range gochecksumtype.Run(loadTyped(t), gochecksumtype.Config{DefaultSignifiesExhaustive: true, IncludeSharedInterfaces: true}) {
		t.Error(err)
	}
}

// TestNothingBranchesOnTheTextOfEvents asserts that no code compares, searches
// or looks up the Text of a record.Event: it is for people, and what programs
// need to know is in the event's payload.
func TestNothingBranchesOnTheTextOfEvents(t *testing.T) {
	found := 0
	for _, p := range loadTyped(t) {
		for _, file := range p.Syntax {
			ast.PreorderStack(file, nil, func(n ast.Node, stack []ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok || !isEventText(p.TypesInfo, sel) {
					return true
				}
				found++
				if branches(p.TypesInfo, sel, stack[len(stack)-1]) {
					t.Errorf("%s: code must not branch on the text of an event", p.Fset.Position(sel.Pos()))
				}
				return true
			})
		}
	}
	require.NotZero(t, found, "nothing reads the text of an event: this test looks for the wrong field")
}

func isEventText(info *types.Info, sel *ast.SelectorExpr) bool {
	s, ok := info.Selections[sel]
	if !ok || s.Kind() != types.FieldVal || sel.Sel.Name != "Text" {
		return false
	}
	recv := s.Recv()
	if p, ok := recv.(*types.Pointer); ok {
		recv = p.Elem()
	}
	return types.TypeString(recv, nil) == "zeroloss/loadgen/record.Event"
}

// branches reports whether a use of x in its parent decides anything.
func branches(info *types.Info, x ast.Expr, parent ast.Node) bool {
	switch parent := parent.(type) {
	case *ast.BinaryExpr:
		return parent.Op != token.ADD
	case *ast.SwitchStmt, *ast.CaseClause:
		return true
	case *ast.IndexExpr:
		return parent.Index == x
	case *ast.CallExpr:
		callee, ok := parent.Fun.(*ast.SelectorExpr)
		if !ok {
			return false
		}
		f, ok := info.Uses[callee.Sel].(*types.Func)
		return ok && f.Pkg() != nil && (f.Pkg().Path() == "strings" || f.Pkg().Path() == "regexp" || f.Pkg().Path() == "strconv")
	}
	return false
}
