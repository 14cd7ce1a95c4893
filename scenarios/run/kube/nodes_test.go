package kube

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/fake"
	clienttesting "k8s.io/client-go/testing"

	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/render"
)

// readyNode is a node whose kubelet says so, or why not.
func readyNode(name, taint, why string) *unstructured.Unstructured {
	u := nodeOf(name, false, taint, nil)
	is := map[string]any{"type": "Ready", "status": "True"}
	if why != "" {
		is = map[string]any{"type": "Ready", "status": "False", "reason": "KubeletNotReady", "message": why}
	}
	u.Object["status"] = map[string]any{"conditions": []any{is}, "allocatable": map[string]any{"cpu": "2", "memory": "4Gi"}}
	return u
}

// A cluster that has just been made has its nodes, and they take no pods yet:
// they are waited for, and then one can be drained.
func TestNodesComeUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := landOf(readyNode("head", controlPlane, ""), readyNode("a", startTaints[0], "cni plugin not initialized"))
		_, err := a.drainable(t.Context())
		require.ErrorContains(t, err, "0 of 2 nodes take pods")
		put := func(u *unstructured.Unstructured, verb func(context.Context, *unstructured.Unstructured) error) {
			require.NoError(t, verb(t.Context(), u))
		}
		update := func(ctx context.Context, u *unstructured.Unstructured) error {
			_, err := a.Resource(nodes).Update(ctx, u, metav1.UpdateOptions{})
			return err
		}
		create := func(ctx context.Context, u *unstructured.Unstructured) error {
			_, err := a.Resource(nodes).Create(ctx, u, metav1.CreateOptions{})
			return err
		}
		time.AfterFunc(10*time.Second, func() { put(readyNode("a", startTaints[0], ""), update) }) // ready, and tainted still
		time.AfterFunc(12*time.Second, func() { put(readyNode("a", "", ""), update) })
		time.AfterFunc(15*time.Second, func() { put(readyNode("b", "", ""), create) }) // joins last
		began := time.Now()
		require.NoError(t, a.awaitNodes(t.Context(), 3))
		require.InDelta(t, 15, time.Since(began).Seconds(), 1)
		name, err := a.drainable(t.Context())
		require.NoError(t, err)
		require.Equal(t, "b", name)
	})
}

// Nodes that do not come up are an error with the reason; what is cordoned or
// tainted by somebody is no reason to wait.
func TestNodesThatDoNotComeUp(t *testing.T) {
	silentNode := nodeOf("a", false, "", nil)
	for want, node := range map[string]*unstructured.Unstructured{
		"a is not ready: cni plugin not initialized":                readyNode("a", "", "cni plugin not initialized"),
		"a has not reported yet":                                    silentNode,
		"a is tainted node.kubernetes.io/network-unavailable still": readyNode("a", startTaints[2], ""),
		"1 of 2 have joined":                                        nil,
	} {
		synctest.Test(t, func(t *testing.T) {
			land := []runtime.Object{readyNode("head", controlPlane, "")}
			if node != nil {
				land = append(land, node)
			}
			began := time.Now()
			err := landOf(land...).awaitNodes(t.Context(), 2)
			require.ErrorIs(t, err, run.ErrEnvironment)
			require.ErrorContains(t, err, "the cluster's nodes are not all ready after 1m30s: "+want)
			require.Equal(t, nodesFor, time.Since(began))
		})
	}
	cordoned := readyNode("b", "", "")
	cordoned.Object["spec"].(map[string]any)["unschedulable"] = true
	require.NoError(t, landOf(cordoned, readyNode("c", "shop/gpu", "")).awaitNodes(t.Context(), 2))
	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.ErrorIs(t, landOf(silentNode).awaitNodes(ctx, 1), run.ErrInterrupted)
}

// What is left of a cluster is on the nodes that take pods, and what has ended
// takes none of it.
func TestFreeResources(t *testing.T) {
	pod := func(name, node, phase string) runtime.Object {
		u := &unstructured.Unstructured{Object: map[string]any{
			"spec":   map[string]any{"nodeName": node, "containers": []any{map[string]any{"resources": map[string]any{"requests": map[string]any{"cpu": "500m", "memory": "1Gi"}}}}},
			"status": map[string]any{"phase": phase},
		}}
		u.SetAPIVersion("v1")
		u.SetKind("Pod")
		u.SetName(name)
		u.SetNamespace("x")
		return u
	}
	freeOf := func(all ...runtime.Object) render.Resources { return serverWith(t, all...).freeResources(t.Context()) }
	cordoned := readyNode("cordoned", "", "")
	cordoned.Object["spec"].(map[string]any)["unschedulable"] = true
	closed := []runtime.Object{cordoned, readyNode("down", "", "gone"), readyNode("head", controlPlane, "")}
	all := append(closed, readyNode("open", "", ""),
		pod("runs", "open", "Running"), pod("waits", "", "Pending"), pod("done", "open", "Succeeded"), pod("failed", "open", "Failed"),
		pod("elsewhere", "cordoned", "Running"), pod("system", "head", "Running"))
	require.Equal(t, render.Resources{MilliCPU: 1000, Memory: 2 << 30}, freeOf(all...))
	require.Equal(t, render.Resources{}, freeOf(closed...), "cannot be told")
}

// A cluster that does not answer any more is not said to have the namespace
// still; one that does, and has it, is.
func TestWaitingForTheEndOfANamespace(t *testing.T) {
	ns := namespaceOf("zeroloss-1", nil, nil)
	refused := errors.New("connection refused")
	for name, x := range map[string]struct {
		answers func(since time.Duration) error // of reading it; nil: it is there
		want    string
		within  time.Duration
	}{
		"stuck":       {func(time.Duration) error { return nil }, "is being deleted, and is still there", time.Minute},
		"gone silent": {func(d time.Duration) error { return unless(d < 5*time.Second, refused) }, "waiting for the end of namespace zeroloss-1, which is being deleted: connection refused", time.Minute},
		"cut off":     {func(d time.Duration) error { return unless(d < tidyFor-time.Second, refused) }, "is being deleted, and is still there", time.Minute},
		"no right":    {func(time.Duration) error { return apierrors.NewForbidden(namespaces.GroupResource(), "x", nil) }, "the rights are missing", time.Second},
		"gone": {func(d time.Duration) error {
			return unless(d < 2*time.Second, apierrors.NewNotFound(namespaces.GroupResource(), "zeroloss-1"))
		}, "", 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{pods: "PodList"}, ns)
				began := time.Now()
				client.PrependReactor("get", "namespaces", func(clienttesting.Action) (bool, runtime.Object, error) {
					return true, ns, x.answers(time.Since(began))
				})
				ctx, stop := context.WithTimeout(t.Context(), tidyFor)
				defer stop()
				err := fakeAPI(client).awaitGone(ctx, "zeroloss-1")
				require.LessOrEqual(t, time.Since(began), x.within)
				if x.want == "" {
					require.NoError(t, err)
					return
				}
				require.ErrorIs(t, err, run.ErrEnvironment)
				require.ErrorContains(t, err, x.want)
			})
		})
	}
}

func unless(ok bool, err error) error {
	if ok {
		return nil
	}
	return err
}
