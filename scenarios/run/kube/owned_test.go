package kube

import (
	"errors"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic/fake"
	clienttesting "k8s.io/client-go/testing"

	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/owner"
)

// controlledBy is the reference of what its owner manages.
func controlledBy(version, kind, name string) metav1.OwnerReference {
	yes := true
	return metav1.OwnerReference{APIVersion: version, Kind: kind, Name: name, UID: types.UID("uid-" + name), Controller: &yes}
}

// setOf is a ReplicaSet as a Deployment makes it.
func setOf(name, deployment string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetAPIVersion("apps/v1")
	u.SetKind("ReplicaSet")
	u.SetNamespace("shop")
	u.SetName(name)
	u.SetUID(types.UID("uid-" + name))
	u.SetOwnerReferences([]metav1.OwnerReference{controlledBy("apps/v1", "Deployment", deployment)})
	return u
}

// shopOf is a cluster's namespace with what is in it.
func shopOf(objects ...runtime.Object) *api {
	return fakeAPI(fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{
		pods: "PodList", replicaSets: "ReplicaSetList", slices1: "EndpointSliceList", k8sEvents: "EventList", deployments: "DeploymentList",
	}, objects...))
}

func podOf(name, phase string, labels map[string]string, owners ...metav1.OwnerReference) *podView {
	p := &podView{}
	p.Metadata.Name, p.Metadata.UID, p.Metadata.Labels, p.Metadata.OwnerReferences = name, "uid-"+name, maps.Clone(labels), owners
	p.Status.Phase = phase
	return p
}

// TestWhoseAPodIs: a selector takes in more than a Deployment's own pods.
func TestWhoseAPodIs(t *testing.T) {
	app := map[string]string{"app": "orders"}
	set := controlledBy("apps/v1", "ReplicaSet", "orders-1")
	cases := map[string]struct {
		pod  *podView
		mine bool
	}{
		"its own":                {podOf("a", "Running", app, set), true},
		"one that comes":         {podOf("b", "Pending", app, set), true},
		"a canary's":             {podOf("c", "Running", map[string]string{"app": "orders", "track": "canary"}, controlledBy("apps/v1", "ReplicaSet", "orders-canary-1")), false},
		"a Job's":                {podOf("d", "Running", map[string]string{"app": "orders", "job-name": "migrate"}, controlledBy("batch/v1", "Job", "migrate")), false},
		"nobody's":               {podOf("e", "Running", app), false},
		"of another selector":    {podOf("f", "Running", map[string]string{"app": "orders-2"}, set), false},
		"of a set that is gone":  {podOf("g", "Running", app, controlledBy("apps/v1", "ReplicaSet", "orders-0")), false},
		"of another kind of set": {podOf("h", "Running", app, controlledBy("example.org/v1", "ReplicaSet", "orders-1")), false},
		"evicted before the run": {podOf("i", "Failed", app, set), false},
		"done before the run":    {podOf("j", "Succeeded", app, set), false},
	}
	th := &theirs{view: view(3, 3)}
	var err error
	th.pods, err = shopOf(setOf("orders-1", "orders"), setOf("orders-canary-1", "orders-canary")).owned("shop", "orders", &th.view.Spec.Selector)
	require.NoError(t, err)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			mine, err := th.claim(t.Context(), c.pod)
			require.NoError(t, err)
			require.Equal(t, c.mine, mine)
			require.Equal(t, c.mine, c.pod.Metadata.Labels[owner.WorkloadLabel] == "orders")
		})
	}
	mine, err := th.claim(t.Context(), podOf("a", "Failed", nil, set))
	require.NoError(t, err)
	require.True(t, mine, "whatever becomes of it")
}

// TestAPodWithoutLabels: a selector of nothing but exclusions takes it in.
func TestAPodWithoutLabels(t *testing.T) {
	th := &theirs{view: view(1, 1)}
	var err error
	th.pods, err = shopOf(setOf("orders-1", "orders")).owned("shop", "orders",
		&metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "track", Operator: metav1.LabelSelectorOpDoesNotExist}}})
	require.NoError(t, err)
	p := podOf("a", "Running", nil, controlledBy("apps/v1", "ReplicaSet", "orders-1"))
	mine, err := th.claim(t.Context(), p)
	require.NoError(t, err)
	require.True(t, mine)
	require.Equal(t, "orders", p.Metadata.Labels[owner.WorkloadLabel])
}

// TestASetIsAskedForOnce, and again where there was no answer.
func TestASetIsAskedForOnce(t *testing.T) {
	a := shopOf(setOf("orders-1", "orders"))
	asked, deaf := 0, true
	a.Interface.(*fake.FakeDynamicClient).PrependReactor("get", "replicasets", func(clienttesting.Action) (bool, runtime.Object, error) {
		asked++
		return deaf, nil, errors.New("no answer")
	})
	o, err := a.owned("shop", "orders", &metav1.LabelSelector{MatchLabels: map[string]string{"app": "orders"}})
	require.NoError(t, err)
	set := controlledBy("apps/v1", "ReplicaSet", "orders-1")
	app := map[string]string{"app": "orders"}
	_, err = o.has(t.Context(), podOf("a", "Running", app, set))
	require.ErrorIs(t, err, run.ErrEnvironment)
	deaf = false
	for _, name := range []string{"a", "b", "a"} {
		mine, err := o.has(t.Context(), podOf(name, "Running", app, set))
		require.NoError(t, err)
		require.True(t, mine, name)
	}
	require.Equal(t, 2, asked)
}

// TestWhoIsLeaving: a canary's pod that goes does not hold the target up.
func TestWhoIsLeaving(t *testing.T) {
	leaving := func(name, set string) *unstructured.Unstructured {
		u := ordersPod(t, name)
		u.SetOwnerReferences([]metav1.OwnerReference{controlledBy("apps/v1", "ReplicaSet", set)})
		require.NoError(t, unstructured.SetNestedField(u.Object, "2026-01-01T00:00:00Z", "metadata", "deletionTimestamp"))
		return u
	}
	c := &change{namespace: "shop", name: "orders", api: shopOf(setOf("orders-1", "orders"), setOf("orders-canary-1", "orders-canary"),
		ordersPod(t, "stays"), leaving("a", "orders-1"), leaving("b", "orders-canary-1"))}
	v := &rolloutView{}
	v.Spec.Selector.MatchLabels = map[string]string{"app": "orders"}
	there, n, err := c.members(t.Context(), v)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, []string{"a", "stays"}, there)
}
