package markdown

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCell(t *testing.T) {
	require.Equal(t, `a\|b c`, cell("a|b\nc"))
}
