package scenarios

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/internal/input"
	"zeroloss/manifests"
	"zeroloss/reports/expect"
)

// teaches is what a scenario is about, and warned of.
var teaches = map[string]string{"grace": "spring-cloud-b "}

// TestTheCatalogue: every file is a scenario that compiles, is called like
// its file, teaches, and has a gate and a contrast.
func TestTheCatalogue(t *testing.T) {
	entries, err := List()
	require.NoError(t, err)
	require.Len(t, entries, len(Names()))
	for _, e := range entries {
		t.Run(e.Name, func(t *testing.T) {
			p, err := Prepare(Request{Scenario: e.Name, Seed: 1})
			require.NoError(t, err)
			require.Equal(t, e.Name, p.Plan.Scenario, "named as its file")
			require.NotEmpty(t, e.Title)
			require.Greater(t, len(e.Description), 200, "its comment teaches")
			require.Equal(t, e.Duration, p.Plan.Duration)
			require.Empty(t, p.Plan.Corrections)
			for _, w := range p.Plan.Warnings {
				require.Contains(t, w.Text, cmp.Or(teaches[e.Name], "nothing"), "what a scenario is warned of it is about")
			}
			roles := map[expect.Role]int{}
			for _, x := range p.Plan.Expect {
				roles[x.Role]++
				require.NotZero(t, x.Line)
			}
			require.NotZero(t, roles[expect.Gate])
			require.NotZero(t, roles[expect.Contrast], "without a power check a pass proves nothing")
			require.LessOrEqual(t, p.Plan.Duration, 150*time.Second, "one can wait for it")
			require.Contains(t, string(p.Scenario), "kind: Scenario")
			require.Regexp(t, `(?m)^# (mse|plain)-demo\.yaml$`, string(p.Manifests))
		})
	}
}

// TestMirror: crossover is offline with its arms changed round, and nothing else.
func TestMirror(t *testing.T) {
	offline, err := Prepare(Request{Scenario: "offline"})
	require.NoError(t, err)
	crossover, err := Prepare(Request{Scenario: "crossover"})
	require.NoError(t, err)
	o, c := offline.Plan.Workloads, crossover.Plan.Workloads
	for i := range o {
		for j := range c {
			if o[i].Name == "spring-cloud-b" && c[j].Name == "spring-cloud-b-gray" || o[i].Name == "spring-cloud-b-gray" && c[j].Name == "spring-cloud-b" {
				require.Equal(t, o[i].Settings.Offline, c[j].Settings.Offline)
				require.Equal(t, offline.Plan.Control.Workloads[i].PreStop, crossover.Plan.Control.Workloads[j].PreStop)
				require.Equal(t, offline.Plan.Control.Workloads[i].Grace, crossover.Plan.Control.Workloads[j].Grace)
			}
		}
	}
	require.Equal(t, offline.Plan.ScheduledJobs, crossover.Plan.ScheduledJobs)
	require.Equal(t, offline.Plan.Streams, crossover.Plan.Streams)
}

func TestOpenHasTheNearestName(t *testing.T) {
	src, err := Open("offline")
	require.NoError(t, err)
	require.Equal(t, "offline.yaml", src.Name)
	for name, want := range map[string]string{
		"ofline": "ofline: is neither a file nor a scenario of the catalogue (did you mean offline?)",
		"sleep":  "sleep: is neither a file nor a scenario of the catalogue (did you mean sleep-only?)",
		"zzz":    "zzz: is neither a file nor a scenario of the catalogue (known: " + strings.Join(Names(), ", ") + ")",
	} {
		_, err := Prepare(Request{Scenario: name})
		require.EqualError(t, err, want)
		require.True(t, input.IsInvalid(err))
	}
}

func TestPrepareAFileBesideItsManifests(t *testing.T) {
	dir := t.TempDir()
	src, err := Open("offline")
	require.NoError(t, err)
	mine := strings.Replace(string(src.Data), "[mse-demo.yaml]", "[mine.yaml]", 1)
	path := filepath.Join(dir, "s.yaml")
	require.NoError(t, os.WriteFile(path, []byte(mine), 0o644))

	_, err = Prepare(Request{Scenario: path})
	require.ErrorContains(t, err, path+":22: manifest "+filepath.Join(dir, "mine.yaml")+": no such file")

	demo, ok := manifests.Open("mse-demo.yaml")
	require.True(t, ok)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "mine.yaml"), demo.Data, 0o644))
	p, err := Prepare(Request{Scenario: path, Set: []string{"time.speed=2", "set.spring-cloud-b.grace=40s"}})
	require.NoError(t, err)
	require.Equal(t, 35*time.Second, p.Plan.Duration)
	require.Equal(t, "offline", p.Plan.Scenario)

	require.NoError(t, os.WriteFile(path, src.Data, 0o644))
	_, err = Prepare(Request{Scenario: path})
	require.NoError(t, err, "what is not beside it is the catalogue's")
}

func TestPrepareBareManifests(t *testing.T) {
	demo, ok := manifests.Open("mse-demo.yaml")
	require.True(t, ok)
	p, err := Prepare(Request{Manifests: []string{"-"}, Stdin: strings.NewReader(string(demo.Data)), Speed: 10})
	require.NoError(t, err)
	require.Equal(t, 10.0, p.Plan.Speed)
	require.Equal(t, 11*time.Second, p.Plan.Duration)
	require.Len(t, p.Plan.Arms, 2)
}

// TestPrepareWrongInput: whatever is wrong is an input's problem, and names it.
func TestPrepareWrongInput(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	cases := map[string]struct {
		request Request
		want    string
	}{
		"a directory":         {Request{Scenario: dir}, dir + ": is a directory"},
		"a missing file":      {Request{Scenario: filepath.Join(dir, "none.yaml")}, "none.yaml: no such file"},
		"an empty file":       {Request{Scenario: write("empty.yaml", "")}, "empty.yaml:1: is empty"},
		"10 MB of nonsense":   {Request{Scenario: write("big.yaml", strings.Repeat("nonsense [{\n", 900_000))}, "big.yaml: is larger than 4 MiB"},
		"3 MB of nonsense":    {Request{Scenario: write("deep.yaml", strings.Repeat("[{", 1_500_000))}, "deep.yaml:1: is not valid YAML"},
		"a manifest":          {Request{Scenario: write("m.yaml", "apiVersion: v1\nkind: Service\n")}, "to run Kubernetes manifests: zeroloss run -f FILE"},
		"binary":              {Request{Scenario: write("bin.yaml", "\x7fELF\x00")}, "is not text"},
		"a bare directory":    {Request{Manifests: []string{dir}}, dir + ": is a directory"},
		"one bare of two":     {Request{Manifests: []string{write("ok.yaml", "a: b\n"), filepath.Join(dir, "none.yaml")}}, "none.yaml: no such file"},
		"a scenario as bare":  {Request{Manifests: []string{write("s.yaml", "apiVersion: zeroloss/v1\nkind: Scenario\n")}}, "s.yaml:2: this is a scenario, not a manifest"},
		"an unreadable --set": {Request{Scenario: "offline", Set: []string{"speed"}}, "--set speed: expected key=value"},
		"a wrong --set":       {Request{Scenario: "offline", Set: []string{"time.speed=fast"}}, `speed must be a number, got "fast"`},
		"a wrong speed":       {Request{Scenario: "offline", Speed: 1e6}, "--speed: speed must be between 0.01 and 100, got 1e+06"},
		"too fast":            {Request{Scenario: "offline", Speed: 50}, "speed 50 is too high"},
		"no stdin":            {Request{Manifests: []string{"-"}}, "standard input is not available"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Prepare(c.request)
			require.ErrorContains(t, err, c.want)
			require.True(t, input.IsInvalid(err), "exit code 2")
		})
	}
}
