package control_test

import (
	"cmp"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
)

// simulator executes a plane's actions in virtual time. Its zero value, but for
// the plane, starts containers at once, passes every probe, runs hooks for
// hookFor and lets containers exit exitAfter their TERM.
type simulator struct {
	t     *testing.T
	plane *control.SimulatedControlPlane
	now   time.Duration
	queue []control.TimedEvent // by time

	hookFor   time.Duration
	hookErr   string
	exitAfter time.Duration
	deaf      bool // TERM and INT are ignored
	lose      func(control.Action) bool
	probe     func(control.RunProbe, time.Duration) bool // nil: passes

	inputs  []control.TimedEvent
	actions []control.Action
	notes   []stamped
	alive   map[record.Instance]bool
	check   func() // after each step
}

type stamped struct {
	at time.Duration
	record.Event
}

func newSimulator(t *testing.T, cfg control.Config) *simulator {
	p, err := control.NewSimulatedControlPlane(cfg)
	require.NoError(t, err)
	return &simulator{t: t, plane: p, alive: map[record.Instance]bool{}}
}

func (w *simulator) at(t time.Duration, e control.Event) {
	w.queue = append(w.queue, control.TimedEvent{At: t, Event: e})
	slices.SortStableFunc(w.queue, func(a, b control.TimedEvent) int { return cmp.Compare(a.At, b.At) })
}

// run lives until end.
func (w *simulator) run(end time.Duration) {
	for steps := 0; ; steps++ {
		require.Less(w.t, steps, 200_000, "the plane does not come to rest")
		next, ok := w.plane.Next()
		switch {
		case len(w.queue) > 0 && w.queue[0].At <= end && (!ok || w.queue[0].At <= next):
			e := w.queue[0]
			w.queue = w.queue[1:]
			w.step(e.At, e.Event)
		case ok && next <= end:
			w.step(next, control.Tick{})
		default:
			w.now = end
			return
		}
	}
}

func (w *simulator) step(now time.Duration, e control.Event) {
	w.now = max(w.now, now)
	if e, ok := e.(control.ContainerExited); ok {
		if !w.alive[e.Pod] {
			return // it was killed meanwhile
		}
		delete(w.alive, e.Pod)
	}
	w.inputs = append(w.inputs, control.TimedEvent{At: w.now, Event: e})
	for _, a := range w.plane.Step(w.now, e) {
		w.actions = append(w.actions, a)
		w.execute(a)
	}
	if w.check != nil {
		w.check()
	}
}

func (w *simulator) execute(a control.Action) {
	if note, ok := a.(control.RecordEvent); ok {
		w.notes = append(w.notes, stamped{w.now, note.Event})
		return
	}
	if w.lose != nil && w.lose(a) {
		return
	}
	switch a := a.(type) {
	case control.StartContainer:
		w.alive[a.Pod] = true
		w.at(w.now, control.OutcomeOf(a, nil))
	case control.RunHook:
		var err error
		if w.hookErr != "" {
			err = errors.New(w.hookErr)
		}
		w.at(w.now+w.hookFor, control.OutcomeOf(a, err))
	case control.RunProbe:
		e := control.OutcomeOf(a, nil).(control.ProbeFinished)
		e.Success = w.probe == nil || w.probe(a, w.now)
		w.at(w.now, e)
	case control.SendSignal:
		w.signal(a)
	default: // the plane does not wait for the outcome
	}
}

func (w *simulator) signal(a control.SendSignal) {
	if a.Signal != control.SignalKill && w.deaf {
		return
	}
	after := w.exitAfter
	if a.Signal != control.SignalTerm {
		after = 0
	}
	w.at(w.now+after, control.ContainerExited{Pod: a.Pod})
}

// actionsOf lists the actions of one kind.
func actionsOf[T control.Action](all []control.Action) (out []T) {
	for _, a := range all {
		if a, ok := a.(T); ok {
			out = append(out, a)
		}
	}
	return out
}

// times lists when notes of kind were made.
func (w *simulator) times(kind record.Kind) []time.Duration {
	out := []time.Duration{}
	for _, n := range w.notes {
		if n.Kind() == kind {
			out = append(out, n.at)
		}
	}
	return out
}

// pods lists the names of those that are not terminating.
func (w *simulator) pods() []string {
	var out []string
	for _, p := range w.plane.Pods() {
		if !p.Terminating {
			out = append(out, p.Instance.Pod)
		}
	}
	return out
}

func seconds(n ...float64) []time.Duration {
	out := []time.Duration{}
	for _, s := range n {
		out = append(out, time.Duration(s*float64(time.Second)))
	}
	return out
}

func sec(s float64) time.Duration { return seconds(s)[0] }

func clockAt(h, m, s int) time.Time { return time.Date(2026, 1, 1, h, m, s, 0, time.UTC) }

func one(w control.Workload) control.Config {
	w.Name = "b"
	if w.MaxSurge == 0 && w.MaxUnavailable == 0 {
		w.MaxSurge = 1
	}
	return control.Config{Workloads: []control.Workload{w}, Seed: 1}
}

// chaosConfig is a random but repeatable workload.
func chaosConfig(seed uint64) control.Config {
	r := rand.New(rand.NewPCG(seed, 1))
	spec := control.Workload{
		Replicas: r.IntN(4), MaxSurge: r.IntN(2), MaxUnavailable: r.IntN(2), Recreate: r.IntN(4) == 0,
		Grace: sec(float64(r.IntN(20))), MinReady: sec(float64(r.IntN(3))),
	}
	if r.IntN(2) == 0 {
		spec.PreStop = &control.Hook{Sleep: sec(5)}
	}
	if r.IntN(2) == 0 {
		spec.Readiness = &control.Probe{TCPPort: 1, Period: sec(1)}
	}
	if r.IntN(3) == 0 {
		spec.Liveness = &control.Probe{TCPPort: 1, Period: sec(3), InitialDelay: sec(2)}
	}
	if r.IntN(4) == 0 {
		spec.Startup = &control.Probe{TCPPort: 1, Period: sec(1), FailureThreshold: 5}
	}
	cfg := one(spec)
	cfg.Seed, cfg.ClockStart = seed, clockAt(0, 4, 50)
	cfg.Jobs = []control.CronJob{
		{Autoscaler: "b", Name: "down", Workload: "b", Schedule: "0 0/5 * * * *", TargetSize: r.IntN(3)},
		{Autoscaler: "b", Name: "up", Workload: "b", Schedule: "@every 17s", TargetSize: 1 + r.IntN(4)},
	}
	return cfg
}

// chaos is a simulation in which anything may fail, get lost or be wanted.
func chaos(t *testing.T, seed uint64) *simulator {
	r := rand.New(rand.NewPCG(seed, 2))
	w := newSimulator(t, chaosConfig(seed))
	w.hookFor, w.exitAfter = sec(r.Float64()*12), sec(r.Float64()*6)
	w.probe = func(control.RunProbe, time.Duration) bool { return r.IntN(4) > 0 }
	w.lose = func(control.Action) bool { return r.IntN(20) == 0 }
	w.at(0, control.Begin{})
	w.at(sec(1), control.TimeZero{})
	images := []string{"b:1", "b:2", "b:3"}
	for range r.IntN(12) {
		steps := []control.Event{
			control.ScaleStep{Workload: "b", Replicas: r.IntN(4)}, control.RestartStep{Workload: "b"},
			control.ImageStep{Workload: "b", Image: images[r.IntN(len(images))]}, control.PauseStep{Workload: "b"}, control.ResumeStep{Workload: "b"},
			control.KillStep{Workload: "b", Evict: r.IntN(4) == 1}, control.CycleStart{},
		}
		w.at(sec(r.Float64()*60), steps[r.IntN(len(steps))])
	}
	return w
}
