package e2e

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTaggedBuildPrintsItsTag checks that a release build prints the version that
// the Makefile sets.
func TestTaggedBuildPrintsItsTag(t *testing.T) {
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("skipped: there is no make")
	}
	bin := filepath.Join(t.TempDir(), "zeroloss")
	build := exec.Command("make", "build", "VERSION=v9.8.7", "BIN="+bin)
	build.Dir = ".."
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	out, err = exec.Command(bin, "version").CombinedOutput()
	require.NoError(t, err)
	require.Regexp(t, `^zeroloss v9\.8\.7 go1\.`, string(out))
}
