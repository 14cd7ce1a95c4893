package control_test

import (
	"encoding/json"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
)

// step steps c with events, 1 ms apart from at on, and returns what it records
// and what it orders.
func step(c *control.ObservedCluster, at time.Duration, events ...control.Event) (notes []record.Kind, orders []control.Action) {
	for i, e := range events {
		for _, a := range c.Step(at+time.Duration(i)*time.Millisecond, e) {
			if note, ok := a.(control.RecordEvent); ok {
				notes = append(notes, note.Event.Kind())
			} else {
				orders = append(orders, a)
			}
		}
	}
	return notes, orders
}

// withoutOps are actions in a form that does not depend on their Ops.
func withoutOps(t *testing.T, all ...control.Action) (out []string) {
	for _, a := range all {
		b, err := json.Marshal(control.Actions{a})
		require.NoError(t, err)
		out = append(out, regexp.MustCompile(`"op":\d+,?`).ReplaceAllString(string(b), ""))
	}
	return out
}

func workload(name string) control.WorkloadAction { return control.WorkloadAction{Workload: name} }

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
		control.PodObserved{Pod: p, Workload: "b"}, control.ContainerRunning{Pod: p},
		control.ReadinessObserved{Pod: p, Ready: true}, control.EndpointObserved{Pod: p, Ready: true},
	}
}

func TestClusterRecordsALife(t *testing.T) {
	c := cluster(t)
	_, orders := step(c, 0, control.Begin{})
	require.Equal(t, withoutOps(t, control.ApplyWorkload{WorkloadAction: workload("a")}, control.ApplyWorkload{WorkloadAction: workload("b")}), withoutOps(t, orders...))

	notes, _ := step(c, sec(1), append(up("b-1"), up("b-1")...)...)
	require.Equal(t, []record.Kind{record.KindPodCreated, record.KindContainerStarted, record.KindPodReady, record.KindEndpointAdded}, notes, "each once, however often it is reported")
	require.Equal(t, []control.PodState{{Instance: pod("b-1", 1), Workload: "b", Running: true, Ready: true}}, c.Pods())

	notes, _ = step(c, sec(2),
		control.DeletionObserved{Pod: pod("b-1", 1)}, control.ContainerExited{Pod: pod("b-1", 1)},
		control.PodGone{Pod: pod("b-1", 1)})
	require.Equal(t, []record.Kind{record.KindPodDeleted, record.KindPodNotReady, record.KindEndpointRemoved, record.KindContainerExited}, notes)
	require.True(t, c.Empty())
}

func TestClusterRecordsRestarts(t *testing.T) {
	c := cluster(t)
	step(c, 0, up("b-1")...)
	notes, _ := step(c, sec(1),
		control.ContainerExited{Pod: pod("b-1", 1), ExitCode: 137}, control.ContainerRunning{Pod: pod("b-1", 2)},
		control.ContainerExited{Pod: pod("b-1", 1), ExitCode: 137})
	require.Equal(t, []record.Kind{record.KindKillSent, record.KindPodNotReady, record.KindEndpointRemoved, record.KindContainerExited, record.KindContainerStarted}, notes)
	require.Equal(t, pod("b-1", 2), c.Pods()[0].Instance)

	// An incarnation whose end nobody saw.
	notes, _ = step(c, sec(2), control.ContainerRunning{Pod: pod("b-1", 4)})
	require.Equal(t, []record.Kind{record.KindContainerExited, record.KindContainerStarted}, notes)
}

func TestClusterScalesAndRolls(t *testing.T) {
	c := cluster(t, control.CronJob{Autoscaler: "b", Name: "down", Workload: "b", Schedule: "0 0/5 * * * *", TargetSize: 1})
	_, ok := c.Next()
	require.False(t, ok, "the clock stands until time zero")
	step(c, sec(3), control.TimeZero{})
	at, ok := c.Next()
	require.True(t, ok)
	require.Equal(t, sec(13), at)
	notes, orders := step(c, at, control.Tick{})
	require.Equal(t, []record.Kind{record.KindCronFired, record.KindScaled}, notes)
	require.Equal(t, withoutOps(t, control.ScaleWorkload{WorkloadAction: workload("b"), Replicas: 1}), withoutOps(t, orders...))

	_, orders = step(c, sec(20), control.ScaleStep{Workload: "b", Replicas: -3},
		control.RestartStep{Workload: "b"}, control.ScaleStep{Workload: "nobody", Replicas: 1})
	require.Equal(t, withoutOps(t, control.ScaleWorkload{WorkloadAction: workload("b")}, control.RestartWorkload{WorkloadAction: workload("b")}), withoutOps(t, orders...))
}

// Those that run are told, those that come later when they start, and those
// that go not any more.
func TestClusterSendsRules(t *testing.T) {
	c := cluster(t)
	step(c, 0, append(up("b-1"), up("b-2")...)...)
	step(c, sec(1), control.DeletionObserved{Pod: pod("b-1", 1)})
	rules := func(name string) []string {
		return withoutOps(t, control.SendRules{PodAction: control.PodAction{Pod: pod(name, 1), Workload: "b"}, Version: 2})
	}
	_, orders := step(c, sec(2), control.RulesStep{Workload: "b", Version: 2})
	require.Equal(t, rules("b-2"), withoutOps(t, orders...))
	_, orders = step(c, sec(3), up("b-3")...)
	require.Equal(t, rules("b-3"), withoutOps(t, orders...))
	notes, _ := step(c, sec(4), control.RulesSent{Outcome: control.Outcome{Pod: pod("b-3", 1)}}, control.RulesSent{Outcome: control.Outcome{Pod: pod("b-2", 1), Err: "deaf"}})
	require.Equal(t, []record.Kind{record.KindRuleFailed}, notes)
}

func TestClusterKills(t *testing.T) {
	c := cluster(t)
	step(c, 0, append(up("b-1"), up("b-2")...)...)
	step(c, sec(1), control.ReadinessObserved{Pod: pod("b-2", 1)})
	notes, orders := step(c, sec(2), control.KillStep{Workload: "b", Evict: true})
	require.Equal(t, []record.Kind{record.KindKillSent}, notes)
	kill := control.SendSignal{PodAction: control.PodAction{Pod: pod("b-1", 1), Workload: "b"}, Signal: control.SignalKill, Evict: true}
	require.Equal(t, withoutOps(t, kill), withoutOps(t, orders...), "one that is ready")

	notes, _ = step(c, sec(3), control.DeletionObserved{Pod: pod("b-1", 1)},
		control.ContainerExited{Pod: pod("b-1", 1), ExitCode: 137}, control.ContainerRunning{Pod: pod("b-1", 2)},
		control.PodGone{Pod: pod("b-1", 1)})
	require.Equal(t, []record.Kind{record.KindPodNotReady, record.KindEndpointRemoved, record.KindContainerExited}, notes, "killed once, deleted by nobody, and never back")
}

func TestClusterShutsDown(t *testing.T) {
	c := cluster(t)
	step(c, 0, append(up("b-1"), up("b-2")...)...)
	notes, orders := step(c, sec(1), control.Shutdown{})
	require.Empty(t, notes)
	require.Len(t, orders, 2)
	require.Equal(t, control.SignalInterrupt, orders[0].(control.SendSignal).Signal)
	step(c, sec(2), control.SignalSent{Outcome: control.Outcome{Pod: pod("b-1", 1), Err: "it is deaf"}})
	require.False(t, c.Empty())
	step(c, sec(2), control.SignalSent{Outcome: control.Outcome{Pod: pod("b-1", 1)}}, control.PodGone{Pod: pod("b-2", 1)})
	require.True(t, c.Empty())
	notes, orders = step(c, sec(3), append(up("b-3"), control.ContainerRunning{Pod: pod("b-1", 2)},
		control.ScaleStep{Workload: "b", Replicas: 5})...)
	require.Empty(t, notes, "what comes after the end is not of this run")
	require.Empty(t, orders)
}

// TestClusterRecordsWatchGaps, while the run goes on.
func TestClusterRecordsWatchGaps(t *testing.T) {
	c := cluster(t)
	lost := control.WatchGap{Resource: "pods", Since: 7, Lasted: 20 * time.Microsecond}
	out := c.Step(sec(1), lost)
	require.Len(t, out, 1)
	require.Equal(t, record.Event{Payload: record.WatchGap{Resource: "pods", Since: 7, Duration: 20 * time.Microsecond}}, out[0].(control.RecordEvent).Event)
	c.Step(sec(2), control.Shutdown{})
	require.Empty(t, c.Step(sec(3), lost))
}

func TestClusterRefusesABadConfiguration(t *testing.T) {
	_, err := control.NewObservedCluster(control.Config{Workloads: []control.Workload{{Name: "b"}, {Name: "b"}}})
	require.ErrorContains(t, err, `workload "b"`)
	_, err = control.NewObservedCluster(control.Config{Jobs: []control.CronJob{{Schedule: "every day"}}})
	require.ErrorContains(t, err, "every day")
}
