package palette

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/reports/ledger"
)

func TestPalette(t *testing.T) {
	form := regexp.MustCompile(`^#[0-9a-f]{6}$`)
	require.Len(t, Windows(), len(ledger.Windows()))
	for i, w := range ledger.Windows() {
		require.Equal(t, string(w), Windows()[i].Name)
	}
	for _, list := range [][]Colour{Phases(), Arms(), Losses(), Inks(), Windows()} {
		seen := map[string]bool{}
		for _, c := range list {
			require.Regexp(t, form, c.Light, c.Name)
			require.Regexp(t, form, c.Dark, c.Name)
			require.False(t, seen[c.Light] && c.Name != "lost", "%s has the colour of another", c.Name)
			seen[c.Light] = true
		}
	}
}

func TestEachEventHasOneMark(t *testing.T) {
	seen := map[record.Kind]bool{}
	for _, m := range Marks() {
		require.False(t, seen[m.Kind], m.Kind)
		seen[m.Kind] = true
		require.Contains(t, []string{"up", "down", "square", "diamond", "dot", "cross"}, m.Shape)
		require.NotEmpty(t, m.Label)
	}
}
