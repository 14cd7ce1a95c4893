package control_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
)

func TestDeletion(t *testing.T) {
	hook := &control.Hook{Exec: []string{"/bin/sh", "-c", "sleep 30"}}
	tests := []struct {
		name       string
		grace      time.Duration
		hook       *control.Hook
		hookFor    time.Duration
		hookErr    string
		exitAfter  time.Duration
		deaf       bool
		abandoned  []time.Duration
		failed     []time.Duration
		term, kill []time.Duration
		exited     []time.Duration
	}{
		{name: "no hook, exits at once", grace: sec(30), term: seconds(10), kill: seconds(), exited: seconds(10)},
		{name: "no hook, ignores TERM", grace: sec(30), deaf: true, term: seconds(10), kill: seconds(40), exited: seconds(40)},
		{name: "hook ends within grace", grace: sec(90), hook: hook, hookFor: sec(30), exitAfter: sec(3), term: seconds(40), kill: seconds(), exited: seconds(43)},
		{name: "hook ends, the rest of grace is for TERM", grace: sec(90), hook: hook, hookFor: sec(30), deaf: true, term: seconds(40), kill: seconds(100), exited: seconds(100)},
		{name: "hook runs when grace ends", grace: sec(30), hook: hook, hookFor: sec(60), deaf: true, abandoned: seconds(40), term: seconds(40), kill: seconds(42), exited: seconds(42)},
		{name: "hook as long as grace is abandoned or just done, KILL 2 s later", grace: sec(30), hook: hook, hookFor: sec(29.5), deaf: true, term: seconds(39.5), kill: seconds(41.5), exited: seconds(41.5)},
		{name: "failing hook stops nothing", grace: sec(30), hook: hook, hookFor: sec(1), hookErr: "exit status 1", failed: seconds(11), term: seconds(11), kill: seconds(), exited: seconds(11)},
		{name: "no grace at all leaves 2 s", grace: 0, deaf: true, term: seconds(10), kill: seconds(12), exited: seconds(12)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newSimulator(t, one(control.Workload{Replicas: 2, Grace: tt.grace, PreStop: tt.hook}))
			w.hookFor, w.hookErr, w.exitAfter, w.deaf = tt.hookFor, tt.hookErr, tt.exitAfter, tt.deaf
			w.at(0, control.Begin{})
			w.at(sec(10), control.ScaleStep{Workload: "b", Replicas: 1})
			w.run(sec(200))

			require.Equal(t, seconds(10), w.times(record.KindPodDeleted))
			require.Equal(t, seconds(10), w.times(record.KindEndpointRemoved), "at the same moment")
			require.ElementsMatch(t, tt.abandoned, w.times(record.KindHookAbandoned))
			require.ElementsMatch(t, tt.failed, w.times(record.KindHookFailed))
			require.Equal(t, tt.term, w.times(record.KindTermSent))
			require.Equal(t, tt.kill, w.times(record.KindKillSent))
			require.Equal(t, tt.exited, w.times(record.KindContainerExited))
			require.Len(t, w.plane.Pods(), 1)
		})
	}
}

func TestDeletionOrder(t *testing.T) {
	// Pods are created one after the other; slow ones never become ready.
	tests := []struct {
		name string
		slow map[int]bool          // by order of creation
		late map[int]time.Duration // likewise, not ready before
		want []int                 // order of deletion
	}{
		{name: "the one ready for the shortest time first", late: map[int]time.Duration{0: 0}, want: []int{2, 1}},
		{name: "ready for the shortest time before newest", late: map[int]time.Duration{1: sec(27)}, want: []int{1, 2}},
		{name: "not ready before ready, whatever the age", slow: map[int]bool{0: true}, want: []int{0, 2}},
		{name: "among those not ready the newest", slow: map[int]bool{0: true, 1: true}, want: []int{1, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newSimulator(t, one(control.Workload{Replicas: 1, Readiness: &control.Probe{TCPPort: 1, Period: sec(1)}}))
			order := map[string]int{}
			w.probe = func(a control.RunProbe, now time.Duration) bool {
				i := order[a.Pod.Pod]
				return !tt.slow[i] && now >= tt.late[i]
			}
			w.check = func() {
				for i, p := range w.plane.Pods() {
					if _, ok := order[p.Instance.Pod]; !ok {
						order[p.Instance.Pod] = i
					}
				}
			}
			w.at(0, control.Begin{})
			w.at(sec(18), control.ScaleStep{Workload: "b", Replicas: 2})
			w.at(sec(24), control.ScaleStep{Workload: "b", Replicas: 3})
			w.at(sec(30), control.ScaleStep{Workload: "b", Replicas: 2})
			w.at(sec(40), control.ScaleStep{Workload: "b", Replicas: 1})
			w.run(sec(50))
			var got []int
			for _, n := range w.notes {
				if n.Kind() == record.KindPodDeleted {
					got = append(got, order[n.Instance.Pod])
				}
			}
			require.Equal(t, tt.want, got)
		})
	}
}

func TestTheOfflineScenario(t *testing.T) {
	// The jobs at 00:05:00 and 00:05:10, seen from 00:04:50.
	gray := control.Workload{
		Name: "gray", Replicas: 2, MaxSurge: 1, Grace: sec(30),
		PreStop: &control.Hook{Exec: []string{"/bin/sh", "-c", "sleep 30"}},
	}
	w := newSimulator(t, control.Config{
		Workloads: []control.Workload{gray}, ClockStart: clockAt(0, 4, 50), Seed: 7,
		Jobs: []control.CronJob{
			{Autoscaler: "gray", Name: "scale-down", Workload: "gray", Schedule: "0 0/5 * * * *", TargetSize: 1},
			{Autoscaler: "gray", Name: "scale-up", Workload: "gray", Schedule: "10 0/5 * * * *", TargetSize: 2},
		},
	})
	w.hookFor, w.exitAfter = sec(30.001), sec(1)
	w.at(0, control.Begin{})
	w.at(sec(2), control.TimeZero{})
	w.run(sec(72))
	require.Equal(t, seconds(12, 22), w.times(record.KindCronFired))
	require.Equal(t, seconds(12), w.times(record.KindPodDeleted))
	require.Equal(t, seconds(42), w.times(record.KindHookAbandoned), "at zero + 40 s")
	require.Equal(t, seconds(0, 0, 22), w.times(record.KindPodCreated), "its successor comes before it has gone")
	require.Equal(t, seconds(43), w.times(record.KindContainerExited))
}

func TestRestartBackOff(t *testing.T) {
	w := newSimulator(t, one(control.Workload{Replicas: 1}))
	w.at(0, control.Begin{})
	crashed := 0
	w.check = func() { // it crashes a second after each of its first starts
		starts := w.times(record.KindContainerStarted)
		if len(starts) > crashed && crashed < 4 {
			crashed++
			w.at(w.now+sec(1), control.ContainerExited{Pod: w.plane.Pods()[0].Instance, ExitCode: 1})
		}
	}
	w.run(sec(100))
	require.Equal(t, seconds(0, 1, 12, 33, 74), w.times(record.KindContainerStarted), "at once, then after 10, 20, 40 s")
	require.Len(t, w.times(record.KindPodCreated), 1, "in its pod")
}

func TestKill(t *testing.T) {
	for gone, want := range map[int]int{0: 1, 1: 2} {
		w := newSimulator(t, one(control.Workload{Replicas: 1, PreStop: &control.Hook{Sleep: sec(3)}}))
		w.at(0, control.Begin{})
		w.at(sec(5), control.KillStep{Workload: "b", Evict: gone == 1})
		w.run(sec(60))
		require.Equal(t, seconds(5), w.times(record.KindKillSent))
		require.Empty(t, w.times(record.KindHookStarted), "a crash has no preStop")
		require.Empty(t, w.times(record.KindTermSent))
		require.Len(t, w.times(record.KindPodCreated), want)
		require.Len(t, w.times(record.KindContainerStarted), 2)
		require.Len(t, w.plane.Pods(), 1)
	}
}

func TestProbes(t *testing.T) {
	up := func(from, to float64) func(control.RunProbe, time.Duration) bool {
		return func(_ control.RunProbe, now time.Duration) bool { return now < sec(from) || now >= sec(to) }
	}
	t.Run("readiness follows its thresholds", func(t *testing.T) {
		w := newSimulator(t, one(control.Workload{Replicas: 1, Readiness: &control.Probe{
			TCPPort: 1, InitialDelay: sec(2), Period: sec(1), SuccessThreshold: 2, FailureThreshold: 3,
		}}))
		w.probe = up(10, 15)
		w.at(0, control.Begin{})
		w.run(sec(30))
		require.Equal(t, seconds(3, 16), w.times(record.KindPodReady))
		require.Equal(t, seconds(12), w.times(record.KindPodNotReady))
		require.Equal(t, seconds(3, 16), w.times(record.KindEndpointAdded))
		require.Equal(t, seconds(12), w.times(record.KindEndpointRemoved))
		require.Len(t, w.times(record.KindProbeFailed), 5)
	})
	t.Run("failed liveness restarts the container, with its preStop", func(t *testing.T) {
		w := newSimulator(t, one(control.Workload{
			Replicas: 1, Grace: sec(30), PreStop: &control.Hook{Sleep: sec(4)},
			Liveness: &control.Probe{TCPPort: 1, Period: sec(5), FailureThreshold: 2},
		}))
		w.probe, w.hookFor = up(10, 16), sec(4)
		w.at(0, control.Begin{})
		w.run(sec(60))
		require.Equal(t, seconds(15), w.times(record.KindHookStarted))
		require.Equal(t, seconds(19), w.times(record.KindTermSent))
		require.Equal(t, seconds(0, 19), w.times(record.KindContainerStarted))
		require.Empty(t, w.times(record.KindPodDeleted))
		require.Equal(t, 2, w.plane.Pods()[0].Instance.Incarnation)
	})
	t.Run("nothing else is probed before startup has passed", func(t *testing.T) {
		w := newSimulator(t, one(control.Workload{
			Replicas:  1,
			Startup:   &control.Probe{TCPPort: 7, Period: sec(1), FailureThreshold: 10},
			Readiness: &control.Probe{TCPPort: 8, Period: sec(1)},
		}))
		w.probe = func(a control.RunProbe, now time.Duration) bool {
			require.True(t, a.Probe.TCPPort == 7 || now >= sec(4))
			return now >= sec(4)
		}
		w.at(0, control.Begin{})
		w.run(sec(3.5))
		require.Empty(t, w.times(record.KindPodReady))
		w.run(sec(10))
		require.Len(t, w.times(record.KindPodReady), 1)
	})
	t.Run("no answer is a failure after its timeout, and a late one is stale", func(t *testing.T) {
		w := newSimulator(t, one(control.Workload{Replicas: 1, Readiness: &control.Probe{TCPPort: 1, Period: sec(10), Timeout: sec(3)}}))
		var asked control.RunProbe
		w.lose = func(a control.Action) bool {
			probe, ok := a.(control.RunProbe)
			if ok {
				asked = probe
			}
			return ok
		}
		w.at(0, control.Begin{})
		w.run(sec(3))
		require.Equal(t, seconds(3), w.times(record.KindProbeFailed))
		w.step(sec(4), control.ProbeFinished{Outcome: control.Outcome{Op: asked.Op, Pod: asked.Pod}, Success: true})
		require.Empty(t, w.times(record.KindPodReady))
	})
	// pkg/kubelet/kubelet.go, SyncTerminatingPod: liveness and startup probes
	// stop, readiness goes on until the container has ended.
	t.Run("one that goes is still asked for readiness", func(t *testing.T) {
		w := newSimulator(t, one(control.Workload{
			Replicas: 1, Grace: sec(30), PreStop: &control.Hook{Sleep: sec(10)},
			Readiness: &control.Probe{TCPPort: 1, Period: sec(1), FailureThreshold: 3},
			Liveness:  &control.Probe{TCPPort: 2, Period: sec(1), FailureThreshold: 3},
		}))
		w.probe, w.hookFor = up(5, 60), sec(10)
		w.at(0, control.Begin{})
		w.at(sec(4.5), control.ScaleStep{Workload: "b", Replicas: 0})
		w.run(sec(60))
		require.Equal(t, seconds(7), w.times(record.KindPodNotReady))
		require.Equal(t, seconds(4.5), w.times(record.KindEndpointRemoved), "at its deletion")
		require.Equal(t, seconds(14.5), w.times(record.KindTermSent), "no liveness probe has ended it")
	})
	// pkg/controller/endpointslice: a Service's endpoints are the pods that it
	// selects.
	t.Run("no Service, no endpoint", func(t *testing.T) {
		w := newSimulator(t, one(control.Workload{Replicas: 1, NoService: true}))
		w.at(0, control.Begin{})
		w.run(0)
		require.Len(t, w.times(record.KindPodReady), 1)
		require.Empty(t, w.times(record.KindEndpointAdded))
	})
	t.Run("no readiness probe: ready when started", func(t *testing.T) {
		w := newSimulator(t, one(control.Workload{Replicas: 1}))
		w.at(0, control.Begin{})
		w.run(0)
		require.Equal(t, seconds(0), w.times(record.KindPodReady))
	})
}

func TestRollout(t *testing.T) {
	up := &control.Probe{TCPPort: 1, Period: sec(1), InitialDelay: sec(1)}
	tests := []struct {
		name             string
		spec             control.Workload
		created, deleted []time.Duration
	}{
		{
			name:    "surge 1, unavailable 0, with readiness: one by one",
			spec:    control.Workload{Replicas: 2, MaxSurge: 1, Readiness: up},
			created: seconds(0, 0, 10, 11), deleted: seconds(11, 12),
		},
		{
			name:    "without a readiness probe both old ones go at once",
			spec:    control.Workload{Replicas: 2, MaxSurge: 1},
			created: seconds(0, 0, 10, 10), deleted: seconds(10, 10),
		},
		{
			name:    "minReady holds the old ones back",
			spec:    control.Workload{Replicas: 2, MaxSurge: 1, Readiness: up, MinReady: sec(5)},
			created: seconds(0, 0, 10, 16), deleted: seconds(16, 22),
		},
		{
			name:    "unavailable 1, no surge: down before up",
			spec:    control.Workload{Replicas: 2, MaxUnavailable: 1, Readiness: up},
			created: seconds(0, 0, 10, 11), deleted: seconds(10, 11),
		},
		{
			name:    "recreate: all old gone before any new comes",
			spec:    control.Workload{Replicas: 2, Recreate: true, Grace: sec(30)},
			created: seconds(0, 0, 13, 13), deleted: seconds(10, 10),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.spec.Name = "b"
			w := newSimulator(t, control.Config{Workloads: []control.Workload{tt.spec}})
			if tt.spec.Recreate {
				w.exitAfter = sec(3)
			}
			w.at(0, control.Begin{})
			w.at(sec(10), control.RestartStep{Workload: "b"})
			w.run(sec(60))
			require.Equal(t, tt.created, w.times(record.KindPodCreated))
			require.Equal(t, tt.deleted, w.times(record.KindPodDeleted))
			require.Len(t, w.pods(), 2)
		})
	}
}

func TestShutdown(t *testing.T) {
	for _, deaf := range []bool{false, true} {
		w := newSimulator(t, one(control.Workload{Replicas: 3, Grace: sec(30), PreStop: &control.Hook{Sleep: sec(20)}}))
		w.deaf, w.hookFor = deaf, sec(20)
		w.at(0, control.Begin{})
		w.at(sec(5), control.ScaleStep{Workload: "b", Replicas: 2}) // its hook is running then
		w.at(sec(6), control.Shutdown{})
		w.at(sec(6), control.ScaleStep{Workload: "b", Replicas: 9})
		w.run(sec(9))
		require.True(t, w.plane.Empty())
		require.Equal(t, seconds(6), w.times(record.KindHookAbandoned))
		require.Len(t, w.times(record.KindPodCreated), 3, "nothing new")
		if deaf {
			require.Equal(t, seconds(7.5, 7.5, 7.5), w.times(record.KindKillSent))
		}
	}
}

func TestStaleAndUnknownEventsChangeNothing(t *testing.T) {
	w := newSimulator(t, one(control.Workload{Replicas: 1}))
	w.at(0, control.Begin{})
	w.run(0)
	pod := w.plane.Pods()[0].Instance
	for _, e := range []control.Event{
		control.ContainerStarted{Outcome: control.Outcome{Op: 999, Pod: pod}},
		control.HookFinished{Outcome: control.Outcome{Op: 999, Pod: pod}},
		control.ProbeFinished{Outcome: control.Outcome{Op: 999, Pod: pod}},
		control.ContainerExited{Pod: record.Instance{Pod: pod.Pod, Incarnation: 7}},
		control.ContainerExited{Pod: record.Instance{Pod: "nobody", Incarnation: 1}},
		control.ScaleStep{Workload: "nobody", Replicas: 3},
	} {
		require.Empty(t, w.plane.Step(sec(1), e), "%+v", e)
	}
}

func TestLostStart(t *testing.T) {
	w := newSimulator(t, one(control.Workload{Replicas: 1}))
	n := 0
	w.lose = func(a control.Action) bool { n++; _, ok := a.(control.StartContainer); return ok && n == 1 }
	w.at(0, control.Begin{})
	w.run(sec(60))
	require.Equal(t, seconds(10), w.times(record.KindContainerStarted), "its second incarnation")
}

func TestNewRefuses(t *testing.T) {
	good := control.Workload{Name: "b", Replicas: 1, MaxSurge: 1}
	tests := map[string]control.Config{
		"maxSurge and maxUnavailable are both 0":         {Workloads: []control.Workload{{Name: "b"}}},
		"duplicate name":                                 {Workloads: []control.Workload{good, good}},
		"missing name":                                   {Workloads: []control.Workload{{MaxSurge: 1}}},
		"replicas must not be negative, got -1":          {Workloads: []control.Workload{{Name: "b", MaxSurge: 1, Replicas: -1}}},
		"the period of a probe must be positive, got 0s": {Workloads: []control.Workload{{Name: "b", MaxSurge: 1, Liveness: &control.Probe{}}}},
		"targetSize must not be negative, got -1":        {Jobs: []control.CronJob{{Schedule: "@hourly", TargetSize: -1}}},
		"excludeDates of b":                              {Jobs: []control.CronJob{{Autoscaler: "b", Schedule: "@hourly", Exclude: []string{"x"}}}},
	}
	for want, cfg := range tests {
		_, err := control.NewSimulatedControlPlane(cfg)
		require.ErrorContains(t, err, want)
	}
}

func ExampleSimulatedControlPlane() {
	p, err := control.NewSimulatedControlPlane(control.Config{Seed: 1, Workloads: []control.Workload{{Name: "b", Replicas: 1, MaxSurge: 1}}})
	if err != nil {
		panic(err)
	}
	for _, a := range p.Step(0, control.Begin{}) {
		fmt.Printf("%T\n", a)
	}
	// Output:
	// control.RecordEvent
	// control.StartContainer
}
