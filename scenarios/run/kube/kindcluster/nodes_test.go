package kindcluster

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

// A cluster that has just been created has its nodes, and they take no pods yet:
// they are waited for.
func TestNodesComeUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clientOf(t, readyNode("head", controlPlane, ""), readyNode("a", startTaints[0], "cni plugin not initialized"))
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
	})
}

// Nodes that do not come up are an error with the reason; what is cordoned or
// tainted by somebody is no reason to wait.
func TestNodesThatDoNotComeUp(t *testing.T) {
	for want, node := range map[string]*corev1.Node{
		"a is not ready: cni plugin not initialized":                readyNode("a", "", "cni plugin not initialized"),
		"a has not reported yet":                                    silentNode("a", ""),
		"a is still tainted node.kubernetes.io/network-unavailable": readyNode("a", startTaints[2], ""),
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
			require.Equal(t, nodesReadyTimeout, time.Since(began))
		})
	}
	cordoned := readyNode("b", "", "")
	cordoned.Spec.Unschedulable = true
	require.NoError(t, awaitNodes(t.Context(), clientOf(t, cordoned, readyNode("c", "shop/gpu", "")), 2))
	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.ErrorIs(t, awaitNodes(ctx, clientOf(t, silentNode("a", "")), 1), run.ErrInterrupted)
}
