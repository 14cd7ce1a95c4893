package kube

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/fake"
	kubetesting "k8s.io/client-go/testing"

	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/owner"
)

// shop is a cluster with a Deployment of three replicas, none of ours.
func shop(t *testing.T) *api {
	t.Helper()
	u := deploymentOf(t, orders)
	return fakeAPI(fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{deployments: "DeploymentList"}, u))
}

func theDeployment(t *testing.T, a *api) *unstructured.Unstructured {
	t.Helper()
	u, err := a.In(deployments, "shop").Get(t.Context(), "orders", metav1.GetOptions{})
	require.NoError(t, err)
	return u
}

// TestReplicasAreGivenBack: what the run has scaled, whenever it was killed, and
// nothing that somebody else has.
func TestReplicasAreGivenBack(t *testing.T) {
	type deed struct {
		mark  int // 0: no mark, somebody else's
		scale int // 0: the run was killed before
	}
	cases := map[string]struct {
		deeds []deed
		has   int
		done  string
	}{
		"scaled in":                          {[]deed{{1, 1}}, 3, "scaled back to 3"},
		"killed between mark and scaling":    {[]deed{{1, 0}}, 3, ""},
		"scaled back by a step":              {[]deed{{1, 1}, {3, 3}}, 3, ""},
		"killed before it was scaled back":   {[]deed{{1, 1}, {3, 0}}, 3, "scaled back to 3"},
		"somebody else has scaled it since":  {[]deed{{1, 1}, {0, 10}}, 10, "left as it is: it had 3, the run scaled it to 1, and somebody else has scaled it to 10 since"},
		"somebody else, after the last step": {[]deed{{1, 1}, {3, 3}, {0, 5}}, 5, "left as it is: it had 3, the run scaled it to 1 and 3, and somebody else has scaled it to 5 since"},
		"somebody else has given it back":    {[]deed{{1, 1}, {0, 3}}, 3, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			a := shop(t)
			was := theDeployment(t, a)
			for _, d := range c.deeds {
				if d.mark > 0 {
					require.NoError(t, a.markScaled(t.Context(), "shop", "orders", d.mark))
				}
				if d.scale > 0 {
					require.NoError(t, a.Scale(t.Context(), "shop", "orders", d.scale))
				}
			}
			done, err := a.giveBack(t.Context(), "shop", "orders")
			require.NoError(t, err)
			require.Equal(t, c.done, done)
			u := theDeployment(t, a)
			require.Equal(t, c.has, replicasOf(u))
			require.Equal(t, was.GetLabels(), u.GetLabels(), "no mark is left")
			require.Equal(t, was.GetAnnotations(), u.GetAnnotations())
		})
	}
}

func TestAScaledTargetIsNotTakenAgain(t *testing.T) {
	a, p := shop(t), attachedPlan()
	require.NoError(t, a.unmarked(t.Context(), p))
	require.NoError(t, a.markScaled(t.Context(), "shop", "orders", 1))
	err := a.unmarked(t.Context(), p)
	require.ErrorIs(t, err, run.ErrEnvironment)
	require.ErrorContains(t, err, "is scaled by a run already ("+owner.Self()+")\n  zeroloss clean gives it back")
}

// TestCleanGivesBackInOneNamespace: whose process is gone, and nobody else's.
func TestCleanGivesBackInOneNamespace(t *testing.T) {
	for harness, says := range map[string]string{
		"here/999999999": "deployment shop/orders: scaled back to 3",
		"there/1":        "deployment shop/orders: left alone, it belongs to a run of there (--all takes it)",
		owner.Self():     "works with it",
	} {
		a := shop(t)
		require.NoError(t, a.markScaled(t.Context(), "shop", "orders", 1))
		require.NoError(t, a.Scale(t.Context(), "shop", "orders", 1))
		require.NoError(t, a.annotateScaled(t.Context(), theDeployment(t, a), map[string]any{owner.Annotation: harness}, "true"))
		var said []string
		host := "here"
		if harness == owner.Self() {
			host = harness
		}
		require.NoError(t, a.cleanTargets(t.Context(), host, CleanOptions{Namespace: "shop", Say: func(s string) { said = append(said, s) }}))
		require.Len(t, said, 1)
		require.Contains(t, said[0], says)
	}
	a := shop(t)
	require.NoError(t, a.markScaled(t.Context(), "shop", "orders", 1))
	u := theDeployment(t, a)
	require.NoError(t, a.annotateScaled(t.Context(), u, map[string]any{replicasMark: "many"}, "true"))
	_, err := a.giveBack(t.Context(), "shop", "orders")
	require.ErrorContains(t, err, `its mark cannot be read: zeroloss/replicas="many"`)
}

// TestOverwriteReadsAgain: what somebody else has written in between is not lost.
func TestOverwriteReadsAgain(t *testing.T) {
	a := shop(t)
	c := a.Interface.(*fake.FakeDynamicClient)
	conflicts := 0
	c.PrependReactor("patch", "deployments", func(kubetesting.Action) (bool, runtime.Object, error) {
		if conflicts++; conflicts > 2 {
			return false, nil, nil
		}
		got, err := c.Tracker().Get(deployments, "shop", "orders")
		require.NoError(t, err)
		u := got.(*unstructured.Unstructured)
		require.NoError(t, unstructured.SetNestedField(u.Object, int64(3+conflicts), "spec", "replicas"))
		require.NoError(t, c.Tracker().Update(deployments, u, "shop"))
		return true, nil, apierrors.NewConflict(deployments.GroupResource(), "orders", errors.New("the object has been modified"))
	})
	require.NoError(t, a.markScaled(t.Context(), "shop", "orders", 1))
	require.Equal(t, 3, conflicts)
	require.Equal(t, "5", theDeployment(t, a).GetAnnotations()[replicasMark], "what it had when the mark was written")

	conflicts = -1000
	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.ErrorIs(t, a.markScaled(ctx, "shop", "orders", 1), run.ErrInterrupted)
}
