package control_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
)

// began is where the clock of the instances' own events stood.
const began = record.Micros(1_800_000_000_250_000)

// watched is what a cluster would have shown that does what w did.
func watched(w *simulator) control.RecordedRun {
	o := control.RecordedRun{Start: began}
	for _, in := range w.inputs {
		switch in.Event.(type) {
		case control.Begin, control.EvictionFinished, control.TimeZero, control.ScaleStep, control.RestartStep, control.KillStep, control.CycleStart:
			o.Inputs = append(o.Inputs, in)
		}
	}
	killed := map[record.Instance]bool{}
	see := func(n stamped, e control.Event) { o.Inputs = append(o.Inputs, control.TimedEvent{At: n.at, Event: e}) }
	for _, n := range w.notes {
		switch n.Kind() {
		case record.KindPodCreated:
			see(n, control.PodObserved{Pod: n.Instance, Workload: n.Workload, UID: n.Instance.Pod})
		case record.KindContainerStarted:
			see(n, control.ContainerRunning{Pod: n.Instance})
		case record.KindPodReady, record.KindPodNotReady:
			see(n, control.ReadinessObserved{Pod: n.Instance, Ready: n.Kind() == record.KindPodReady})
		case record.KindEndpointAdded, record.KindEndpointRemoved:
			see(n, control.EndpointObserved{Pod: n.Instance, Ready: n.Kind() == record.KindEndpointAdded})
		case record.KindPodDeleted:
			see(n, control.DeletionObserved{Pod: n.Instance})
		case record.KindContainerExited:
			e := control.ContainerExited{Pod: n.Instance, ExitCode: n.Payload.(record.ContainerExited).ExitCode}
			if killed[n.Instance] {
				e.ExitCode = 137
			}
			see(n, e)
		case record.KindTermSent:
			o.InstanceEvents = append(o.InstanceEvents, record.Event{Instance: n.Instance, At: began.Add(n.at), Payload: record.TermReceived{}})
		case record.KindKillSent:
			killed[n.Instance] = true // its exit code will tell
		default: // not observed in a cluster
		}
	}
	slices.SortStableFunc(o.Inputs, func(a, b control.TimedEvent) int { return cmp.Compare(a.At, b.At) })
	o.Inputs = append(o.Inputs, control.TimedEvent{At: w.now, Event: control.Shutdown{}})
	return o
}

// A cluster that does what the model does differs in nothing, whatever it is
// asked for.
func TestCompareFindsNothingInItself(t *testing.T) {
	for seed := range uint64(200) {
		cfg := chaosConfig(seed)
		cfg.Workloads[0].Liveness, cfg.Workloads[0].Startup = nil, nil
		r := rand.New(rand.NewPCG(seed, 3))
		w := newSimulator(t, cfg)
		w.hookFor, w.exitAfter = sec(5), sec(r.Float64()*3)
		w.at(0, control.Begin{})
		w.at(sec(1), control.TimeZero{})
		for range r.IntN(6) {
			step := []control.Event{control.ScaleStep{Workload: "b", Replicas: r.IntN(4)}, control.RestartStep{Workload: "b"}}[r.IntN(2)]
			w.at(sec(r.Float64()*60), step)
		}
		w.run(sec(90))
		found, err := control.Compare(cfg, watched(w))
		require.NoError(t, err)
		require.Empty(t, found, "seed %d", seed)
	}
}

// scene is a workload of three with all that can be told apart: a scale-in, a
// rollout, a crash.
func scene(t *testing.T) (control.Config, *simulator) {
	cfg := one(control.Workload{
		Replicas: 3, MaxSurge: 1, Grace: sec(10), PreStop: &control.Hook{Exec: []string{"sh", "-c", "wget 127.0.0.1:54199/offline; sleep 4"}},
		Readiness: &control.Probe{TCPPort: 1, Period: sec(1)},
	})
	w := newSimulator(t, cfg)
	w.hookFor, w.exitAfter = sec(4), sec(1)
	w.at(0, control.Begin{})
	w.at(sec(1), control.TimeZero{})
	w.at(sec(20), control.ScaleStep{Workload: "b", Replicas: 5})
	w.at(sec(60), control.ScaleStep{Workload: "b", Replicas: 3})
	w.at(sec(100), control.RestartStep{Workload: "b"})
	w.run(sec(150))
	for i := range 3 { // one crashes again and again
		pod := w.plane.Pods()[0].Instance
		w.at(sec(float64(160+30*i)), control.ContainerExited{Pod: pod, ExitCode: 1})
		w.run(sec(float64(180 + 30*i)))
	}
	w.run(sec(300))
	return cfg, w
}

// Each kind of difference is noticed, at its pod, and tells its rule.
func TestCompareNoticesEachKind(t *testing.T) {
	cfg, w := scene(t)
	found, err := control.Compare(cfg, watched(w))
	require.NoError(t, err)
	require.Empty(t, found)

	deleted := w.notesOf(record.KindPodDeleted)
	created := w.notesOf(record.KindPodCreated)
	ready := w.notesOf(record.KindPodReady)
	started := w.notesOf(record.KindContainerStarted)
	kept := created[0].Instance // of the first three, which are older than those that go
	victim := deleted[0].Instance
	restarted := started[len(started)-1]
	drop := func(e control.Event) func(*control.RecordedRun) {
		return func(o *control.RecordedRun) {
			o.Inputs = slices.DeleteFunc(o.Inputs, func(in control.TimedEvent) bool { return in.Event == e })
		}
	}
	shift := func(e control.Event, by time.Duration) func(*control.RecordedRun) {
		return func(o *control.RecordedRun) {
			for i, in := range o.Inputs {
				if in.Event == e {
					o.Inputs[i].At += by
				}
			}
			slices.SortStableFunc(o.Inputs, func(a, b control.TimedEvent) int { return cmp.Compare(a.At, b.At) })
		}
	}
	own := func(by time.Duration) func(*control.RecordedRun) {
		return func(o *control.RecordedRun) {
			for i := range o.InstanceEvents {
				if o.InstanceEvents[i].Instance == victim {
					o.InstanceEvents[i].At = o.InstanceEvents[i].At.Add(by)
				}
			}
		}
	}
	tests := map[string]struct {
		change func(*control.RecordedRun)
		rule   string
		pod    record.Instance
	}{
		"a pod comes late":         {shift(control.PodObserved{Pod: created[4].Instance, Workload: "b", UID: created[4].Instance.Pod}, sec(5)), "how many pods", created[4].Instance},
		"one pod too many":         {extra, "how many pods", record.Instance{Pod: "b-extra", Incarnation: 1}},
		"another one is taken":     {swapped(victim, kept), "deletion order", kept},
		"nobody is taken":          {drop(control.DeletionObserved{Pod: victim}), "how many pods", victim},
		"taken late":               {shift(control.DeletionObserved{Pod: victim}, sec(3)), "how many pods", victim},
		"ready late":               {late(ready[0].Instance, sec(6)), "readiness probe", ready[0].Instance},
		"its endpoint stays":       {drop(control.EndpointObserved{Pod: victim}), "endpoints", victim},
		"its endpoint goes late":   {shift(control.EndpointObserved{Pod: victim}, sec(4.5)), "endpoints", victim},
		"no endpoint comes":        {drop(control.EndpointObserved{Pod: victim, Ready: true}), "endpoints", victim},
		"TERM before the hook":     {func(o *control.RecordedRun) { own(-sec(4))(o); offline(o, victim) }, "preStop before TERM", victim},
		"TERM long after grace":    {own(sec(12)), "preStop before TERM", victim},
		"started again too early":  {shift(control.ContainerRunning{Pod: restarted.Instance}, -sec(8)), "restart back-off", restarted.Instance},
		"started again late":       {shift(control.ContainerRunning{Pod: restarted.Instance}, sec(9)), "restart back-off", restarted.Instance},
		"killed within its grace":  {killedEarly(victim), "grace", victim},
		"a rollout takes two less": {drop(control.DeletionObserved{Pod: deleted[3].Instance}), "how many pods", deleted[3].Instance},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := watched(w)
			tt.change(&o)
			found, err := control.Compare(cfg, o)
			require.NoError(t, err)
			i := slices.IndexFunc(found, func(d control.Difference) bool {
				return d.Pod == tt.pod && len(d.Rule) > len(tt.rule) && d.Rule[:len(tt.rule)] == tt.rule
			})
			require.GreaterOrEqual(t, i, 0, "%+v", found)
			require.NotEqual(t, found[i].Kubernetes, found[i].Model)
			require.Equal(t, "b", found[i].Workload)
		})
	}
}

// notesOf are those of a kind.
func (w *simulator) notesOf(kind record.Kind) []stamped {
	var out []stamped
	for _, n := range w.notes {
		if n.Kind() == kind {
			out = append(out, n)
		}
	}
	return out
}

func extra(o *control.RecordedRun) {
	o.Inputs = slices.Insert(o.Inputs, len(o.Inputs)-1, control.TimedEvent{
		At: o.Inputs[len(o.Inputs)-1].At - sec(20), Event: control.PodObserved{Pod: pod("b-extra", 1), Workload: "b"},
	})
}

// swapped exchanges what happened to two pods from 59 s on.
func swapped(a, b record.Instance) func(*control.RecordedRun) {
	other := func(i record.Instance) record.Instance {
		switch i {
		case a:
			return b
		case b:
			return a
		}
		return i
	}
	return func(o *control.RecordedRun) {
		for i, in := range o.Inputs {
			if in.At >= sec(59) {
				o.Inputs[i].Event = withPod(in.Event, other)
			}
		}
		for i, e := range o.InstanceEvents {
			o.InstanceEvents[i].Instance = other(e.Instance)
		}
	}
}

// withPod is e about the pod that f names.
func withPod(e control.Event, f func(record.Instance) record.Instance) control.Event {
	switch e := e.(type) {
	case control.PodObserved:
		e.Pod = f(e.Pod)
		return e
	case control.ContainerRunning:
		e.Pod = f(e.Pod)
		return e
	case control.ReadinessObserved:
		e.Pod = f(e.Pod)
		return e
	case control.EndpointObserved:
		e.Pod = f(e.Pod)
		return e
	case control.DeletionObserved:
		e.Pod = f(e.Pod)
		return e
	case control.ContainerExited:
		e.Pod = f(e.Pod)
		return e
	}
	return e
}

// late: it says itself that it would have passed from the beginning.
func late(i record.Instance, by time.Duration) func(*control.RecordedRun) {
	return func(o *control.RecordedRun) {
		o.InstanceEvents = append(o.InstanceEvents, record.Event{Payload: record.Listening{}, Instance: i, At: began})
		for k, in := range o.Inputs {
			if in.Event == (control.ReadinessObserved{Pod: i, Ready: true}) {
				o.Inputs[k].At += by
			}
		}
		slices.SortStableFunc(o.Inputs, func(a, b control.TimedEvent) int { return cmp.Compare(a.At, b.At) })
	}
}

// offline: it was TERM that made it go.
func offline(o *control.RecordedRun, i record.Instance) {
	for _, e := range o.InstanceEvents {
		if e.Instance == i && e.Kind() == record.KindTermReceived {
			o.InstanceEvents = append(o.InstanceEvents, record.Event{Instance: i, At: e.At.Add(time.Millisecond), Payload: record.Offline{}})
			return
		}
	}
}

func killedEarly(i record.Instance) func(*control.RecordedRun) {
	return func(o *control.RecordedRun) {
		for k, in := range o.Inputs {
			if e, ok := in.Event.(control.ContainerExited); ok && e.Pod == i {
				e.ExitCode = 137
				o.Inputs[k].Event = e
			}
		}
	}
}

// An eviction is a deletion that nobody who makes pods has decided: whoever
// replaces it does as the model does.
func TestCompareLivesThroughEvictions(t *testing.T) {
	cfg := one(control.Workload{Replicas: 3, MaxSurge: 1, Grace: sec(10)})
	w := newSimulator(t, cfg)
	w.exitAfter = sec(1)
	w.at(0, control.Begin{})
	w.at(sec(1), control.TimeZero{})
	w.run(sec(19))
	pods := w.plane.Pods()
	w.at(sec(20), control.EvictionFinished{Outcome: control.Outcome{Pod: pods[1].Instance}, Accepted: true})
	w.at(sec(20), control.EvictionFinished{Outcome: control.Outcome{Pod: pods[0].Instance, Err: "its budget forbids it"}})
	w.run(sec(60))
	require.Len(t, w.notesOf(record.KindPodDeleted), 1)
	require.Equal(t, pods[1].Instance, w.notesOf(record.KindPodDeleted)[0].Instance)
	require.Len(t, w.notesOf(record.KindPodCreated), 4, "another in its place")

	o := watched(w)
	found, err := control.Compare(cfg, o)
	require.NoError(t, err)
	require.Empty(t, found)

	o.Inputs = slices.DeleteFunc(o.Inputs, func(in control.TimedEvent) bool { _, ok := in.Event.(control.EvictionFinished); return ok })
	found, err = control.Compare(cfg, o)
	require.NoError(t, err)
	require.NotEmpty(t, found, "a deletion that nobody asked for")
}
