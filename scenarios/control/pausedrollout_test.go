package control_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
)

// rolled is a simulation of two pods, ready half a second after their start, in
// which the given steps come.
func rolled(t *testing.T, w control.Workload, steps ...control.TimedEvent) *simulator {
	w.Replicas, w.Image = 2, "b:1"
	w.Readiness = &control.Probe{TCPPort: 1, Period: sec(0.5), InitialDelay: sec(0.5), SuccessThreshold: 1, FailureThreshold: 3}
	x := newSimulator(t, one(w))
	x.at(0, control.Begin{})
	x.at(0, control.TimeZero{})
	for _, s := range steps {
		x.at(s.At, s.Event)
	}
	return x
}

func at(s float64, e control.Event) control.TimedEvent {
	return control.TimedEvent{At: sec(s), Event: e}
}

func image(name string) control.Event { return control.ImageStep{Workload: "b", Image: name} }

var (
	pause   = control.PauseStep{Workload: "b"}
	resume  = control.ResumeStep{Workload: "b"}
	restart = control.RestartStep{Workload: "b"}
)

func scaleTo(n int) control.Event { return control.ScaleStep{Workload: "b", Replicas: n} }

func TestANewImageIsRolledOut(t *testing.T) {
	w := rolled(t, control.Workload{}, at(10, image("b:2")))
	w.run(sec(20))
	require.Len(t, w.times(record.KindPodCreated), 4)
	require.Len(t, w.times(record.KindPodDeleted), 2, "as a restart does it")
	require.Equal(t, sec(10), w.times(record.KindPodCreated)[2])

	w = rolled(t, control.Workload{}, at(10, image("b:1")))
	w.run(sec(20))
	require.Len(t, w.times(record.KindPodCreated), 2, "the image that it has is no change")
}

// A rollback takes over what is left of the revision that it returns to.
func TestARollbackKeepsWhatIsLeft(t *testing.T) {
	w := rolled(t, control.Workload{}, at(10, image("b:2")), at(10.2, image("b:1")))
	w.run(sec(20))
	require.Len(t, w.times(record.KindPodCreated), 3, "one of the new image had come")
	require.Len(t, w.times(record.KindPodDeleted), 1, "and goes")
	require.Len(t, w.pods(), 2)
}

func TestPauseHoldsWhatChangesThePods(t *testing.T) {
	for name, change := range map[string]control.Event{"image": image("b:2"), "restart": restart} {
		w := rolled(t, control.Workload{}, at(10, pause), at(11, change), at(15, resume))
		w.run(sec(30))
		created := w.times(record.KindPodCreated)
		require.Len(t, created, 4, name)
		require.Equal(t, sec(15), created[2], "%s: not before it was resumed", name)
		require.Len(t, w.times(record.KindPodDeleted), 2)
	}
	w := rolled(t, control.Workload{}, at(10, pause), at(11, image("b:2")), at(12, image("b:1")), at(15, resume))
	w.run(sec(30))
	require.Len(t, w.times(record.KindPodCreated), 2, "it was taken back in time")
}

func TestScalingGoesOnWhilePaused(t *testing.T) {
	w := rolled(t, control.Workload{}, at(10, pause), at(11, image("b:2")), at(12, scaleTo(4)), at(16, scaleTo(1)))
	w.run(sec(20))
	require.Equal(t, seconds(0, 0, 12, 12), w.times(record.KindPodCreated))
	require.Len(t, w.times(record.KindPodDeleted), 3)
	w.at(sec(21), control.ResumeStep{Workload: "b"})
	w.run(sec(30))
	require.Equal(t, sec(21), w.times(record.KindPodCreated)[4], "the image waited")
	require.Len(t, w.pods(), 1)
}

// A rollout that is paused stands; scaling is shared by old and new; and what
// dies comes back as it was.
func TestARolloutIsPaused(t *testing.T) {
	w := rolled(t, control.Workload{MinReady: sec(3)}, at(10, restart), at(12, pause), at(20, scaleTo(5)))
	w.run(sec(19))
	require.Len(t, w.pods(), 3, "two old and one new")
	w.run(sec(30))
	// Replicas and surge were 3 and are 6: each set doubles.
	require.Equal(t, seconds(20, 20, 20), w.times(record.KindPodCreated)[3:])
	require.Empty(t, w.times(record.KindPodDeleted))
	w.at(sec(31), control.ResumeStep{Workload: "b"})
	w.run(sec(60))
	require.Len(t, w.pods(), 5)
	require.Len(t, w.times(record.KindPodDeleted), 4, "all old ones")
}

func TestAPausedRecreateComesBack(t *testing.T) {
	w := rolled(t, control.Workload{Recreate: true, Grace: sec(30)}, at(10, restart), at(12, pause))
	w.exitAfter = sec(5)
	w.run(sec(20))
	require.Len(t, w.pods(), 2, "the old replica set is the only one that there is")
	require.Equal(t, seconds(0, 0, 12, 12), w.times(record.KindPodCreated))
}

func TestAKilledPodOfAPausedWorkloadIsReplaced(t *testing.T) {
	w := rolled(t, control.Workload{}, at(10, pause), at(11, image("b:2")), at(12, control.KillStep{Workload: "b", Evict: true}))
	w.run(sec(20))
	require.Len(t, w.pods(), 2)
	require.Len(t, w.times(record.KindPodCreated), 3)
}
