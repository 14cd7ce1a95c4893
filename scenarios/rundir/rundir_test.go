package rundir

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
	"zeroloss/scenarios/plan"
)

func TestCreateRefusesWhatIsInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run")
	d, err := Create(path)
	require.NoError(t, err)
	_, err = Create(path)
	require.ErrorIs(t, err, ErrInUse, "its owner lives")
	require.NoError(t, d.WriteMeta(Meta{Scenario: "offline"}))
	_, err = Create(path)
	require.ErrorIs(t, err, ErrNotEmpty)
	require.NoError(t, d.Close())
	require.NoError(t, d.Close(), "a second time is nothing")
	require.NoFileExists(t, d.Join(LockFile))
	_, err = Create(path)
	require.ErrorIs(t, err, ErrNotEmpty)
}

func TestCreateTakesOverALockOfTheDead(t *testing.T) {
	path := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(path, LockFile), []byte("4194000\n"), 0o644))
	d, err := Create(path)
	require.NoError(t, err)
	require.NoError(t, d.Close())
}

func TestLatest(t *testing.T) {
	runs := t.TempDir()
	for _, name := range []string{"one", "two"} {
		require.NoError(t, Latest(filepath.Join(runs, name)))
		to, err := os.Readlink(filepath.Join(runs, "latest"))
		require.NoError(t, err)
		require.Equal(t, name, to)
	}
	other := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(other, "latest"), 0o755))
	require.ErrorContains(t, Latest(filepath.Join(other, "one")), "is not a symbolic link")
}

func TestEventsName(t *testing.T) {
	i := record.Instance{Pod: "spring.cloud-b-7c9f-1", Incarnation: 2}
	got, ok := parseEventsName(EventsName(i))
	require.True(t, ok)
	require.Equal(t, i, got)
	for _, name := range []string{Harness, Load, RegistryServer, "a.b", ".1", "a.0"} {
		_, ok := parseEventsName(name)
		require.False(t, ok, name)
	}
}

var update = flag.Bool("update", false, "write the fixtures of testdata again")

// fixtures are the run directories in testdata, made by code: what is read
// below is what an earlier version wrote.
func fixtures() map[string]func(t *testing.T, d *Dir) {
	b1 := record.Instance{Pod: "spring-cloud-b-1", Incarnation: 1}
	whole := func(t *testing.T, d *Dir, last record.Kind, lose bool) {
		require.NoError(t, d.WriteMeta(Meta{Version: "test", Scenario: "fixture", Runtime: "local", Seed: 1, Speed: 1, ZeroMicros: 1_000_000}))
		require.NoError(t, d.WritePlan(&plan.Plan{
			Schema: plan.Schema, Scenario: "fixture", Workloads: []plan.Workload{{Name: "spring-cloud-b"}},
			Streams: []traffic.Stream{{Name: "base", Arm: "base", Rate: 100, Duration: 20e6}},
		}))
		writeEvents(t, d, EventsName(b1),
			record.Event{At: 500_000, Payload: record.Listening{}, Instance: b1},
			record.Event{At: 1_100_000, Payload: record.ZeroPayload(last), Instance: b1})
		writeEvents(t, d, Harness,
			record.Event{At: 400_000, Payload: record.ContainerStarted{}, Instance: b1, Workload: "spring-cloud-b"},
			record.Event{At: 1_000_000, Payload: record.TimeZero{}},
			record.Event{At: 1_200_000, Payload: record.RunEnd{}},
			record.Event{At: 1_200_001, Payload: record.End{}})
		writeEvents(t, d, Load,
			record.Event{At: 1_020_000, Payload: record.LoadEnd{}},
			record.Event{At: 1_020_001, Payload: record.End{}})
		writeEvents(t, d, RegistryServer, record.Event{At: 1_200_000, Payload: record.End{}})
		f, err := os.Create(d.RequestsPath(""))
		require.NoError(t, err)
		w, err := record.NewRequestWriter(f)
		require.NoError(t, err)
		for seq := range uint64(2) {
			r := record.Request{Stream: "base", Seq: seq, Due: 1_000_000 + record.Micros(seq)*10_000}
			r.Sent, r.FirstByte, r.Done, r.Status = r.Due+10, r.Due+900, r.Due+1000, 200
			if lose && seq == 1 {
				r.FirstByte, r.Status, r.Class = 0, 0, record.Refused
			}
			require.NoError(t, w.Append(&r))
			require.NoError(t, w.Flush())
		}
		require.NoError(t, w.Close())
		require.NoError(t, f.Close())
	}
	return map[string]func(t *testing.T, d *Dir){
		"clean": func(t *testing.T, d *Dir) { whole(t, d, record.KindEnd, false) },
		"lossy": func(t *testing.T, d *Dir) { whole(t, d, record.KindEnd, true) },
		"torn": func(t *testing.T, d *Dir) {
			whole(t, d, record.KindDeregistered, false)
			cut(t, d.RequestsPath(""), 20)
			cut(t, d.EventsPath(Harness), 50)
		},
		"newer": func(t *testing.T, d *Dir) {
			whole(t, d, record.KindEnd, false)
			require.NoError(t, d.WriteFile(MetaFile, []byte(`{"schema": "zeroloss.meta/v2", "zero": {"at": "elsewhere"}}`+"\n")))
		},
	}
}

func writeEvents(t *testing.T, d *Dir, name string, events ...record.Event) {
	t.Helper()
	f, err := d.CreateEvents(name)
	require.NoError(t, err)
	w := record.NewEventWriter(f)
	for _, e := range events {
		require.NoError(t, w.Write(e))
	}
	require.NoError(t, f.Close())
}

func cut(t *testing.T, path string, bytes int64) {
	t.Helper()
	fi, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(path, fi.Size()-bytes))
}

func TestFixtures(t *testing.T) {
	for name, write := range fixtures() {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join("testdata", name)
			if *update {
				require.NoError(t, os.RemoveAll(dir))
				d, err := Create(dir)
				require.NoError(t, err)
				write(t, d)
				require.NoError(t, d.Close())
			}
			r, err := Open(dir)
			if name == "newer" {
				require.ErrorIs(t, err, ErrOtherVersion)
				require.ErrorContains(t, err, "zeroloss.meta/v2")
				return
			}
			require.NoError(t, err)
			require.Equal(t, "fixture", r.Meta.Scenario)
			require.Equal(t, "fixture", r.Plan.Scenario)
			require.Equal(t, record.Micros(1_000_000), r.Zero)
			if name == "torn" {
				require.True(t, r.Interrupted)
				require.Zero(t, r.End)
				require.Len(t, r.Requests, 1, "the frame before the torn one")
				require.Len(t, r.Torn, 2)
				require.Contains(t, r.Torn[0], "requests.log")
				require.Contains(t, r.Torn[1], "harness")
				require.Contains(t, r.Incomplete["spring-cloud-b-1/1"], "deregistered")
				return
			}
			require.False(t, r.Interrupted)
			require.Empty(t, r.Torn)
			require.Empty(t, r.Incomplete)
			require.Len(t, r.Requests, 2)
			require.Equal(t, name == "lossy", r.Requests[1].Class == record.Refused)
			require.Equal(t, record.Micros(1_200_000), r.End)
			for i := 1; i < len(r.Events); i++ {
				require.LessOrEqual(t, r.Events[i-1].At, r.Events[i].At)
			}
		})
	}
}

// made is a fixture written into a fresh directory and then spoilt.
func made(t *testing.T, name string, spoil func(d *Dir)) string {
	t.Helper()
	d, err := Create(filepath.Join(t.TempDir(), "run [1]"))
	require.NoError(t, err)
	fixtures()[name](t, d)
	spoil(d)
	require.NoError(t, d.Close())
	return d.Path()
}

func TestOpenRefuses(t *testing.T) {
	empty := t.TempDir()
	file := filepath.Join(empty, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	write := func(name, text string) string {
		return made(t, "clean", func(d *Dir) { require.NoError(t, d.WriteFile(name, []byte(text))) })
	}
	unborn := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(unborn, LockFile), nil, 0o644))
	for what, c := range map[string]struct {
		dir  string
		want error
		says string
	}{
		"killed at birth":         {unborn, ErrNoRun, "killed before it began"},
		"nothing there":           {filepath.Join(empty, "none"), ErrNotFound, "none"},
		"a file":                  {file, ErrNoRun, "it is a file"},
		"an empty folder":         {t.TempDir(), ErrNoRun, "meta.json"},
		"empty meta":              {write(MetaFile, ""), ErrTruncated, "0 bytes"},
		"half a meta":             {write(MetaFile, `{"schema": "zeroloss.me`), ErrTruncated, MetaFile},
		"no json":                 {write(MetaFile, "hello\n"), ErrNoRun, MetaFile},
		"other schema":            {write(MetaFile, `{"schema": "other/v1"}`), ErrNoRun, "other/v1"},
		"half a plan":             {write(PlanFile, `{"schema": "zeroloss.plan/v2", "arms": [`), ErrTruncated, PlanFile},
		"older plan":              {write(PlanFile, `{"schema": "zeroloss.plan/v1"}`), ErrOtherVersion, "zeroloss.plan/v1"},
		"newer plan":              {write(PlanFile, `{"schema": "zeroloss.plan/v7"}`), ErrOtherVersion, "v7"},
		"plan with another field": {write(PlanFile, `{"schema": "zeroloss.plan/v2", "firings": []}`), ErrNoRun, "firings"},
		"wrong plan":              {write(PlanFile, `{"schema": "zeroloss.plan/v2", "arms": 3}`), ErrNoRun, PlanFile},
		"newer log":               {write(RequestsFile, "zlrq\x63\x00\x00\x00"), ErrOtherVersion, RequestsFile},
	} {
		t.Run(what, func(t *testing.T) {
			_, err := Open(c.dir)
			require.ErrorIs(t, err, c.want)
			require.ErrorContains(t, err, c.says)
		})
	}
}

// A stream of events that is missing, without an end or partly unreadable must
// never look like a quiet one.
func TestOpenTellsOfEventsThatAreMissing(t *testing.T) {
	const b1 = "spring-cloud-b-1.1"
	rewrite := func(name string, change func([]byte) []byte) func(d *Dir) {
		return func(d *Dir) {
			b, err := os.ReadFile(d.EventsPath(name))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(d.EventsPath(name), change(b), 0o644))
		}
	}
	remove := func(name string) func(d *Dir) {
		return func(d *Dir) { require.NoError(t, os.Remove(d.EventsPath(name))) }
	}
	empty := func([]byte) []byte { return nil }
	noEnd := func(b []byte) []byte { return b[:bytes.LastIndexByte(b[:len(b)-1], '\n')+1] }
	mangled := func(b []byte) []byte { b[0] = '['; return b }
	for what, c := range map[string]struct {
		spoil func(d *Dir)
		says  string
	}{
		"no load":           {remove(Load), "when the load ended"},
		"empty load":        {rewrite(Load, empty), "when the load ended"},
		"load without end":  {rewrite(Load, noEnd), "load.ndjson: has no end"},
		"unreadable load":   {rewrite(Load, mangled), "1 line (42 bytes)"},
		"no registry":       {remove(RegistryServer), "registry.ndjson: missing"},
		"empty registry":    {rewrite(RegistryServer, empty), "registry.ndjson: has no end"},
		"harness, no end":   {rewrite(Harness, noEnd), "harness.ndjson: has no end"},
		"unreadable line":   {rewrite(b1, mangled), "spring-cloud-b-1/1: 1 line"},
		"instance, no end":  {rewrite(b1, noEnd), "spring-cloud-b-1/1: its events have no end"},
		"instance, nothing": {rewrite(b1, empty), "spring-cloud-b-1/1: it wrote no event"},
	} {
		t.Run(what, func(t *testing.T) {
			r, err := Open(made(t, "clean", c.spoil))
			require.NoError(t, err)
			problems := r.Torn
			for i, why := range r.Incomplete {
				problems = append(problems, i+": "+why)
			}
			require.Contains(t, strings.Join(problems, "\n"), c.says)
		})
	}

	// A registry that is not ours writes nothing here.
	r, err := Open(made(t, "clean", func(d *Dir) {
		remove(RegistryServer)(d)
		require.NoError(t, d.WriteMeta(Meta{Scenario: "fixture", Runtime: "kube", ZeroMicros: 1_000_000}))
	}))
	require.NoError(t, err)
	require.Empty(t, r.Torn)
}

func TestOpenTellsWhatIsMissing(t *testing.T) {
	r, err := Open(made(t, "clean", func(d *Dir) { require.NoError(t, os.Remove(d.Join(RequestsFile))) }))
	require.NoError(t, err)
	require.Contains(t, r.Torn[0], "missing")

	r, err = Open(made(t, "clean", func(d *Dir) { require.NoError(t, d.WriteFile(RequestsFile, []byte("nonsense"))) }))
	require.NoError(t, err)
	require.NotEmpty(t, r.Torn)

	r, err = Open(made(t, "clean", func(d *Dir) {
		require.NoError(t, os.Remove(d.EventsPath("spring-cloud-b-1.1")))
	}))
	require.NoError(t, err)
	require.Contains(t, r.Incomplete["spring-cloud-b-1/1"], "no events")
}

func TestAKillThatTheHarnessToldClosesAStream(t *testing.T) {
	i := record.Instance{Pod: "spring-cloud-b-1", Incarnation: 1}
	for _, at := range []record.Instance{i, {Pod: "spring-cloud-b-1", Incarnation: 2}} {
		r, err := Open(made(t, "clean", func(d *Dir) {
			cut(t, d.EventsPath(EventsName(i)), 5)
			writeEvents(t, d, Harness, record.Event{At: 1_050_000, Payload: record.KillSent{}, Instance: at})
		}))
		require.NoError(t, err)
		require.Equal(t, at == i, len(r.Incomplete) == 0, at)
	}
}

func TestSeveralRequestLogs(t *testing.T) {
	r, err := Open(made(t, "clean", func(d *Dir) {
		b, err := os.ReadFile(d.RequestsPath(""))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(d.RequestsPath("second"), b, 0o644))
	}))
	require.NoError(t, err)
	require.Len(t, r.Requests, 4)
}

// TestALoadThatWasEndedOnPurposeIsNotInterrupted: the generator says that it was
// broken off, and the harness that it had asked for that.
func TestALoadThatWasEndedOnPurposeIsNotInterrupted(t *testing.T) {
	broken := record.Event{At: 3, Instance: record.Instance{Pod: Load, Incarnation: 1}, Payload: record.Interrupted{}}
	end := record.Event{At: 9, Payload: record.RunEnd{}}
	for name, c := range map[string]struct {
		events []record.Event
		want   bool
	}{
		"to its end":                {[]record.Event{end}, false},
		"broken off":                {[]record.Event{broken, end}, true},
		"concluded":                 {[]record.Event{{At: 2, Payload: record.Concluded{}}, broken, end}, false},
		"aborted, its clock behind": {[]record.Event{broken, {At: 4, Payload: record.Aborted{}}, end}, false},
		"and then Ctrl-C":           {[]record.Event{{At: 2, Payload: record.Concluded{}}, broken, {At: 5, Payload: record.Interrupted{}}}, true},
		"and then kill -9":          {[]record.Event{{At: 2, Payload: record.Concluded{}}, broken}, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := &Run{Events: c.events}
			r.findBounds()
			require.Equal(t, c.want, r.Interrupted)
		})
	}
}

// TestOpenReportsEventsThatCannotBeTrusted: an event of an unknown kind, and a
// file whose lines are there twice, make the record torn.
func TestOpenReportsEventsThatCannotBeTrusted(t *testing.T) {
	for name, c := range map[string]struct {
		change func(lines string) string
		want   string
	}{
		"unknown kind": {
			func(lines string) string {
				return strings.Replace(lines, `"kind":"load-end"`, `"kind":"load-ended"`, 1)
			},
			`1 event of a kind that this version does not know, such as "load-ended"`,
		},
		"twice": {func(lines string) string { return lines + lines }, "it ends 2 times"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.CopyFS(dir, os.DirFS("testdata/clean")))
			file := filepath.Join(dir, EventsDir, "load"+eventsExt)
			b, err := os.ReadFile(file)
			require.NoError(t, err)
			changed := c.change(string(b))
			require.NotEqual(t, string(b), changed)
			require.NoError(t, os.WriteFile(file, []byte(changed), 0o600))
			r, err := Open(dir)
			require.NoError(t, err)
			require.Contains(t, strings.Join(r.Torn, "\n"), c.want)
		})
	}
}
