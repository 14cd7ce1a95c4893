package e2e

import (
	"encoding/json"
	"encoding/xml"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/reports/expect"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/replay"
	"zeroloss/scenarios/rundir"
)

// TestOneRunFromEndToEnd runs the short scenario once, as a user does, and checks
// everything that it writes.
func TestOneRunFromEndToEnd(t *testing.T) {
	world := newSandbox(t)
	stdout := world.run(t, "run", fastPath(t), "--json", "--seed", "5")
	dir := filepath.Join(world.home, "work", "runs", "latest")
	summary := read(t, dir, "summary.json")

	t.Run("passes, and prints the summary alone", func(t *testing.T) {
		require.JSONEq(t, string(summary), stdout)
		s := decode(t, strings.NewReader(stdout))
		require.Equal(t, "pass", s.Verdict, s.Reasons)
		require.Equal(t, 400, s.Generator.Due)
		require.Equal(t, s.Generator.Due, s.Generator.Sent+s.Generator.Unsent)
	})
	t.Run("the summary is as its schema says", func(t *testing.T) { matchesSchema(t, summary) })
	t.Run("junit has a case an expectation", func(t *testing.T) {
		var suites struct {
			Suites []struct {
				Tests    int `xml:"tests,attr"`
				Failures int `xml:"failures,attr"`
				Cases    []struct {
					Name string `xml:"name,attr"`
				} `xml:"testcase"`
			} `xml:"testsuite"`
		}
		require.NoError(t, xml.Unmarshal(read(t, dir, "junit.xml"), &suites))
		require.Len(t, suites.Suites, 1)
		require.Len(t, suites.Suites[0].Cases, 2)
		require.Equal(t, 2, suites.Suites[0].Tests)
		require.Zero(t, suites.Suites[0].Failures)
	})
	t.Run("replays", func(t *testing.T) {
		require.NotEmpty(t, replay.MachineEvents(readStreams(t, dir)[rundir.Harness], control.MachineName))
		require.Greater(t, replays(t, dir), 1000, "three calls for each of 400 requests, but for those that were lost")
	})
	t.Run("replay notices what was changed", func(t *testing.T) { requireKubernetesDifferences(t, dir) })
	t.Run("reports again the same", func(t *testing.T) {
		before := contents(t, dir)
		code, _, errs := call(t, "", zeroloss, "report", dir)
		require.Equal(t, 0, code, errs)
		require.Equal(t, before, contents(t, dir))
		code, out, errs := call(t, "", zeroloss, "judge", dir, "--format", "json")
		require.Equal(t, 0, code, errs)
		require.Equal(t, string(summary), out)
	})
	t.Run("judges by what the plan then says", func(t *testing.T) { judgesAgainEqually(t, dir) })
	t.Run("leaves nothing but its directory", func(t *testing.T) {
		for _, f := range world.writtenOutside(t) {
			require.True(t, strings.HasPrefix(f, "runs/fast-") || f == "runs/latest", f)
		}
		require.NoDirExists(t, filepath.Join(dir, "tmp"))
		require.NoDirExists(t, filepath.Join(dir, "logs"), "nothing went wrong, so nobody had to complain")
		require.NoFileExists(t, filepath.Join(dir, "lock"))
		portsAreFree(t, dir)
	})
}

// judgesAgainEqually checks that the verdict changes with the expectations in the
// plan.
func judgesAgainEqually(t *testing.T, dir string) {
	for role, want := range map[expect.Role]int{expect.Gate: 1, expect.Contrast: 3, expect.Info: 0} {
		t.Run(string(role), func(t *testing.T) {
			other := t.TempDir()
			require.NoError(t, os.CopyFS(other, os.DirFS(dir)))
			p, err := plan.Decode(read(t, dir, "plan.json"))
			require.NoError(t, err)
			// This expectation is not met: base loses requests.
			none, bad := expect.ParseComparison("0", expect.Count)
			require.Nil(t, bad)
			for i := range p.Expect {
				if p.Expect[i].Arm == "base" {
					p.Expect[i].Role, p.Expect[i].Is = role, none
				}
			}
			b, err := p.JSON()
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(other, "plan.json"), b, 0o600))
			code, out, errs := call(t, "", zeroloss, "judge", other)
			require.Equal(t, want, code, "%s%s", out, errs)
		})
	}
}

// matchesSchema checks that a summary matches the schema that the command prints,
// and that an invalid summary does not.
func matchesSchema(t *testing.T, summary []byte) {
	_, text, _ := call(t, "", zeroloss, "schema", "summary")
	var schema, v map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &schema))
	require.NoError(t, json.Unmarshal(summary, &v))
	require.Empty(t, violations(schema, v, "summary"))
	v["verdict"] = "splendid"
	delete(v, "arms")
	require.Len(t, violations(schema, v, "summary"), 2)
}

// sandbox isolates the files of a test: home, temporary files, working directory
// and the folder of the binary.
type sandbox struct{ home, exe string }

func newSandbox(t *testing.T) sandbox {
	t.Helper()
	home, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	w := sandbox{home: home, exe: filepath.Join(home, "bin", "zeroloss")}
	// The binary has its own folder, so that files next to it are noticed.
	for _, d := range []string{"bin", "tmp", "work"} {
		require.NoError(t, os.Mkdir(filepath.Join(home, d), 0o755))
	}
	require.NoError(t, os.Link(buildBinary(t), w.exe))
	return w
}

// run runs a command in the sandbox, asserts exit code 0 and returns the output.
func (w sandbox) run(t *testing.T, args ...string) string {
	t.Helper()
	cmd := w.command(args...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	require.NoError(t, err, "%s%s", out, errs.String())
	return string(out)
}

func (w sandbox) command(args ...string) *exec.Cmd {
	cmd := exec.Command(w.exe, args...)
	cmd.Dir = filepath.Join(w.home, "work")
	cmd.Env = append(os.Environ(), "HOME="+w.home, "TMPDIR="+filepath.Join(w.home, "tmp"))
	return cmd
}

// writtenOutside asserts that no process is left and no file outside the working
// directory was written. It returns the files in the working directory.
func (w sandbox) writtenOutside(t *testing.T) []string {
	t.Helper()
	require.Empty(t, livingProcesses(t, w.exe), "processes")
	require.Equal(t, []string{"zeroloss"}, w.files(t, "bin"), "beside the binary, where the SDK logs by default")
	require.Empty(t, w.files(t, "tmp"))
	entries, err := os.ReadDir(w.home)
	require.NoError(t, err)
	require.Len(t, entries, 3, "something was put into the home directory")
	return w.files(t, "work")
}

// files lists all files of one folder of the sandbox.
func (w sandbox) files(t *testing.T, folder string) (out []string) {
	t.Helper()
	root := filepath.Join(w.home, folder)
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, relErr := filepath.Rel(root, path)
			out, err = append(out, rel), relErr
		}
		return err
	}))
	return out
}

func read(t *testing.T, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	return b
}

// contents returns the files of a run directory.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	root, err := filepath.EvalSymlinks(dir)
	require.NoError(t, err)
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			b, readErr := os.ReadFile(path)
			out[strings.TrimPrefix(path, root)], err = string(b), readErr
		}
		return err
	}))
	return out
}
