package local_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
	"zeroloss/loadgen/traffic"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/local"
	"zeroloss/scenarios/rundir"
)

// sink keeps what the harness has to tell, and calls watch with it.
type sink struct {
	w      *record.EventWriter
	mu     sync.Mutex
	events []record.Event
	last   run.Progress
	watch  func(record.Event)
}

func (s *sink) Event(e record.Event) error {
	s.mu.Lock()
	s.events = append(s.events, e)
	s.mu.Unlock()
	if s.watch != nil {
		s.watch(e)
	}
	return s.w.Write(e)
}

func (s *sink) Progress(p run.Progress) { s.last = p }

func (s *sink) of(kind record.Kind) []record.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []record.Event
	for _, e := range s.events {
		if e.Kind() == kind {
			out = append(out, e)
		}
	}
	return out
}

func workload(name string, port, replicas int, next string) plan.Workload {
	return plan.Workload{
		Name: name, Role: name, Service: "svc-" + name, Replicas: replicas, Labels: map[string]string{"app": name},
		Settings: settings.Document{
			Schema: settings.Schema, Port: port, Next: next, MSE: settings.MSE{On: true, OfflinePort: 54199},
		},
	}
}

// Not the demo's own ports: a test that waits for them to be free must not
// meet another chain.
const gatewayPort, bPort = 21950, 21952

// small is a second's run: a gateway, and two b of which one is taken out.
func small() *plan.Plan {
	hook := &control.Hook{Exec: []string{"/bin/sh", "-c", "wget http://127.0.0.1:54199/offline 2>/tmp/null; sleep 1; exit 0"}}
	return &plan.Plan{
		Schema: plan.Schema, Scenario: "small", Seed: 1, Speed: 10, Duration: time.Second, Cycles: 1, PushDelay: 500 * time.Millisecond,
		Workloads: []plan.Workload{workload("gateway", gatewayPort, 1, "svc-b"), workload("b", bPort, 2, "")},
		Arms:      []plan.Arm{{Name: "gray", Workloads: []string{"gateway", "b"}}},
		Registry:  plan.Registry{Workload: "nacos-server", Port: 8848},
		Control: control.Config{Seed: 1, Workloads: []control.Workload{
			{Name: "gateway", Replicas: 1, MaxSurge: 1},
			{
				Name: "b", Replicas: 2, MaxSurge: 1, Grace: 5 * time.Second, PreStop: hook,
				Readiness: &control.Probe{TCPPort: bPort, Period: 50 * time.Millisecond},
			},
		}},
		Entry: plan.Entry{Workload: "gateway", Port: gatewayPort},
		Steps: []plan.Step{
			{Name: "in", At: 100 * time.Millisecond, Action: plan.Scale{Workload: "b", Replicas: 1}},
			{Name: "out", After: &plan.After{Source: "gray", Event: string(record.KindOffline), Delay: 50 * time.Millisecond}, Action: plan.Scale{Workload: "b", Replicas: 2}},
			{Name: "crash", At: 700 * time.Millisecond, Action: plan.KillPods{Workload: "gateway", Count: 1}},
		},
		Streams: []traffic.Stream{{
			Name: "base", Arm: "base", Rate: 100, Method: http.MethodGet, Path: "/", Connections: traffic.KeepAlive,
			Timeout: time.Second, Duration: time.Second,
		}},
	}
}

func start(t *testing.T, env ...string) (*rundir.Dir, *sink, run.Runtime) {
	t.Helper()
	t.Chdir(t.TempDir()) // directories are named relatively, as with --out
	dir, err := rundir.Create("run")
	require.NoError(t, err)
	f, err := dir.CreateEvents(rundir.Harness)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, errors.Join(f.Close(), dir.Close())) })
	rt := local.New(local.Options{Dir: dir, Env: append(childEnv(t.TempDir()), env...)})
	return dir, &sink{w: record.NewEventWriter(f)}, rt
}

func TestRun(t *testing.T) {
	dir, out, rt := start(t)
	p := small()
	require.NoError(t, rt.Run(t.Context(), p, out))

	zero := out.of(record.KindTimeZero)
	require.Len(t, zero, 1)
	require.Len(t, out.of(record.KindStep), 3)
	require.Len(t, out.of(record.KindHostStats), 2)
	require.Len(t, out.of(record.KindRunEnd), 1)
	require.Equal(t, record.KindEnd, out.events[len(out.events)-1].Kind())
	require.Empty(t, out.of(record.KindHookFailed))

	victim := out.of(record.KindPodDeleted)[0].Instance
	require.Equal(t, victim, out.of(record.KindHookDone)[0].Instance)
	require.Equal(t, victim, out.of(record.KindTermSent)[0].Instance)
	exit := out.of(record.KindContainerExited)
	i := slices.IndexFunc(exit, func(e record.Event) bool { return e.Instance == victim })
	require.Equal(t, record.ContainerExited{}, exit[i].Payload, exit[i].Text)
	hook, term := out.of(record.KindHookStarted)[0], out.of(record.KindTermSent)[0]
	require.GreaterOrEqual(t, term.At.Sub(hook.At), 100*time.Millisecond, "the hook slept, divided by the speed")

	told := readEvents(t, dir.EventsPath(rundir.EventsName(victim)))
	require.Equal(t, []record.Kind{record.KindStarting, record.KindListening, record.KindRegistered, record.KindOffline, record.KindTermReceived, record.KindEnd}, kinds(told))
	require.Regexp(t, `^127\.`, told[3].Text, "the hook called from the pod's own address")
	require.Greater(t, told[4].At, told[3].At)

	killed := out.of(record.KindKillSent)[0].Instance
	require.NotContains(t, kinds(readEvents(t, dir.EventsPath(rundir.EventsName(killed)))), record.KindEnd)
	require.Equal(t, record.ContainerExited{ExitCode: 137}, exit[slices.IndexFunc(exit, func(e record.Event) bool { return e.Instance == killed })].Payload)
	require.Len(t, out.of(record.KindPodCreated), 5, "a successor for each that went")

	requests := readRequests(t, dir)
	require.Len(t, requests, 100)
	require.Equal(t, zero[0].At, requests[0].Due)
	require.Equal(t, "b", out.of(record.KindScaled)[1].Workload, "the step after an event came")

	require.NoDirExists(t, dir.Join("tmp"))
	require.NoDirExists(t, dir.Join("logs"), "nothing was amiss")
	requireReplay(t, p, out.events)
}

// The control plane's inputs, read from the run directory, give the same
// actions again.
func requireReplay(t *testing.T, p *plan.Plan, events []record.Event) {
	t.Helper()
	var inputs []control.TimedEvent
	var want control.Actions
	for _, e := range events {
		switch step := e.Payload.(type) {
		case record.MachineInput:
			var in control.TimedEvent
			require.NoError(t, json.Unmarshal(step.Data, &in))
			inputs = append(inputs, in)
		case record.MachineOutput:
			var out control.Actions
			require.NoError(t, json.Unmarshal(step.Data, &out))
			want = append(want, out...)
		}
	}
	require.NotEmpty(t, want)
	got, err := control.Replay(p.Control, inputs)
	require.NoError(t, err)
	require.Equal(t, want, control.Actions(got))
}

func kinds(events []record.Event) []record.Kind {
	var out []record.Kind
	for _, e := range events {
		out = append(out, e.Kind())
	}
	return out
}

func readEvents(t *testing.T, path string) []record.Event {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	var out []record.Event
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		var e record.Event
		require.NoError(t, json.Unmarshal(sc.Bytes(), &e))
		out = append(out, e)
	}
	require.NoError(t, sc.Err())
	return out
}

// An httpGet hook comes from the node, so the pod's own port refuses it.
func TestHTTPGetHookIsForbidden(t *testing.T) {
	_, out, rt := start(t)
	p := small()
	p.Steps = p.Steps[:1]
	p.Control.Workloads[1].PreStop = &control.Hook{HTTPGet: &control.HTTPGet{Port: 54199, Path: "/offline"}}
	require.NoError(t, rt.Run(t.Context(), p, out))
	failed := out.of(record.KindHookFailed)
	require.Len(t, failed, 1)
	require.Contains(t, failed[0].Text, "403 Forbidden")
}

func TestInterrupted(t *testing.T) {
	for _, at := range []record.Kind{record.KindPodCreated, record.KindTimeZero, record.KindHookStarted} {
		dir, out, rt := start(t)
		ctx, stop := context.WithCancel(t.Context())
		out.watch = func(e record.Event) {
			if e.Kind() == at {
				stop()
			}
		}
		p := small()
		p.Duration, p.Streams[0].Duration = time.Minute, time.Minute
		err := rt.Run(ctx, p, out)
		require.ErrorIs(t, err, run.ErrInterrupted, "at %s", at)
		require.NotErrorIs(t, err, run.ErrEnvironment, "at %s", at)
		require.Len(t, out.of(record.KindInterrupted), 1)
		require.Empty(t, out.of(record.KindRunEnd))
		require.Equal(t, record.KindEnd, out.events[len(out.events)-1].Kind())
		require.NoDirExists(t, dir.Join("tmp"))
		for _, pid := range pids(t, dir) {
			require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH, "at %s: %d is gone when Run returns", at, pid)
		}
		if at != record.KindPodCreated {
			require.NotNil(t, readRequests(t, dir))
		}
	}
}

// pids are those that the pods have told.
func pids(t *testing.T, dir *rundir.Dir) []int {
	files, err := filepath.Glob(dir.EventsPath("*"))
	require.NoError(t, err)
	var out []int
	for _, f := range files {
		for _, e := range readEvents(t, f) {
			if e.Kind() == record.KindStarting && e.Instance.Pod != rundir.Load {
				pid, err := strconv.Atoi(e.Text)
				require.NoError(t, err)
				out = append(out, pid)
			}
		}
	}
	return out
}

func TestPortTaken(t *testing.T) {
	l, err := net.Listen("tcp", ":0") // on all addresses
	require.NoError(t, err)
	defer l.Close()
	_, out, rt := start(t)
	p := small()
	p.Workloads[1].Settings.Port = l.Addr().(*net.TCPAddr).Port
	err = rt.Run(t.Context(), p, out)
	require.ErrorIs(t, err, run.ErrEnvironment)
	require.ErrorContains(t, err, fmt.Sprintf("port %d is in use; b needs it", p.Workloads[1].Settings.Port))
	require.Empty(t, out.events, "nothing was started")
}

func TestChildThatCannotStart(t *testing.T) {
	dir, err := rundir.Create(filepath.Join(t.TempDir(), "run"))
	require.NoError(t, err)
	defer dir.Close()
	rt := local.New(local.Options{Dir: dir, Executable: "/no/such/program"})
	err = rt.Run(t.Context(), small(), &sink{w: record.NewEventWriter(io.Discard)})
	require.ErrorIs(t, err, run.ErrEnvironment)
	require.ErrorContains(t, err, "/no/such/program")
}

func TestLoadThatFailsIsTheEnvironments(t *testing.T) {
	dir, out, rt := start(t)
	require.NoError(t, os.WriteFile(dir.RequestsPath(""), nil, 0o644)) // a log is never written over
	err := rt.Run(t.Context(), small(), out)
	require.ErrorIs(t, err, run.ErrEnvironment)
	require.ErrorContains(t, err, "file exists (logs/load.log)")
	require.FileExists(t, dir.Join("logs/load.log"))
}

// harness is a run that is going to be killed; it tells time zero and hooks on
// standard output.
func harness(dir string) int {
	d, err := rundir.Create(dir)
	if err == nil {
		var f *os.File
		if f, err = d.CreateEvents(rundir.Harness); err == nil {
			p := small()
			p.Duration, p.Streams[0].Duration = time.Minute, time.Minute
			out := &sink{w: record.NewEventWriter(f), watch: func(e record.Event) { fmt.Println(e.Kind()) }}
			err = local.New(local.Options{Dir: d, Env: childEnv(d.Join("coverage"))}).Run(context.Background(), p, out)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

func readRequests(t *testing.T, dir *rundir.Dir) []record.Request {
	t.Helper()
	f, err := os.Open(dir.RequestsPath(""))
	require.NoError(t, err)
	defer f.Close()
	all, _, err := record.ReadRequests(f)
	require.NoError(t, err)
	return all
}
