package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/chain"
	"zeroloss/manifests"
)

// TestPathsAreTheChains: what a scenario is refused as a health path is what the
// demo services answer.
func TestPathsAreTheChains(t *testing.T) {
	for _, of := range manifests.Chain() {
		require.NotEmpty(t, chain.Paths(string(of)))
		for _, path := range chain.Paths(string(of)) {
			for _, role := range manifests.Chain() {
				require.Equal(t, role == of, role.ServesPath(path), "%s %s", role, path)
			}
			require.Equal(t, of == manifests.Gateway, of.ServesPath(path+"x"), "%s %sx", of, path)
		}
	}
}
