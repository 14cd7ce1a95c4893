//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/e2e-framework/klient/k8s"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/rundir"
)

// interruptWhileDraining checks that an interrupted run uncordons its node.
func interruptWhileDraining(t *testing.T, w *testCluster) {
	r := w.run(t, "drain")
	w.awaitDrain(t, r)
	r.signal(syscall.SIGINT)
	require.Equal(t, 130, r.code(cleanWithin), r.stderr.String())
	require.Empty(t, w.cordonedNodes(t))
}

// killWhileDraining checks that clean uncordons the node of a killed run.
func killWhileDraining(t *testing.T, w *testCluster) {
	r := w.run(t, "drain")
	w.awaitDrain(t, r)
	r.signal(syscall.SIGKILL)
	r.code(time.Second)
	require.Len(t, w.cordonedNodes(t), 1)
	w.cleanRemovesEverything(t)
	require.Empty(t, w.cordonedNodes(t))
}

// cordonedNodes lists the cordoned nodes.
func (w *testCluster) cordonedNodes(t *testing.T) []string {
	t.Helper()
	var all corev1.NodeList
	require.NoError(t, w.client.Resources().List(t.Context(), &all))
	var out []string
	for _, n := range all.Items {
		if n.Spec.Unschedulable {
			out = append(out, n.Name)
		}
	}
	return out
}

// awaitDrain waits until a node is cordoned.
func (w *testCluster) awaitDrain(t *testing.T, r *running) {
	t.Helper()
	there := func() bool { return has(t, filepath.Join(r.dir, "events", "harness.ndjson"), record.KindNodeCordoned) }
	require.True(t, r.until(4*time.Minute, "the cordon", there), r.stderr.String())
	require.Len(t, w.cordonedNodes(t), 1)
}

// drainsNode checks a drain: base has no instance until its new pod is ready,
// gray's PodDisruptionBudget refused one of its two pods for a while, and all four
// pods were evicted.
func drainsNode(t *testing.T, w *testCluster) {
	var s losses
	a := w.passes(t, 6*time.Minute, &s, func(attempt) { require.Empty(t, w.cordonedNodes(t)) }, "drain")
	require.Zero(t, s.Arms["gray"].Lost)
	require.GreaterOrEqual(t, s.Arms["base"].Lost, 300)
	count := map[record.Kind]int{}
	for _, e := range readStreams(t, a.dir)[rundir.Harness] {
		count[e.Kind()]++
		if e.Kind() == record.KindEvictionRefused {
			require.Equal(t, "spring-cloud-b-gray", e.Workload, "base has no budget")
			require.Contains(t, e.Text, "disruption budget")
		}
	}
	require.Equal(t, 1, count[record.KindNodeCordoned])
	require.Equal(t, 4, count[record.KindEvicted])
	require.Positive(t, count[record.KindEvictionRefused])
	require.Equal(t, 1, count[record.KindNodeDrained])
}

// refusesToDrain checks that a run leaves nodes alone that the user has cordoned,
// and does not start if only one other node is left.
func refusesToDrain(t *testing.T, w *testCluster) {
	var all corev1.NodeList
	require.NoError(t, w.client.Resources().List(t.Context(), &all))
	var users []string
	give := func(i int, off bool) {
		patch := k8s.Patch{PatchType: types.MergePatchType, Data: fmt.Appendf(nil, `{"spec":{"unschedulable":%t}}`, off)}
		require.NoError(t, w.client.Resources().Patch(context.Background(), &all.Items[i], patch)) // a test's own context ends before its clean-up
	}
	for i := range all.Items {
		if n := &all.Items[i]; n.Name != w.name+"-worker" {
			users = append(users, n.Name)
			give(i, true)
			t.Cleanup(func() { give(i, false) })
		}
	}
	r := w.run(t, "drain")
	require.Equal(t, 4, r.code(time.Minute), r.stderr.String())
	require.Contains(t, r.stderr.String(), "1 of 2 are")
	require.Contains(t, r.stderr.String(), "use a cluster with two such nodes")
	code, _, errs := call(t, "", zeroloss, "clean", "--cluster", w.name, "--all")
	require.Equal(t, 0, code, errs)
	require.ElementsMatch(t, users, w.cordonedNodes(t), "they are the user's")
}
