package target

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client/clienttest"
	"zeroloss/scenarios/run/kube/observe"
	"zeroloss/scenarios/run/kube/owner"
)

// inCluster is Deployment shop/orders with three replicas, none of this program's,
// in a cluster.
func inCluster(t *testing.T, others ...runtime.Object) (*Deployment, *clienttest.Server) {
	t.Helper()
	d := orders(3, 3)
	d.Labels, d.Annotations = map[string]string{"team": "a"}, map[string]string{"note": "b"}
	c, server := clienttest.New(t, append(others, d)...)
	return &Deployment{c: c, namespace: "shop", name: "orders"}, server
}

func read(t *testing.T, d *Deployment) *appsv1.Deployment {
	t.Helper()
	got, err := d.Get(t.Context())
	require.NoError(t, err)
	return got
}

// TestRestoreReplicas: what the run has scaled, whenever it was killed, and nothing
// that someone else has scaled.
func TestRestoreReplicas(t *testing.T) {
	type scaling struct {
		note  int // 0: no note, someone else's
		scale int // 0: the run was killed before
	}
	cases := map[string]struct {
		scalings []scaling
		has      int
		done     string
	}{
		"scaled in":                         {[]scaling{{1, 1}}, 3, "scaled back to 3"},
		"killed between note and scaling":   {[]scaling{{1, 0}}, 3, ""},
		"scaled back by a step":             {[]scaling{{1, 1}, {3, 3}}, 3, ""},
		"killed before it was scaled back":  {[]scaling{{1, 1}, {3, 0}}, 3, "scaled back to 3"},
		"someone else has scaled it since":  {[]scaling{{1, 1}, {0, 10}}, 10, "not restored: someone else has scaled it to 10 since (before the run: 3; by the run: 1)"},
		"someone else, after the last step": {[]scaling{{1, 1}, {3, 3}, {0, 5}}, 5, "not restored: someone else has scaled it to 5 since (before the run: 3; by the run: 1, 3)"},
		"someone else has restored it":      {[]scaling{{1, 1}, {0, 3}}, 3, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			d, _ := inCluster(t)
			was := read(t, d)
			for _, s := range c.scalings {
				if s.note > 0 {
					require.NoError(t, d.noteScaling(t.Context(), s.note))
				}
				if s.scale > 0 {
					require.NoError(t, d.c.Scale(t.Context(), "shop", "orders", s.scale))
				}
			}
			done, err := d.RestoreReplicas(t.Context())
			require.NoError(t, err)
			require.Equal(t, c.done, done)
			got := read(t, d)
			require.Equal(t, c.has, observe.Replicas(got))
			require.Equal(t, was.Labels, got.Labels, "no note is left")
			require.Equal(t, was.Annotations, got.Annotations)
		})
	}
}

func TestAScaledTargetIsNotTakenAgain(t *testing.T) {
	d, _ := inCluster(t)
	require.NoError(t, checkNotScaled(read(t, d)))
	require.NoError(t, d.Scale(t.Context(), 1))
	err := checkNotScaled(read(t, d))
	require.ErrorIs(t, err, run.ErrEnvironment)
	require.ErrorContains(t, err, "another run ("+owner.Self()+") has scaled Deployment shop/orders\n  if that run is gone, zeroloss clean restores it")
}

// TestCleanRestoresReplicas of a run whose process is gone, and of no other.
func TestCleanRestoresReplicas(t *testing.T) {
	for process, says := range map[string]string{
		"here/999999999": "deployment shop/orders: scaled back to 3",
		"there/1":        "deployment shop/orders: left alone, it belongs to a run of there (--all takes it)",
		owner.Self():     "works with it",
	} {
		d, _ := inCluster(t)
		require.NoError(t, d.Scale(t.Context(), 1))
		require.NoError(t, d.annotateScaled(t.Context(), read(t, d), map[string]any{owner.Annotation: process}, "true"))
		var said []string
		self := "here"
		if process == owner.Self() {
			self = process
		}
		require.NoError(t, RestoreLeftovers(t.Context(), d.c, RestoreOptions{Namespace: "shop", Self: self, Timeout: time.Minute, Say: func(s string) { said = append(said, s) }}))
		require.Len(t, said, 1)
		require.Contains(t, said[0], says)
	}
	d, _ := inCluster(t)
	require.NoError(t, d.Scale(t.Context(), 1))
	require.NoError(t, d.annotateScaled(t.Context(), read(t, d), map[string]any{replicasAnnotation: "many"}, "true"))
	_, err := d.RestoreReplicas(t.Context())
	require.ErrorContains(t, err, `its annotation cannot be read: zeroloss/replicas="many"`)
}

// TestRetryOnConflict: what someone else has written in between is not lost.
func TestRetryOnConflict(t *testing.T) {
	d, server := inCluster(t)
	conflicts := 0
	server.OnRequest(func(r *http.Request) error {
		if r.Method != http.MethodPatch || strings.HasSuffix(r.URL.Path, "/scale") {
			return nil
		}
		if conflicts++; conflicts > 2 {
			return nil
		}
		require.NoError(t, d.c.Scale(t.Context(), "shop", "orders", 3+conflicts)) // someone else
		return apierrors.NewConflict(appsv1.Resource("deployments"), "orders", errors.New("the object has been modified"))
	})
	require.NoError(t, d.noteScaling(t.Context(), 1))
	require.Equal(t, 3, conflicts)
	require.Equal(t, "5", read(t, d).Annotations[replicasAnnotation], "what it had when the note was written")

	conflicts = -1000
	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.ErrorIs(t, d.noteScaling(ctx, 1), run.ErrInterrupted)
}

// TestTerminatingPods: a canary's pod that terminates does not hold the target up.
func TestTerminatingPods(t *testing.T) {
	yes, now := true, metav1.Now()
	var objects []runtime.Object
	for set, deployment := range map[string]string{"orders-1": "orders", "orders-canary-1": "orders-canary"} {
		objects = append(objects, &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: set, UID: types.UID(set), OwnerReferences: []metav1.OwnerReference{
			{APIVersion: "apps/v1", Kind: "Deployment", Name: deployment, Controller: &yes},
		}}})
	}
	for _, p := range []struct {
		name, set   string
		terminating *metav1.Time
	}{{"stays", "orders-1", nil}, {"a", "orders-1", &now}, {"b", "orders-canary-1", &now}} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: p.name, UID: types.UID(p.name), Labels: map[string]string{"app": "orders"}, DeletionTimestamp: p.terminating}}
		pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: p.set, UID: types.UID(p.set), Controller: &yes}}
		objects = append(objects, pod)
	}
	d, _ := inCluster(t, objects...)
	pods, terminating, err := d.pods(t.Context(), read(t, d))
	require.NoError(t, err)
	require.Equal(t, 1, terminating)
	require.Equal(t, map[string]bool{"a": true, "stays": true}, pods)
	s, err := d.State(t.Context())
	require.NoError(t, err)
	require.False(t, s.Complete, "one pod still terminates")
}
