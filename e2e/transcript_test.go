package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// fast is a scenario of four seconds with a crash, a release that loses nothing,
// and a scale-up by CronHPA.
const fast = "testdata/scenarios/fast.yaml"

// TestTranscripts runs commands as a user types them. Each script has its own
// folder; $REPO is the repository, $FAST the short scenario.
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
