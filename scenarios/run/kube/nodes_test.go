package kube

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/client/clienttest"
	"zeroloss/scenarios/run/kube/drain"
	"zeroloss/scenarios/run/kube/render"
)

const controlPlane = "node-role.kubernetes.io/control-plane"

// silentNode is a node whose kubelet has not reported yet; taint "" is none.
func silentNode(name, taint string) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if taint != "" {
		n.Spec.Taints = []corev1.Taint{{Key: taint, Effect: corev1.TaintEffectNoSchedule}}
	}
	return n
}

func clientOf(t *testing.T, objects ...runtime.Object) *client.Client {
	c, _ := clienttest.New(t, objects...)
	return c
}

// readyNode is a node whose kubelet says so, or why not.
func readyNode(name, taint, why string) *corev1.Node {
	n := silentNode(name, taint)
	n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	if why != "" {
		n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionFalse, Reason: "KubeletNotReady", Message: why}}
	}
	n.Status.Allocatable = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("2"), corev1.ResourceMemory: resource.MustParse("4Gi")}
	return n
}

// A cluster that has just been made has its nodes, and they take no pods yet:
// they are waited for, and then one can be drained.
func TestNodesComeUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clientOf(t, readyNode("head", controlPlane, ""), readyNode("a", startTaints[0], "cni plugin not initialized"))
		_, err := drain.Choose(t.Context(), c, "r1")
		require.ErrorContains(t, err, "and 0 of 2 are")
		update := func(n *corev1.Node) {
			_, err := c.Nodes().Update(t.Context(), n, metav1.UpdateOptions{})
			require.NoError(t, err)
		}
		create := func(n *corev1.Node) {
			_, err := c.Nodes().Create(t.Context(), n, metav1.CreateOptions{})
			require.NoError(t, err)
		}
		time.AfterFunc(10*time.Second, func() { update(readyNode("a", startTaints[0], "")) }) // ready, and tainted still
		time.AfterFunc(12*time.Second, func() { update(readyNode("a", "", "")) })
		time.AfterFunc(15*time.Second, func() { create(readyNode("b", "", "")) }) // joins last
		began := time.Now()
		require.NoError(t, awaitNodes(t.Context(), c, 3))
		require.InDelta(t, 15, time.Since(began).Seconds(), 1)
		n, err := drain.Choose(t.Context(), c, "r1")
		require.NoError(t, err)
		require.Equal(t, "b", n.Name)
	})
}

// Nodes that do not come up are an error with the reason; what is cordoned or
// tainted by somebody is no reason to wait.
func TestNodesThatDoNotComeUp(t *testing.T) {
	for want, node := range map[string]*corev1.Node{
		"a is not ready: cni plugin not initialized":                readyNode("a", "", "cni plugin not initialized"),
		"a has not reported yet":                                    silentNode("a", ""),
		"a is tainted node.kubernetes.io/network-unavailable still": readyNode("a", startTaints[2], ""),
		"1 of 2 have joined":                                        nil,
	} {
		synctest.Test(t, func(t *testing.T) {
			land := []runtime.Object{readyNode("head", controlPlane, "")}
			if node != nil {
				land = append(land, node)
			}
			began := time.Now()
			err := awaitNodes(t.Context(), clientOf(t, land...), 2)
			require.ErrorIs(t, err, run.ErrEnvironment)
			require.ErrorContains(t, err, "the cluster's nodes are not all ready after 1m30s: "+want)
			require.Equal(t, nodesFor, time.Since(began))
		})
	}
	cordoned := readyNode("b", "", "")
	cordoned.Spec.Unschedulable = true
	require.NoError(t, awaitNodes(t.Context(), clientOf(t, cordoned, readyNode("c", "shop/gpu", "")), 2))
	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.ErrorIs(t, awaitNodes(ctx, clientOf(t, silentNode("a", "")), 1), run.ErrInterrupted)
}

// What is left of a cluster is on the nodes that take pods, and what has ended
// takes none of it.
func TestFreeResources(t *testing.T) {
	pod := func(name, node string, phase corev1.PodPhase) runtime.Object {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: name}, Status: corev1.PodStatus{Phase: phase}}
		p.Spec.NodeName = node
		p.Spec.Containers = []corev1.Container{{Resources: corev1.ResourceRequirements{
			Limits: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("500m")}, Requests: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")},
		}}}
		return p
	}
	free := func(all ...runtime.Object) render.Resources { return freeResources(t.Context(), clientOf(t, all...)) }
	cordoned := readyNode("cordoned", "", "")
	cordoned.Spec.Unschedulable = true
	closed := []runtime.Object{cordoned, readyNode("down", "", "gone"), readyNode("head", controlPlane, "")}
	all := append(closed, readyNode("open", "", ""),
		pod("runs", "open", "Running"), pod("waits", "", "Pending"), pod("done", "open", "Succeeded"), pod("failed", "open", "Failed"),
		pod("elsewhere", "cordoned", "Running"), pod("system", "head", "Running"))
	require.Equal(t, render.Resources{MilliCPU: 1000, Memory: 2 << 30}, free(all...))
	require.Equal(t, render.Resources{}, free(closed...), "cannot be told")
}
