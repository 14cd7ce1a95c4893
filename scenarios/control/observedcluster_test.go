package control_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
)

// told steps c with events, 1 ms apart from at on, and returns what it says
// and what it orders.
func told(c *control.ObservedCluster, at time.Duration, events ...control.Event) (notes []record.Kind, orders []control.Action) {
	for i, e := range events {
		for _, a := range c.Step(at+time.Duration(i)*time.Millisecond, e) {
			if a.Kind == control.Note {
				notes = append(notes, a.Note.Kind)
			} else {
				a.Op = 0
				orders = append(orders, a)
			}
		}
	}
	return notes, orders
}

func cluster(t *testing.T, jobs ...control.CronJob) *control.ObservedCluster {
	c, err := control.NewObservedCluster(control.Config{
		Workloads: []control.Workload{{Name: "a", Replicas: 1}, {Name: "b", Replicas: 2}}, Jobs: jobs, ClockStart: clockAt(0, 4, 50),
	})
	require.NoError(t, err)
	return c
}

func pod(name string, n int) record.Instance { return record.Instance{Pod: name, Incarnation: n} }

// up is a pod's way to readiness.
func up(name string) []control.Event {
	p := pod(name, 1)
	return []control.Event{
		{Kind: control.PodSeen, Pod: p, Workload: "b"}, {Kind: control.Started, Pod: p},
		{Kind: control.ReadySeen, Pod: p, OK: true}, {Kind: control.EndpointSeen, Pod: p, OK: true},
	}
}

func TestClusterTellsALife(t *testing.T) {
	c := cluster(t)
	_, orders := told(c, 0, control.Event{Kind: control.Begin})
	require.Equal(t, []control.Action{{Kind: control.Apply, Workload: "a"}, {Kind: control.Apply, Workload: "b"}}, orders)

	notes, _ := told(c, sec(1), append(up("b-1"), up("b-1")...)...)
	require.Equal(t, []record.Kind{record.KindPodCreated, record.KindContainerStarted, record.KindPodReady, record.KindEndpointAdded}, notes, "each once, however often it is told")
	require.Equal(t, []control.PodState{{Instance: pod("b-1", 1), Workload: "b", Running: true, Ready: true}}, c.Pods())

	notes, _ = told(c, sec(2),
		control.Event{Kind: control.DeletionSeen, Pod: pod("b-1", 1)}, control.Event{Kind: control.Exited, Pod: pod("b-1", 1)},
		control.Event{Kind: control.PodGone, Pod: pod("b-1", 1)})
	require.Equal(t, []record.Kind{record.KindPodDeleted, record.KindPodNotReady, record.KindEndpointRemoved, record.KindContainerExited}, notes)
	require.True(t, c.Empty())
}

func TestClusterTellsRestarts(t *testing.T) {
	c := cluster(t)
	told(c, 0, up("b-1")...)
	notes, _ := told(c, sec(1),
		control.Event{Kind: control.Exited, Pod: pod("b-1", 1), N: 137}, control.Event{Kind: control.Started, Pod: pod("b-1", 2)},
		control.Event{Kind: control.Exited, Pod: pod("b-1", 1), N: 137})
	require.Equal(t, []record.Kind{record.KindKillSent, record.KindPodNotReady, record.KindEndpointRemoved, record.KindContainerExited, record.KindContainerStarted}, notes)
	require.Equal(t, pod("b-1", 2), c.Pods()[0].Instance)

	// An incarnation whose end nobody saw.
	notes, _ = told(c, sec(2), control.Event{Kind: control.Started, Pod: pod("b-1", 4)})
	require.Equal(t, []record.Kind{record.KindContainerExited, record.KindContainerStarted}, notes)
}

func TestClusterScalesAndRolls(t *testing.T) {
	c := cluster(t, control.CronJob{Autoscaler: "b", Name: "down", Workload: "b", Schedule: "0 0/5 * * * *", TargetSize: 1})
	_, ok := c.Next()
	require.False(t, ok, "the clock stands until time zero")
	told(c, sec(3), control.Event{Kind: control.Zero})
	at, ok := c.Next()
	require.True(t, ok)
	require.Equal(t, sec(13), at)
	notes, orders := told(c, at, control.Event{Kind: control.Tick})
	require.Equal(t, []record.Kind{record.KindCronFired, record.KindScaled}, notes)
	require.Equal(t, []control.Action{{Kind: control.Scale, Workload: "b", N: 1}}, orders)

	_, orders = told(c, sec(20), control.Event{Kind: control.SetScale, Workload: "b", N: -3},
		control.Event{Kind: control.Restart, Workload: "b"}, control.Event{Kind: control.SetScale, Workload: "nobody", N: 1})
	require.Equal(t, []control.Action{{Kind: control.Scale, Workload: "b"}, {Kind: control.Rollout, Workload: "b"}}, orders)
}

// Those that run are told, those that come later when they start, and those
// that go not any more.
func TestClusterTellsRules(t *testing.T) {
	c := cluster(t)
	told(c, 0, append(up("b-1"), up("b-2")...)...)
	told(c, sec(1), control.Event{Kind: control.DeletionSeen, Pod: pod("b-1", 1)})
	rule := func(name string) control.Action {
		return control.Action{Kind: control.Rule, N: 2, Pod: pod(name, 1), Workload: "b"}
	}
	_, orders := told(c, sec(2), control.Event{Kind: control.SetRule, Workload: "b", N: 2})
	require.Equal(t, []control.Action{rule("b-2")}, orders)
	_, orders = told(c, sec(3), up("b-3")...)
	require.Equal(t, []control.Action{rule("b-3")}, orders)
	notes, _ := told(c, sec(4), control.Event{Kind: control.Ruled, Pod: pod("b-3", 1)}, control.Event{Kind: control.Ruled, Pod: pod("b-2", 1), Err: "deaf"})
	require.Equal(t, []record.Kind{record.KindRuleFailed}, notes)
}

func TestClusterKills(t *testing.T) {
	c := cluster(t)
	told(c, 0, append(up("b-1"), up("b-2")...)...)
	told(c, sec(1), control.Event{Kind: control.ReadySeen, Pod: pod("b-2", 1)})
	notes, orders := told(c, sec(2), control.Event{Kind: control.KillPod, Workload: "b", N: 1})
	require.Equal(t, []record.Kind{record.KindKillSent}, notes)
	require.Equal(t, []control.Action{{Kind: control.Signal, Sig: "KILL", Pod: pod("b-1", 1), Workload: "b", On: true}}, orders, "one that is ready")

	notes, _ = told(c, sec(3), control.Event{Kind: control.DeletionSeen, Pod: pod("b-1", 1)},
		control.Event{Kind: control.Exited, Pod: pod("b-1", 1), N: 137}, control.Event{Kind: control.Started, Pod: pod("b-1", 2)},
		control.Event{Kind: control.PodGone, Pod: pod("b-1", 1)})
	require.Equal(t, []record.Kind{record.KindPodNotReady, record.KindEndpointRemoved, record.KindContainerExited}, notes, "killed once, deleted by nobody, and never back")
}

func TestClusterShutsDown(t *testing.T) {
	c := cluster(t)
	told(c, 0, append(up("b-1"), up("b-2")...)...)
	notes, orders := told(c, sec(1), control.Event{Kind: control.Shutdown})
	require.Empty(t, notes)
	require.Len(t, orders, 2)
	require.Equal(t, "INT", orders[0].Sig)
	told(c, sec(2), control.Event{Kind: control.Signaled, Pod: pod("b-1", 1), Err: "it is deaf"})
	require.False(t, c.Empty())
	told(c, sec(2), control.Event{Kind: control.Signaled, Pod: pod("b-1", 1)}, control.Event{Kind: control.PodGone, Pod: pod("b-2", 1)})
	require.True(t, c.Empty())
	notes, orders = told(c, sec(3), append(up("b-3"), control.Event{Kind: control.Started, Pod: pod("b-1", 2)},
		control.Event{Kind: control.SetScale, Workload: "b", N: 5})...)
	require.Empty(t, notes, "what comes after the end is not of this run")
	require.Empty(t, orders)
}

// TestClusterTellsWhatItDidNotSee, while the run goes on.
func TestClusterTellsWhatItDidNotSee(t *testing.T) {
	c := cluster(t)
	lost := control.Event{Kind: control.Unwatched, Err: "pods", Since: 7, N: 20}
	out := c.Step(sec(1), lost)
	require.Len(t, out, 1)
	require.Equal(t, &record.Event{Kind: record.KindUnwatched, Text: "pods", Since: 7, N: 20}, out[0].Note)
	c.Step(sec(2), control.Event{Kind: control.Shutdown})
	require.Empty(t, c.Step(sec(3), lost))
}

func TestClusterRefusesABadConfiguration(t *testing.T) {
	_, err := control.NewObservedCluster(control.Config{Workloads: []control.Workload{{Name: "b"}, {Name: "b"}}})
	require.ErrorContains(t, err, `workload "b"`)
	_, err = control.NewObservedCluster(control.Config{Jobs: []control.CronJob{{Schedule: "every day"}}})
	require.ErrorContains(t, err, "every day")
}
