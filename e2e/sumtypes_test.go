package e2e

import (
	"testing"

	gochecksumtype "github.com/alecthomas/go-check-sumtype"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/go/packages"
)

// TestSumTypesAreSwitchedExhaustively asserts that a type switch over a sealed
// interface (one that is marked with //sumtype:decl) names all of its types or
// has a default. A new kind that one switch forgets fails here.
func TestSumTypesAreSwitchedExhaustively(t *testing.T) {
	pkgs, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedImports | packages.NeedExportFile |
			packages.NeedTypes | packages.NeedSyntax | packages.NeedTypesInfo,
		Dir: "..",
	}, "./...")
	require.NoError(t, err)
	require.Zero(t, packages.PrintErrors(pkgs))
	for _, err := range gochecksumtype.Run(pkgs, gochecksumtype.Config{DefaultSignifiesExhaustive: true, IncludeSharedInterfaces: true}) {
		t.Error(err)
	}
}
