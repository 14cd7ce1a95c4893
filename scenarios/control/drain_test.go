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
	out[0].Workload, out[0].Node = workload, node
	return out
}

// drained is a cluster whose node n1 carries b-1 and b-2, and n2 the rest; the
// drain has begun, and its cordon has the Op that is returned.
func drained(t *testing.T) (*control.ObservedCluster, control.Op) {
	c := cluster(t)
	for _, es := range [][]control.Event{on("b-1", "b", "n1"), on("b-2", "b", "n1"), on("b-3", "b", "n2"), on("a-1", "a", "n2")} {
		told(c, 0, es...)
	}
	out := c.Step(sec(1), control.Event{Kind: control.Drain, Workload: "b"})
	require.Len(t, out, 1)
	require.Equal(t, control.Action{Op: out[0].Op, Kind: control.Cordon, Workload: "b", Node: "n1"}, out[0], "where most of them are")
	return c, out[0].Op
}

// evictions lists the pods that are to be evicted, with their Ops.
func evictions(out []control.Action) map[string]control.Op {
	m := map[string]control.Op{}
	for _, a := range out {
		if a.Kind == control.Evict {
			m[a.Pod.Pod] = a.Op
		}
	}
	return m
}

func notes(out []control.Action) []record.Kind {
	var kinds []record.Kind
	for _, a := range out {
		if a.Kind == control.Note {
			kinds = append(kinds, a.Note.Kind)
		}
	}
	return kinds
}

func TestADrainEvictsAllAtOnce(t *testing.T) {
	c, op := drained(t)
	out := c.Step(sec(1.1), control.Event{Op: op, Kind: control.Cordoned})
	require.Equal(t, []record.Kind{record.KindNodeCordoned}, notes(out))
	asked := evictions(out)
	require.Len(t, asked, 2, "those on the node, and no others: %v", asked)
	for _, name := range []string{"b-1", "b-2"} {
		out = c.Step(sec(1.2), control.Event{Op: asked[name], Kind: control.Evicted, Pod: pod(name, 1), OK: true})
		require.Equal(t, []record.Kind{record.KindEvicted}, notes(out))
	}
	_, pending := c.Next()
	require.False(t, pending)
	kinds, _ := told(c, sec(3), control.Event{Kind: control.PodGone, Pod: pod("b-1", 1)})
	require.NotContains(t, kinds, record.KindNodeDrained)
	kinds, _ = told(c, sec(4), control.Event{Kind: control.PodGone, Pod: pod("b-2", 1)})
	require.Contains(t, kinds, record.KindNodeDrained)
}

func TestADrainAsksABudgetAgain(t *testing.T) {
	c, op := drained(t)
	asked := evictions(c.Step(sec(1), control.Event{Op: op, Kind: control.Cordoned}))
	c.Step(sec(1), control.Event{Op: asked["b-1"], Kind: control.Evicted, Pod: pod("b-1", 1), OK: true})
	out := c.Step(sec(1), control.Event{Op: asked["b-2"], Kind: control.Evicted, Pod: pod("b-2", 1), Err: "it needs 1 and has 1"})
	require.Equal(t, []record.Kind{record.KindEvictionRefused}, notes(out))
	for i, at := range []time.Duration{sec(6), sec(11)} {
		next, ok := c.Next()
		require.True(t, ok)
		require.Equal(t, at, next, "5 s after the refusal, as kubectl")
		again := evictions(c.Step(at, control.Event{Kind: control.Tick}))
		require.Len(t, again, 1)
		out = c.Step(at, control.Event{Op: again["b-2"], Kind: control.Evicted, Pod: pod("b-2", 1), OK: i == 1, Err: "it needs 1 and has 1"})
	}
	require.Equal(t, record.KindEvicted, out[0].Note.Kind)
	require.EqualValues(t, 2, out[0].Note.N)
	require.Equal(t, "its budget had refused 2 times over 10s", out[0].Note.Text)
}

func TestADrainGivesUp(t *testing.T) {
	c, op := drained(t)
	asked := evictions(c.Step(sec(1), control.Event{Op: op, Kind: control.Cordoned}))
	var kinds []string
	for range 100 {
		for name, op := range asked {
			for _, a := range c.Step(0, control.Event{Op: op, Kind: control.Evicted, Pod: pod(name, 1), Err: "no"}) {
				kinds = append(kinds, a.Note.Text)
			}
		}
		next, ok := c.Next()
		if !ok {
			require.Contains(t, kinds, "given up after 2m0s: the node is not drained")
			return
		}
		asked = evictions(c.Step(next, control.Event{Kind: control.Tick}))
	}
	t.Fatal("it goes on for ever")
}

// What is placed on the node at the last moment goes too; whom somebody else
// has deleted is not asked for; a container that was started again is evicted
// as what it is now.
func TestADrainKeepsLooking(t *testing.T) {
	c, op := drained(t)
	asked := evictions(c.Step(sec(1), control.Event{Op: op, Kind: control.Cordoned}))
	late := map[string]control.Op{}
	for _, e := range on("a-2", "a", "n1") {
		for name, op := range evictions(c.Step(sec(2), e)) {
			late[name] = op
		}
	}
	require.Contains(t, late, "a-2")
	c.Step(sec(2), control.Event{Op: asked["b-1"], Kind: control.Evicted, Pod: pod("b-1", 1), Err: "no"})
	c.Step(sec(2), control.Event{Op: asked["b-2"], Kind: control.Evicted, Pod: pod("b-2", 1), Err: "no"})
	told(c, sec(3), control.Event{Kind: control.DeletionSeen, Pod: pod("b-1", 1)}, control.Event{Kind: control.Started, Pod: pod("b-2", 2)})
	out := c.Step(sec(7), control.Event{Kind: control.Tick})
	require.Equal(t, pod("b-2", 2), out[len(out)-1].Pod)
	require.Len(t, evictions(out), 1)
}

func TestADrainOfNobody(t *testing.T) {
	c := cluster(t)
	out := c.Step(0, control.Event{Kind: control.Drain, Workload: "b"})
	require.Empty(t, out[0].Node, "the runtime says that there is none")
	require.Empty(t, c.Step(0, control.Event{Op: out[0].Op, Kind: control.Cordoned, Err: "no node"}))
	told(c, 0, on("b-1", "b", "n1")...)
	_, pending := c.Next()
	require.False(t, pending)
}

func TestADrainEndsWithTheRun(t *testing.T) {
	c, op := drained(t)
	asked := evictions(c.Step(sec(1), control.Event{Op: op, Kind: control.Cordoned}))
	c.Step(sec(1), control.Event{Op: asked["b-2"], Kind: control.Evicted, Pod: pod("b-2", 1), Err: "no"})
	told(c, sec(2), control.Event{Kind: control.Shutdown})
	_, pending := c.Next()
	require.False(t, pending)
}

func TestClusterChangesImagesAndPauses(t *testing.T) {
	c := cluster(t)
	_, orders := told(c, 0, control.Event{Kind: control.SetImage, Workload: "b", Image: "b:2"},
		control.Event{Kind: control.Pause, Workload: "b"}, control.Event{Kind: control.Resume, Workload: "b"})
	require.Equal(t, []control.Action{
		{Kind: control.Reimage, Workload: "b", Image: "b:2"}, {Kind: control.Hold, Workload: "b", On: true}, {Kind: control.Hold, Workload: "b"},
	}, orders)
}
