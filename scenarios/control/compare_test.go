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
func watched(w *world) control.RecordedRun {
	o := control.RecordedRun{Start: began}
	for _, in := range w.inputs {
		switch in.Event.Kind {
		case control.Begin, control.Evicted, control.Zero, control.SetScale, control.Restart, control.KillPod, control.SetBack:
			o.Inputs = append(o.Inputs, in)
		}
	}
	killed := map[record.Instance]bool{}
	for _, n := range w.notes {
		e := control.Event{Pod: n.Instance, Workload: n.Workload}
		switch n.Kind {
		case record.KindPodCreated:
			e.Kind, e.UID = control.PodSeen, n.Instance.Pod
		case record.KindContainerStarted:
			e.Kind = control.Started
		case record.KindPodReady, record.KindPodNotReady:
			e.Kind, e.OK = control.ReadySeen, n.Kind == record.KindPodReady
		case record.KindEndpointAdded, record.KindEndpointRemoved:
			e.Kind, e.OK = control.EndpointSeen, n.Kind == record.KindEndpointAdded
		case record.KindPodDeleted:
			e.Kind = control.DeletionSeen
		case record.KindContainerExited:
			e.Kind, e.N = control.Exited, int(n.N)
			if killed[n.Instance] {
				e.N = 137
			}
		case record.KindTermSent:
			o.InstanceEvents = append(o.InstanceEvents, record.Event{Kind: record.KindTermReceived, Instance: n.Instance, At: began.Add(n.at)})
			continue
		case record.KindKillSent:
			killed[n.Instance] = true // its exit code will tell
			continue
		default:
			continue
		}
		o.Inputs = append(o.Inputs, control.TimedEvent{At: n.at, Event: e})
	}
	slices.SortStableFunc(o.Inputs, func(a, b control.TimedEvent) int { return cmp.Compare(a.At, b.At) })
	o.Inputs = append(o.Inputs, control.TimedEvent{At: w.now, Event: control.Event{Kind: control.Shutdown}})
	return o
}

// A cluster that does what the model does differs in nothing, whatever it is
// asked for.
func TestCompareFindsNothingInItself(t *testing.T) {
	for seed := range uint64(200) {
		cfg := chaosConfig(seed)
		cfg.Workloads[0].Liveness, cfg.Workloads[0].Startup = nil, nil
		r := rand.New(rand.NewPCG(seed, 3))
		w := newWorld(t, cfg)
		w.hookFor, w.exitAfter = sec(5), sec(r.Float64()*3)
		w.at(0, control.Event{Kind: control.Begin})
		w.at(sec(1), control.Event{Kind: control.Zero})
		for range r.IntN(6) {
			kind := []control.EventKind{control.SetScale, control.Restart}[r.IntN(2)]
			w.at(sec(r.Float64()*60), control.Event{Kind: kind, Workload: "b", N: r.IntN(4)})
		}
		w.run(sec(90))
		found, err := control.Compare(cfg, watched(w))
		require.NoError(t, err)
		require.Empty(t, found, "seed %d", seed)
	}
}

// scene is a workload of three with all that can be told apart: a scale-in, a
// rollout, a crash.
func scene(t *testing.T) (control.Config, *world) {
	cfg := one(control.Workload{
		Replicas: 3, MaxSurge: 1, Grace: sec(10), PreStop: &control.Hook{Exec: []string{"sh", "-c", "wget 127.0.0.1:54199/offline; sleep 4"}},
		Readiness: &control.Probe{TCPPort: 1, Period: sec(1)},
	})
	w := newWorld(t, cfg)
	w.hookFor, w.exitAfter = sec(4), sec(1)
	w.at(0, control.Event{Kind: control.Begin})
	w.at(sec(1), control.Event{Kind: control.Zero})
	w.at(sec(20), control.Event{Kind: control.SetScale, Workload: "b", N: 5})
	w.at(sec(60), control.Event{Kind: control.SetScale, Workload: "b", N: 3})
	w.at(sec(100), control.Event{Kind: control.Restart, Workload: "b"})
	w.run(sec(150))
	for i := range 3 { // one crashes again and again
		pod := w.plane.Pods()[0].Instance
		w.at(sec(float64(160+30*i)), control.Event{Kind: control.Exited, Pod: pod, N: 1})
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
	drop := func(kind control.EventKind, pod record.Instance, ok bool) func(*control.RecordedRun) {
		return func(o *control.RecordedRun) {
			o.Inputs = slices.DeleteFunc(o.Inputs, func(in control.TimedEvent) bool {
				return in.Event.Kind == kind && in.Event.Pod == pod && in.Event.OK == ok
			})
		}
	}
	shift := func(kind control.EventKind, pod record.Instance, ok bool, by time.Duration) func(*control.RecordedRun) {
		return func(o *control.RecordedRun) {
			for i, in := range o.Inputs {
				if in.Event.Kind == kind && in.Event.Pod == pod && in.Event.OK == ok {
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
		"a pod comes late":         {shift(control.PodSeen, created[4].Instance, false, sec(5)), "how many pods", created[4].Instance},
		"one pod too many":         {extra, "how many pods", record.Instance{Pod: "b-extra", Incarnation: 1}},
		"another one is taken":     {swapped(victim, kept), "deletion order", kept},
		"nobody is taken":          {drop(control.DeletionSeen, victim, false), "how many pods", victim},
		"taken late":               {shift(control.DeletionSeen, victim, false, sec(3)), "how many pods", victim},
		"ready late":               {late(ready[0].Instance, sec(6)), "readiness probe", ready[0].Instance},
		"its endpoint stays":       {drop(control.EndpointSeen, victim, false), "endpoints", victim},
		"its endpoint goes late":   {shift(control.EndpointSeen, victim, false, sec(4.5)), "endpoints", victim},
		"no endpoint comes":        {drop(control.EndpointSeen, victim, true), "endpoints", victim},
		"TERM before the hook":     {func(o *control.RecordedRun) { own(-sec(4))(o); offline(o, victim) }, "preStop before TERM", victim},
		"TERM long after grace":    {own(sec(12)), "preStop before TERM", victim},
		"started again too early":  {shift(control.Started, restarted.Instance, false, -sec(8)), "restart back-off", restarted.Instance},
		"started again late":       {shift(control.Started, restarted.Instance, false, sec(9)), "restart back-off", restarted.Instance},
		"killed within its grace":  {killedEarly(victim), "grace", victim},
		"a rollout takes two less": {drop(control.DeletionSeen, deleted[3].Instance, false), "how many pods", deleted[3].Instance},
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
func (w *world) notesOf(kind record.Kind) []stamped {
	var out []stamped
	for _, n := range w.notes {
		if n.Kind == kind {
			out = append(out, n)
		}
	}
	return out
}

func extra(o *control.RecordedRun) {
	o.Inputs = slices.Insert(o.Inputs, len(o.Inputs)-1, control.TimedEvent{
		At: o.Inputs[len(o.Inputs)-1].At - sec(20), Event: control.Event{Kind: control.PodSeen, Pod: pod("b-extra", 1), Workload: "b"},
	})
}

// swapped exchanges what happened to two pods from 59 s on.
func swapped(a, b record.Instance) func(*control.RecordedRun) {
	return func(o *control.RecordedRun) {
		for i, in := range o.Inputs {
			switch {
			case in.At < sec(59):
			case in.Event.Pod == a:
				o.Inputs[i].Event.Pod = b
			case in.Event.Pod == b:
				o.Inputs[i].Event.Pod = a
			}
		}
		for i, e := range o.InstanceEvents {
			switch e.Instance {
			case a:
				o.InstanceEvents[i].Instance = b
			case b:
				o.InstanceEvents[i].Instance = a
			}
		}
	}
}

// late: it says itself that it would have passed from the beginning.
func late(i record.Instance, by time.Duration) func(*control.RecordedRun) {
	return func(o *control.RecordedRun) {
		o.InstanceEvents = append(o.InstanceEvents, record.Event{Kind: record.KindListening, Instance: i, At: began})
		for k, in := range o.Inputs {
			if in.Event.Kind == control.ReadySeen && in.Event.Pod == i && in.Event.OK {
				o.Inputs[k].At += by
			}
		}
		slices.SortStableFunc(o.Inputs, func(a, b control.TimedEvent) int { return cmp.Compare(a.At, b.At) })
	}
}

// offline: it was TERM that made it go.
func offline(o *control.RecordedRun, i record.Instance) {
	for _, e := range o.InstanceEvents {
		if e.Instance == i && e.Kind == record.KindTermReceived {
			o.InstanceEvents = append(o.InstanceEvents, record.Event{Kind: record.KindOffline, Instance: i, At: e.At.Add(time.Millisecond)})
			return
		}
	}
}

func killedEarly(i record.Instance) func(*control.RecordedRun) {
	return func(o *control.RecordedRun) {
		for k, in := range o.Inputs {
			if in.Event.Kind == control.Exited && in.Event.Pod == i {
				o.Inputs[k].Event.N = 137
			}
		}
	}
}

// An eviction is a deletion that nobody who makes pods has decided: whoever
// replaces it does as the model does.
func TestCompareLivesThroughEvictions(t *testing.T) {
	cfg := one(control.Workload{Replicas: 3, MaxSurge: 1, Grace: sec(10)})
	w := newWorld(t, cfg)
	w.exitAfter = sec(1)
	w.at(0, control.Event{Kind: control.Begin})
	w.at(sec(1), control.Event{Kind: control.Zero})
	w.run(sec(19))
	pods := w.plane.Pods()
	w.at(sec(20), control.Event{Kind: control.Evicted, Pod: pods[1].Instance, OK: true})
	w.at(sec(20), control.Event{Kind: control.Evicted, Pod: pods[0].Instance, Err: "its budget forbids it"})
	w.run(sec(60))
	require.Len(t, w.notesOf(record.KindPodDeleted), 1)
	require.Equal(t, pods[1].Instance, w.notesOf(record.KindPodDeleted)[0].Instance)
	require.Len(t, w.notesOf(record.KindPodCreated), 4, "another in its place")

	o := watched(w)
	found, err := control.Compare(cfg, o)
	require.NoError(t, err)
	require.Empty(t, found)

	o.Inputs = slices.DeleteFunc(o.Inputs, func(in control.TimedEvent) bool { return in.Event.Kind == control.Evicted })
	found, err = control.Compare(cfg, o)
	require.NoError(t, err)
	require.NotEmpty(t, found, "a deletion that nobody asked for")
}
