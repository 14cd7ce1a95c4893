package run_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
)

// simulation runs a Director in virtual time: containers start at once and
// register after 300 ms, consumers see the whole list 200 ms later, containers
// exit 100 ms after a signal. It starts at an offset of 0.
type simulation struct {
	t        *testing.T
	d        *run.Director
	now      time.Duration
	queue    []timed
	written  []stamped
	loads    []time.Duration // zero of each StartLoad
	stopped  []time.Duration // of each StopLoad
	finished bool

	mute     map[string]bool // workloads that never register
	receives bool            // a consumer receives a list, and does not fill its cache from it
	blind    bool            // consumers see one host too few
	loadFor  time.Duration   // from time zero
	loadErr  error
	deaf     bool // nothing exits
	onFact   func(i record.Instance, workload string)
	rules    []control.SendRules
	comes    map[string]time.Duration // when a workload registers; 300 ms by default
}

type timed struct {
	at time.Duration
	in run.Input
}

type stamped struct {
	at time.Duration
	record.Event
}

func newSimulation(t *testing.T, p *plan.Plan) *simulation {
	d, err := run.NewDirector(p, run.Options{})
	require.NoError(t, err)
	return &simulation{t: t, d: d, mute: map[string]bool{}, loadFor: time.Duration(p.Cycles) * p.Duration}
}

func (h *simulation) later(after time.Duration, in run.Input) {
	h.queue = append(h.queue, timed{h.now + after, in})
	slices.SortStableFunc(h.queue, func(a, b timed) int { return cmp.Compare(a.at, b.at) })
}

func (h *simulation) fact(after time.Duration, e record.Event) {
	h.later(after, run.ObservedEvent{At: h.now + after, Event: e})
}

// play lives until it is over, or until end.
func (h *simulation) play(end time.Duration) {
	if h.now == 0 {
		h.later(0, h.d.Begin())
	}
	for steps := 0; !h.finished; steps++ {
		require.Less(h.t, steps, 100_000, "the director does not come to rest")
		next, ok := h.d.Next()
		switch {
		case len(h.queue) > 0 && h.queue[0].at <= end && (!ok || h.queue[0].at <= next):
			e := h.queue[0]
			h.queue = h.queue[1:]
			h.step(e.at, e.in)
		case ok && next <= end:
			h.step(next, run.Tick{})
		default:
			h.now = end
			return
		}
	}
}

func (h *simulation) step(at time.Duration, in run.Input) {
	h.now = max(h.now, at)
	for _, c := range h.d.Step(h.now, in) {
		switch c := c.(type) {
		case run.WriteEvent:
			h.written = append(h.written, stamped{h.now, c.Event})
		case run.WriteTimeZero:
			h.written = append(h.written, stamped{h.now, record.Event{Payload: record.TimeZero{}}})
		case run.Execute:
			h.execute(c.Action)
		case run.StartLoad:
			h.loads = append(h.loads, c.Zero)
			h.later(c.Zero-h.now+h.loadFor, run.LoadEnded{Err: h.loadErr})
		case run.StopLoad:
			h.stopped = append(h.stopped, h.now)
			h.later(50*time.Millisecond, run.LoadEnded{})
		case run.Finish:
			h.finished = true
		}
	}
}

func (h *simulation) execute(a control.Action) {
	switch a := a.(type) {
	case control.StartContainer:
		h.later(0, run.ControlEvent{Event: control.OutcomeOf(a, nil)})
		if !h.mute[a.Workload] {
			h.fact(cmp.Or(h.comes[a.Workload], 300*time.Millisecond), record.Event{Payload: record.Registered{}, Instance: a.Pod})
		}
		if a.Workload == "gateway" {
			n := 2
			if h.blind {
				n--
			}
			var list record.Payload = record.ListChanged{Hosts: make([]record.ListedHost, n)}
			if h.receives {
				list = record.ListReceived{Hosts: n}
			}
			h.fact(500*time.Millisecond, record.Event{Instance: a.Pod, Service: "svc-b", Payload: list})
		}
		if h.onFact != nil {
			h.onFact(a.Pod, a.Workload)
		}
	case control.SendRules:
		h.rules = append(h.rules, a)
		h.later(0, run.ControlEvent{Event: control.OutcomeOf(a, nil)})
	case control.SendSignal:
		if !h.deaf {
			h.later(100*time.Millisecond, run.ControlEvent{Event: control.ContainerExited{Pod: a.Pod}})
		}
	default: // the plane does not wait for the outcome
	}
}

func (h *simulation) of(kind record.Kind) []time.Duration {
	out := []time.Duration{}
	for _, e := range h.written {
		if e.Kind() == kind {
			out = append(out, e.at)
		}
	}
	return out
}

func ms(n ...int) []time.Duration {
	out := []time.Duration{}
	for _, x := range n {
		out = append(out, time.Duration(x)*time.Millisecond)
	}
	return out
}

func chain(steps ...plan.Step) *plan.Plan {
	up := control.Workload{Replicas: 1, MaxSurge: 1}
	gateway, b := up, up
	gateway.Name, b.Name, b.Replicas = "gateway", "b", 2
	return &plan.Plan{
		Scenario: "small", Duration: 10 * time.Second, Cycles: 1, Steps: steps,
		Arms: []plan.Arm{{Name: "gray", Tag: "gray", Workloads: []string{"gateway", "b"}}},
		Workloads: []plan.Workload{
			{Name: "gateway", Service: "svc-gateway", Replicas: 1, Settings: settings.Document{Next: "svc-b"}},
			{Name: "b", Service: "svc-b", Tag: "gray", Replicas: 2},
		},
		Control: control.Config{Workloads: []control.Workload{gateway, b}},
	}
}

// Up after 500 ms; zero half a second later.
const zero = 1000

func TestCourseOfARun(t *testing.T) {
	h := newSimulation(t, chain(
		plan.Step{Name: "in", At: 2 * time.Second, Action: plan.Scale{Workload: "b", Replicas: 1}},
		plan.Step{Name: "roll", At: 4 * time.Second, Action: plan.RolloutRestart{Workload: "b"}},
		plan.Step{Name: "crash", At: 6 * time.Second, Action: plan.KillPods{Workload: "gateway", Count: 1}},
	))
	h.play(time.Hour)
	require.True(t, h.finished)
	require.NoError(t, h.d.Err())
	require.Equal(t, ms(zero), h.loads)
	require.Equal(t, ms(zero), h.of(record.KindTimeZero))
	require.Equal(t, ms(zero+2000, zero+4000, zero+6000), h.of(record.KindStep))
	require.Equal(t, ms(zero+2000, zero+4000), h.of(record.KindPodDeleted))
	require.Equal(t, ms(zero+6000), h.of(record.KindKillSent))
	require.Equal(t, ms(zero+10_100), h.of(record.KindRunEnd), "all have gone")
	require.Empty(t, h.of(record.KindInterrupted))
	require.Empty(t, h.stopped)
	require.Equal(t, record.KindEnd, h.written[len(h.written)-1].Kind())
	_, ok := h.d.Next()
	require.False(t, ok)
}

func TestWhoIsMissing(t *testing.T) {
	tests := map[string]func(h *simulation){
		"is not registered":              func(h *simulation) { h.mute["b"] = true },
		"sees 1 of 2 instances of svc-b": func(h *simulation) { h.blind = true },
	}
	for want, spoil := range tests {
		h := newSimulation(t, chain())
		spoil(h)
		h.play(14 * time.Second)
		require.NotEmpty(t, h.d.Missing())
		h.play(time.Hour)
		require.True(t, h.finished)
		require.ErrorIs(t, h.d.Err(), run.ErrEnvironment)
		require.ErrorContains(t, h.d.Err(), "pods not ready after 15s")
		require.ErrorContains(t, h.d.Err(), want)
		require.Empty(t, h.loads)
		require.Empty(t, h.of(record.KindRunEnd))
	}
}

// A cache that only a call fills is empty until there is load: what its client has
// heard is enough.
func TestALazyCacheIsNotWaitedFor(t *testing.T) {
	h := newSimulation(t, chain())
	h.receives = true
	h.play(time.Hour)
	require.NoError(t, h.d.Err())
	require.Len(t, h.loads, 1)
}

// A probe that has not passed holds time zero back, but not for ever.
func TestUnreadyPodsAreWaitedForNotInsistedOn(t *testing.T) {
	p := chain()
	p.Control.Workloads[1].Readiness = &control.Probe{TCPPort: 1, Period: time.Second} // nobody answers here
	h := newSimulation(t, p)
	h.play(time.Hour)
	require.NoError(t, h.d.Err())
	require.Equal(t, ms(15_500), h.loads)
}

func TestStepAfterAnEvent(t *testing.T) {
	for _, name := range []string{"b", "gray"} {
		h := newSimulation(t, chain(plan.Step{
			Name: "then", After: &plan.After{Source: name, Event: string(record.KindDeregistered), Delay: 200 * time.Millisecond},
			Action: plan.Scale{Workload: "b", Replicas: 0},
		}))
		told := func(at int, i record.Instance) {
			h.fact(time.Duration(at)*time.Millisecond, record.Event{Payload: record.Deregistered{}, Instance: i})
		}
		h.onFact = func(i record.Instance, workload string) {
			switch workload {
			case "b":
				told(700, i)       // before time zero: not of this cycle
				told(zero+3000, i) // this one
				told(zero+3500, i) // once is enough
			default:
				told(zero+1000, i) // somebody else's
			}
		}
		h.play(time.Hour)
		require.NoError(t, h.d.Err())
		require.Equal(t, ms(zero+3200), h.of(record.KindStep), name)
		require.Len(t, h.of(record.KindPodDeleted), 2)
	}
}

// TestRuleStep: the pods that the rules are for are told, and no others.
func TestRuleStep(t *testing.T) {
	p := chain(plan.Step{Name: "rule b", At: time.Second, Action: plan.ApplyRules{Version: 2}})
	p.Rules = []plan.RuleSet{{Version: 2, Online: map[string]settings.Online{"b": {}}}}
	h := newSimulation(t, p)
	h.play(time.Hour)
	require.NoError(t, h.d.Err())
	require.Equal(t, ms(zero+1000), h.of(record.KindStep))
	require.Len(t, h.rules, 2)
	for _, a := range h.rules {
		require.Equal(t, []any{"b", 2}, []any{a.Workload, a.Version})
	}
}

// TestTemplateSteps: what a new image, a pause and a resume make of the pods is
// the control plane's to decide; the steps reach it.
func TestTemplateSteps(t *testing.T) {
	h := newSimulation(t, chain(
		plan.Step{Name: "pause b", At: time.Second, Action: plan.PauseRollout{Workload: "b"}},
		plan.Step{Name: "image b", At: 2 * time.Second, Action: plan.SetImage{Workload: "b", Image: "b:2"}},
		plan.Step{Name: "resume b", At: 4 * time.Second, Action: plan.ResumeRollout{Workload: "b"}},
	))
	h.play(time.Hour)
	require.NoError(t, h.d.Err())
	require.Equal(t, ms(zero+1000, zero+2000, zero+4000), h.of(record.KindStep))
	require.Equal(t, time.Duration(zero+4000)*time.Millisecond, h.of(record.KindPodDeleted)[0], "nothing is rolled out before")
}

// TestADrainNeedsNodes: a machine's own processes have none, and a cluster's
// plane is told.
func TestADrainNeedsNodes(t *testing.T) {
	p := chain(plan.Step{Name: "drain b", At: time.Second, Action: plan.DrainNode{Workload: "b"}})
	_, err := run.NewDirector(p, run.Options{})
	require.ErrorContains(t, err, "a step drains a node, and processes of this machine have none")
	plane, err := control.NewObservedCluster(p.Control)
	require.NoError(t, err)
	_, err = run.NewDirector(p, run.Options{ControlPlane: plane})
	require.NoError(t, err)
}

// TestTimeZeroWaitsForADelay that the plan itself asks for.
func TestTimeZeroWaitsForADelay(t *testing.T) {
	for cold, want := range map[bool]int{false: 0, true: 1} {
		p := chain()
		p.Workloads[1].ColdStart = cold
		p.Workloads[1].Settings.Online.Delay = 20 * time.Second
		h := newSimulation(t, p)
		h.comes = map[string]time.Duration{"b": 21 * time.Second}
		h.play(time.Hour)
		require.Len(t, h.of(record.KindTimeZero), want)
	}
}

func TestCycles(t *testing.T) {
	p := chain(
		plan.Step{Name: "in", At: time.Second, Action: plan.Scale{Workload: "b", Replicas: 1}},
		plan.Step{Name: "out", At: 5 * time.Second, Action: plan.Scale{Workload: "b", Replicas: 2}},
	)
	p.Cycles = 3
	p.Control.ClockStart = time.Date(2026, 1, 1, 0, 4, 57, 0, time.UTC)
	p.Control.Jobs = []control.CronJob{{Autoscaler: "b", Name: "x", Workload: "b", Schedule: "0 0/5 * * * *", TargetSize: 1}}
	h := newSimulation(t, p)
	h.play(time.Hour)
	require.NoError(t, h.d.Err())
	require.Equal(t, ms(zero+1000, zero+5000, zero+11_000, zero+15_000, zero+21_000, zero+25_000), h.of(record.KindStep))
	require.Equal(t, ms(zero+3000, zero+13_000, zero+23_000), h.of(record.KindCronFired), "the clock is set back")
	require.Equal(t, ms(zero+30_100), h.of(record.KindRunEnd))
	require.Len(t, h.of(record.KindPodDeleted), 3)
}

func TestStops(t *testing.T) {
	why := fmt.Errorf("%w: Ctrl-C", run.ErrInterrupted)
	for _, at := range []int{0, 100, 700, zero + 4000} {
		h := newSimulation(t, chain())
		h.later(time.Duration(at)*time.Millisecond, run.Stop{Err: why})
		h.play(time.Hour)
		require.True(t, h.finished)
		require.ErrorIs(t, h.d.Err(), run.ErrInterrupted)
		require.Len(t, h.of(record.KindInterrupted), 1)
		require.Empty(t, h.of(record.KindRunEnd))
		require.Equal(t, at > 500, len(h.stopped) == 1, "the load is stopped if it was started")
		require.LessOrEqual(t, h.now, time.Duration(at)*time.Millisecond+3*time.Second)
	}
}

// Children that neither TERM nor KILL moves do not keep the run from ending.
func TestDeafChildren(t *testing.T) {
	h := newSimulation(t, chain())
	h.deaf = true
	h.play(time.Hour)
	require.True(t, h.finished)
	require.Len(t, h.of(record.KindKillSent), 3)
}

func TestLoadThatFails(t *testing.T) {
	tests := []struct {
		name    string
		loadFor time.Duration
		err     error
		want    string
		end     int
	}{
		{"it fails", 3 * time.Second, errors.New("no descriptors"), "no descriptors", zero + 3100},
		{"it ends before time zero", -100 * time.Millisecond, nil, "ended before time zero", zero},
		{"it never ends", time.Hour, nil, "did not end within 10s of its last request", zero + 20_100},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newSimulation(t, chain())
			h.loadFor, h.loadErr = tt.loadFor, tt.err
			h.play(2 * time.Hour)
			require.ErrorIs(t, h.d.Err(), run.ErrEnvironment)
			require.ErrorContains(t, h.d.Err(), tt.want)
			require.Equal(t, ms(tt.end)[0], h.now)
		})
	}
}

// A load that ends early has sent all it had to; the run goes on to its end.
func TestLoadMayBeShorter(t *testing.T) {
	h := newSimulation(t, chain())
	h.loadFor = time.Second
	h.play(time.Hour)
	require.NoError(t, h.d.Err())
	require.Equal(t, ms(zero+10_100), h.of(record.KindRunEnd))
}

func TestUnknownStepEndsTheRun(t *testing.T) {
	h := newSimulation(t, chain(plan.Step{Name: "boom"}))
	h.play(time.Hour)
	require.ErrorContains(t, h.d.Err(), `carrying out step "boom": unknown action`)
}

func TestDirectorRefusesABadPlan(t *testing.T) {
	p := chain()
	p.Control.Workloads[0].MaxSurge = 0
	_, err := run.NewDirector(p, run.Options{})
	require.ErrorContains(t, err, `directing "small"`)
}

// What is written down lets the control plane be replayed.
func TestReplayFromEvents(t *testing.T) {
	p := chain(plan.Step{Name: "in", At: 2 * time.Second, Action: plan.Scale{Workload: "b", Replicas: 1}})
	h := newSimulation(t, p)
	h.play(time.Hour)
	var inputs []control.TimedEvent
	var want control.Actions
	for _, e := range h.written {
		switch step := e.Payload.(type) {
		case record.MachineInput:
			var in control.TimedEvent
			require.NoError(t, json.Unmarshal(step.Data, &in))
			inputs = append(inputs, in)
		case record.MachineOutput:
			require.Equal(t, control.MachineName, step.Machine)
			var out control.Actions
			require.NoError(t, json.Unmarshal(step.Data, &out))
			want = append(want, out...)
		}
	}
	got, err := control.Replay(p.Control, inputs)
	require.NoError(t, err)
	require.Equal(t, want, control.Actions(got))
}

// TestEndsBeforeItsTime: a load that is ended on purpose is the whole account:
// no step comes after it, and the run has an end of its own.
func TestEndsBeforeItsTime(t *testing.T) {
	for _, kind := range []record.Kind{record.KindConcluded, record.KindAborted} {
		h := newSimulation(t, chain(plan.Step{Name: "late", At: 6 * time.Second, Action: plan.RolloutRestart{Workload: "b"}}))
		for range 2 { // the second one changes nothing
			h.later((zero+4000)*time.Millisecond, run.EndLoad{Payload: record.ZeroPayload(kind), Why: "enough"})
		}
		h.play(time.Hour)
		require.True(t, h.finished)
		require.NoError(t, h.d.Err())
		require.Equal(t, ms(zero+4000), h.of(kind))
		require.Equal(t, ms(zero+4000), h.stopped)
		require.Empty(t, h.of(record.KindStep))
		require.Empty(t, h.of(record.KindInterrupted))
		require.Equal(t, ms(zero+4150), h.of(record.KindRunEnd), "the load has closed its log, and all have gone")
	}
	// Before there is a load there is nothing to end.
	h := newSimulation(t, chain())
	h.later(100*time.Millisecond, run.EndLoad{Payload: record.Concluded{}})
	h.play(time.Hour)
	require.Equal(t, ms(zero+10_100), h.of(record.KindRunEnd))
	require.Empty(t, h.of(record.KindConcluded))
}
