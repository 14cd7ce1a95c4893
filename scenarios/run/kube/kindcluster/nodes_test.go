package kindcluster

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/client/clienttest"
)

const controlPlane = "node-role.kubernetes.io/control-plane"

func clientOf(t *testing.T, objects ...runtime.Object) *client.Client {
	c, _ := clienttest.New(t, objects...)
	return c
}

// A cluster that has just been created has its nodes, and they take no pods yet:
// they are waited for.
func TestNodesComeUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clientOf(t, clienttest.ReadyNode("head", controlPlane, ""), clienttest.ReadyNode("a", startTaints[0], "cni plugin not initialized"))
		update := func(n *corev1.Node) {
			_, err := c.Nodes().Update(t.Context(), n, metav1.UpdateOptions{})
			require.NoError(t, err)
		}
		create := func(n *corev1.Node) {
			_, err := c.Nodes().Create(t.Context(), n, metav1.CreateOptions{})
			require.NoError(t, err)
		}
		time.AfterFunc(10*time.Second, func() { update(clienttest.ReadyNode("a", startTaints[0], "")) }) // ready, and tainted still
		time.AfterFunc(12*time.Second, func() { update(clienttest.ReadyNode("a", "", "")) })
		time.AfterFunc(15*time.Second, func() { create(clienttest.ReadyNode("b", "", "")) }) // joins last
		began := time.Now()
		require.NoError(t, awaitNodes(t.Context(), c, 3))
		require.InDelta(t, 15, time.Since(began).Seconds(), 1)
	})
}

// Nodes that do not come up are an error with the reason; what is cordoned or
// tainted by somebody is no reason to wait.
func TestNodesThatDoNotComeUp(t *testing.T) {
	for want, node := range map[string]*corev1.Node{
		"a is not ready: cni plugin not initialized":                clienttest.ReadyNode("a", "", "cni plugin not initialized"),
		"a has not reported yet":                                    clienttest.SilentNode("a", ""),
		"a is still tainted node.kubernetes.io/network-unavailable": clienttest.ReadyNode("a", startTaints[2], ""),
		"1 of 2 have joined":                                        nil,
	} {
		synctest.Test(t, func(t *testing.T) {
			land := []runtime.Object{clienttest.ReadyNode("head", controlPlane, "")}
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
	cordoned := clienttest.ReadyNode("b", "", "")
	cordoned.Spec.Unschedulable = true
	require.NoError(t, awaitNodes(t.Context(), clientOf(t, cordoned, clienttest.ReadyNode("c", "shop/gpu", "")), 2))
	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.ErrorIs(t, awaitNodes(ctx, clientOf(t, clienttest.SilentNode("a", "")), 1), run.ErrInterrupted)
}
