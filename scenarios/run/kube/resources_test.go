package kube

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/client/clienttest"
	"zeroloss/scenarios/run/kube/render"
)

const controlPlane = "node-role.kubernetes.io/control-plane"

func clientOf(t *testing.T, objects ...runtime.Object) *client.Client {
	c, _ := clienttest.New(t, objects...)
	return c
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
	cordoned := clienttest.ReadyNode("cordoned", "", "")
	cordoned.Spec.Unschedulable = true
	closed := []runtime.Object{cordoned, clienttest.ReadyNode("down", "", "gone"), clienttest.ReadyNode("head", controlPlane, "")}
	all := append(slices.Clone(closed), clienttest.ReadyNode("open", "", ""),
		pod("runs", "open", "Running"), pod("waits", "", "Pending"), pod("done", "open", "Succeeded"), pod("failed", "open", "Failed"),
		pod("elsewhere", "cordoned", "Running"), pod("system", "head", "Running"))
	require.Equal(t, render.Resources{MilliCPU: 1000, Memory: 2 << 30}, free(all...))
	require.Equal(t, render.Resources{}, free(closed...), "cannot be told")
}
