package control_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/control"
)

// on is a pod's way to readiness on a node.
func on(name, workload, node string) []control.Event {
	out := up(name)
	out[0] = control.PodObserved{Pod: pod(name, 1), Workload: workload, Node: node}
	return out
}

// drained is a cluster whose node n1 carries b-1 and b-2, and n2 the rest; the
// drain has begun, and its cordon has the Op that is returned.
func drained(t *testing.T) (*control.ObservedCluster, control.Op) {
	c := cluster(t)
	for _, es := range [][]control.Event{on("b-1", "b", "n1"), on("b-2", "b", "n1"), on("b-3", "b", "n2"), on("a-1", "a", "n2")} {
		step(c, 0, es...)
	}
	out := c.Step(sec(1), control.DrainStep{Workload: "b"})
	require.Len(t, out, 1)
	cordon := out[0].(control.CordonNode)
	require.Equal(t, []string{"b", "n1"}, []string{cordon.Workload, cordon.Node}, "where most of them are")
	return c, cordon.Op
}

// evictions lists the pods that are to be evicted, with their Ops.
func evictions(out []control.Action) map[string]control.Op {
	m := map[string]control.Op{}
	for _, a := range actionsOf[control.EvictPod](out) {
		m[a.Pod.Pod] = a.Op
	}
	return m
}

func notes(out []control.Action) []record.Kind {
	var kinds []record.Kind
	for _, a := range actionsOf[control.RecordEvent](out) {
		kinds = append(kinds, a.Event.Kind())
	}
	return kinds
}

func TestADrainEvictsAllAtOnce(t *testing.T) {
	c, op := drained(t)
	out := c.Step(sec(1.1), control.NodeCordoned{Outcome: control.Outcome{Op: op}})
	require.Equal(t, []record.Kind{record.KindNodeCordoned}, notes(out))
	asked := evictions(out)
	require.Len(t, asked, 2, "those on the node, and no others: %v", asked)
	for _, name := range []string{"b-1", "b-2"} {
		out = c.Step(sec(1.2), control.EvictionFinished{Outcome: control.Outcome{Op: asked[name], Pod: pod(name, 1)}, Accepted: true})
		require.Equal(t, []record.Kind{record.KindEvicted}, notes(out))
	}
	_, pending := c.Next()
	require.False(t, pending)
	kinds, _ := step(c, sec(3), control.PodGone{Pod: pod("b-1", 1)})
	require.NotContains(t, kinds, record.KindNodeDrained)
	kinds, _ = step(c, sec(4), control.PodGone{Pod: pod("b-2", 1)})
	require.Contains(t, kinds, record.KindNodeDrained)
}

func TestADrainAsksABudgetAgain(t *testing.T) {
	c, op := drained(t)
	asked := evictions(c.Step(sec(1), control.NodeCordoned{Outcome: control.Outcome{Op: op}}))
	c.Step(sec(1), control.EvictionFinished{Outcome: control.Outcome{Op: asked["b-1"], Pod: pod("b-1", 1)}, Accepted: true})
	out := c.Step(sec(1), control.EvictionFinished{Outcome: control.Outcome{Op: asked["b-2"], Pod: pod("b-2", 1), Err: "it needs 1 and has 1"}})
	require.Equal(t, []record.Kind{record.KindEvictionRefused}, notes(out))
	for i, at := range []time.Duration{sec(6), sec(11)} {
		next, ok := c.Next()
		require.True(t, ok)
		require.Equal(t, at, next, "5 s after the refusal, as kubectl")
		again := evictions(c.Step(at, control.Tick{}))
		require.Len(t, again, 1)
		out = c.Step(at, control.EvictionFinished{Outcome: control.Outcome{Op: again["b-2"], Pod: pod("b-2", 1), Err: "it needs 1 and has 1"}, Accepted: i == 1})
	}
	e := out[0].(control.RecordEvent).Event
	require.Equal(t, record.Evicted{Refusals: 2}, e.Payload)
	require.Equal(t, "its budget had refused 2 times over 10s", e.Text)
}

func TestADrainGivesUp(t *testing.T) {
	c, op := drained(t)
	asked := evictions(c.Step(sec(1), control.NodeCordoned{Outcome: control.Outcome{Op: op}}))
	var kinds []string
	for range 100 {
		for name, op := range asked {
			for _, a := range c.Step(0, control.EvictionFinished{Outcome: control.Outcome{Op: op, Pod: pod(name, 1), Err: "no"}}) {
				kinds = append(kinds, a.(control.RecordEvent).Event.Text)
			}
		}
		next, ok := c.Next()
		if !ok {
			require.Contains(t, kinds, "given up after 2m0s: the node is not drained")
			return
		}
		asked = evictions(c.Step(next, control.Tick{}))
	}
	t.Fatal("it goes on for ever")
}

// What is placed on the node at the last moment goes too; whom somebody else
// has deleted is not asked for; a container that was started again is evicted
// as what it is now.
func TestADrainKeepsLooking(t *testing.T) {
	c, op := drained(t)
	asked := evictions(c.Step(sec(1), control.NodeCordoned{Outcome: control.Outcome{Op: op}}))
	late := map[string]control.Op{}
	for _, e := range on("a-2", "a", "n1") {
		for name, op := range evictions(c.Step(sec(2), e)) {
			late[name] = op
		}
	}
	require.Contains(t, late, "a-2")
	c.Step(sec(2), control.EvictionFinished{Outcome: control.Outcome{Op: asked["b-1"], Pod: pod("b-1", 1), Err: "no"}})
	c.Step(sec(2), control.EvictionFinished{Outcome: control.Outcome{Op: asked["b-2"], Pod: pod("b-2", 1), Err: "no"}})
	step(c, sec(3), control.DeletionObserved{Pod: pod("b-1", 1)}, control.ContainerRunning{Pod: pod("b-2", 2)})
	out := c.Step(sec(7), control.Tick{})
	require.Equal(t, pod("b-2", 2), out[len(out)-1].(control.EvictPod).Pod)
	require.Len(t, evictions(out), 1)
}

func TestADrainOfNobody(t *testing.T) {
	c := cluster(t)
	out := c.Step(0, control.DrainStep{Workload: "b"})
	cordon := out[0].(control.CordonNode)
	require.Empty(t, cordon.Node, "the runtime says that there is none")
	require.Empty(t, c.Step(0, control.NodeCordoned{Outcome: control.Outcome{Op: cordon.Op, Err: "no node"}}))
	step(c, 0, on("b-1", "b", "n1")...)
	_, pending := c.Next()
	require.False(t, pending)
}

func TestADrainEndsWithTheRun(t *testing.T) {
	c, op := drained(t)
	asked := evictions(c.Step(sec(1), control.NodeCordoned{Outcome: control.Outcome{Op: op}}))
	c.Step(sec(1), control.EvictionFinished{Outcome: control.Outcome{Op: asked["b-2"], Pod: pod("b-2", 1), Err: "no"}})
	step(c, sec(2), control.Shutdown{})
	_, pending := c.Next()
	require.False(t, pending)
}

func TestClusterChangesImagesAndPauses(t *testing.T) {
	c := cluster(t)
	_, orders := step(c, 0, control.ImageStep{Workload: "b", Image: "b:2"},
		control.PauseStep{Workload: "b"}, control.ResumeStep{Workload: "b"})
	require.Equal(t, withoutOps(t,
		control.SetImage{WorkloadAction: workload("b"), Image: "b:2"},
		control.PauseRollout{WorkloadAction: workload("b")}, control.ResumeRollout{WorkloadAction: workload("b")},
	), withoutOps(t, orders...))
}
