package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// fast is a scenario of four seconds in which much happens: a crash, a release
// that loses nothing, and CronHPA scaling up.
const fast = "testdata/scenarios/fast.yaml"

// TestTranscripts plays the command as a user types it. Each script has a
// folder of its own; the repository's is $REPO, the short scenario $FAST.
func TestTranscripts(t *testing.T) {
	repo, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/transcripts",
		Setup: func(env *testscript.Env) error {
			env.Setenv("REPO", repo)
			env.Setenv("FAST", filepath.Join(repo, "e2e", fast))
			env.Setenv("PATH", filepath.Dir(zeroloss)+string(os.PathListSeparator)+env.Getenv("PATH"))
			return nil
		},
		RequireExplicitExec: false,
		Cmds:                words,
	})
}
