package ledger

import (
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/reports/expect"
)

// An expectation may name each window that a loss can have, and no other. The
// grammar cannot import the ledger, so it has a list of its own.
func TestExpectKnowsTheWindows(t *testing.T) {
	var have []string
	for _, w := range Windows() {
		have = append(have, string(w))
	}
	require.ElementsMatch(t, have, expect.Windows())
}
