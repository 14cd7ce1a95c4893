package observe

import (
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/client/clienttest"
)

// controlledBy is a reference to an object's controller.
func controlledBy(version, kind, name string) metav1.OwnerReference {
	yes := true
	return metav1.OwnerReference{APIVersion: version, Kind: kind, Name: name, UID: types.UID("uid-" + name), Controller: &yes}
}

// replicaSet is one as a Deployment creates it.
func replicaSet(name, deployment string) *appsv1.ReplicaSet {
	return &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{
		Namespace: "shop", Name: name, UID: types.UID("uid-" + name), OwnerReferences: []metav1.OwnerReference{controlledBy("apps/v1", "Deployment", deployment)},
	}}
}

func clientOf(t *testing.T, objects ...runtime.Object) *client.Client {
	c, _ := clienttest.New(t, objects...)
	return c
}

func ordersWith(selector metav1.LabelSelector) *appsv1.Deployment {
	return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "orders"}, Spec: appsv1.DeploymentSpec{Selector: &selector}}
}

var selectsOrders = metav1.LabelSelector{MatchLabels: map[string]string{"app": "orders"}}

func ownedPod(name string, phase corev1.PodPhase, labels map[string]string, owners ...metav1.OwnerReference) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("uid-" + name), Labels: labels, OwnerReferences: owners},
		Status:     corev1.PodStatus{Phase: phase},
	}
}

// TestOwns: a selector matches more than a Deployment's own pods.
func TestOwns(t *testing.T) {
	app := map[string]string{"app": "orders"}
	set := controlledBy("apps/v1", "ReplicaSet", "orders-1")
	cases := map[string]struct {
		pod  *corev1.Pod
		want bool
	}{
		"its own":                          {ownedPod("a", "Running", app, set), true},
		"a new one":                        {ownedPod("b", "Pending", app, set), true},
		"a canary's":                       {ownedPod("c", "Running", map[string]string{"app": "orders", "track": "canary"}, controlledBy("apps/v1", "ReplicaSet", "orders-canary-1")), false},
		"a Job's":                          {ownedPod("d", "Running", map[string]string{"app": "orders", "job-name": "migrate"}, controlledBy("batch/v1", "Job", "migrate")), false},
		"without an owner":                 {ownedPod("e", "Running", app), false},
		"not selected":                     {ownedPod("f", "Running", map[string]string{"app": "orders-2"}, set), false},
		"of a ReplicaSet that is gone":     {ownedPod("g", "Running", app, controlledBy("apps/v1", "ReplicaSet", "orders-0")), false},
		"of another group's ReplicaSet":    {ownedPod("h", "Running", app, controlledBy("example.org/v1", "ReplicaSet", "orders-1")), false},
		"evicted before the run":           {ownedPod("i", "Failed", app, set), false},
		"finished its work before the run": {ownedPod("j", "Succeeded", app, set), false},
	}
	o, err := NewPodOwnership(clientOf(t, replicaSet("orders-1", "orders"), replicaSet("orders-canary-1", "orders-canary")), "shop", ordersWith(selectsOrders))
	require.NoError(t, err)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			owns, err := o.Owns(t.Context(), c.pod)
			require.NoError(t, err)
			require.Equal(t, c.want, owns)
		})
	}
	owns, err := o.Owns(t.Context(), ownedPod("a", "Failed", nil, set))
	require.NoError(t, err)
	require.True(t, owns, "whatever becomes of it")
}

// TestOwnsAPodWithoutLabels: a selector of nothing but exclusions matches it.
func TestOwnsAPodWithoutLabels(t *testing.T) {
	o, err := NewPodOwnership(clientOf(t, replicaSet("orders-1", "orders")), "shop", ordersWith(
		metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "track", Operator: metav1.LabelSelectorOpDoesNotExist}}}))
	require.NoError(t, err)
	owns, err := o.Owns(t.Context(), ownedPod("a", "Running", nil, controlledBy("apps/v1", "ReplicaSet", "orders-1")))
	require.NoError(t, err)
	require.True(t, owns)
}

// TestAReplicaSetIsReadOnce, and again only where there was no answer.
func TestAReplicaSetIsReadOnce(t *testing.T) {
	gets, down := 0, true
	c, server := clienttest.New(t, replicaSet("orders-1", "orders"))
	server.OnRequest(func(*http.Request) error {
		gets++
		if down {
			return errors.New("no answer")
		}
		return nil
	})
	o, err := NewPodOwnership(c, "shop", ordersWith(selectsOrders))
	require.NoError(t, err)
	set := controlledBy("apps/v1", "ReplicaSet", "orders-1")
	app := map[string]string{"app": "orders"}
	_, err = o.Owns(t.Context(), ownedPod("a", "Running", app, set))
	require.ErrorIs(t, err, run.ErrEnvironment)
	down = false
	for _, name := range []string{"a", "b", "a"} {
		owns, err := o.Owns(t.Context(), ownedPod(name, "Running", app, set))
		require.NoError(t, err)
		require.True(t, owns, name)
	}
	require.Equal(t, 2, gets)
}
