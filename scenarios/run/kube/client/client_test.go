package client_test

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/client/clienttest"
)

func deployment(replicas int32) *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "orders"},
		Spec:       appsv1.DeploymentSpec{Replicas: &replicas},
	}
}

func TestDeploymentVerbs(t *testing.T) {
	c, _ := clienttest.New(t, deployment(3))
	require.NoError(t, c.Scale(t.Context(), "shop", "orders", 0))
	require.NoError(t, c.Restart(t.Context(), "shop", "orders", time.Unix(0, 0).UTC()))
	require.NoError(t, c.SetPaused(t.Context(), "shop", "orders", true))
	d, err := c.Deployments("shop").Get(t.Context(), "orders", metav1.GetOptions{})
	require.NoError(t, err)
	require.Zero(t, *d.Spec.Replicas)
	require.True(t, d.Spec.Paused)
	require.Equal(t, "1970-01-01T00:00:00Z", d.Spec.Template.Annotations[client.RestartedAtAnnotation])
	require.NoError(t, c.SetPaused(t.Context(), "shop", "orders", false))
	d, err = c.Deployments("shop").Get(t.Context(), "orders", metav1.GetOptions{})
	require.NoError(t, err)
	require.False(t, d.Spec.Paused)
	require.ErrorIs(t, c.Scale(t.Context(), "shop", "bills", 1), run.ErrEnvironment)
}

func TestApply(t *testing.T) {
	c, _ := clienttest.New(t)
	cm := &corev1.ConfigMap{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}, ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "x"}, Data: map[string]string{"a": "1"}}
	for _, value := range []string{"1", "2"} {
		cm.Data["a"] = value
		got, err := c.Apply(t.Context(), cm)
		require.NoError(t, err)
		require.Equal(t, "x", got.GetName())
		require.Equal(t, map[string]any{"a": value}, got.Object["data"])
	}
	_, err := c.Apply(t.Context(), &corev1.Node{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Node"}})
	require.EqualError(t, err, `objects of kind "Node" (v1) are not applied`)
}

func TestDeletePodThatIsGone(t *testing.T) {
	c, _ := clienttest.New(t, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "a"}})
	for range 2 {
		require.NoError(t, c.DeletePod(t.Context(), "shop", "a"))
	}
	all, err := c.Pods("shop").List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Empty(t, all.Items)
}

func TestExplain(t *testing.T) {
	c, s := clienttest.New(t)
	pods := schema.GroupResource{Resource: "pods"}
	for _, x := range []struct {
		err  error
		hint string
	}{
		{apierrors.NewForbidden(pods, "a", errors.New("exceeded quota: q")), "a quota of the namespace is too small"},
		{apierrors.NewForbidden(pods, "a", errors.New("no")), "zeroloss render --rbac prints those"},
		{apierrors.NewUnauthorized("no"), "check the context's user"},
	} {
		s.OnRequest(func(*http.Request) error { return x.err })
		_, err := c.Pods("shop").Get(t.Context(), "a", metav1.GetOptions{})
		err = c.Explain("reading pod a", err)
		require.ErrorIs(t, err, run.ErrEnvironment)
		require.ErrorContains(t, err, "reading pod a: ")
		require.ErrorContains(t, err, x.hint)
		c, s = clienttest.New(t)
	}
	require.NoError(t, c.Explain("anything", nil))
}

// The typed clients and the reflector speak the real protocol.
func TestReflectorOfPods(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pod := func(name string) *corev1.Pod {
			return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
		}
		c, _ := clienttest.New(t, pod("a"))
		seen := make(chan string, 9)
		r := client.NewReflector(c, "pods", c.Pods("shop"), client.Handler[*corev1.Pod]{
			OnObject: func(p *corev1.Pod) error { seen <- p.Name; return nil },
			OnGone:   func(p *corev1.Pod) { seen <- "-" + p.Name },
		}, client.NewGapTracker(func(time.Time, time.Duration) { seen <- "gap" }))
		done := make(chan error, 1)
		ctx := t.Context()
		go func() { done <- r.Run(ctx) }()
		require.Equal(t, "a", <-seen)
		synctest.Wait()
		_, err := c.Pods("shop").Create(ctx, pod("b"), metav1.CreateOptions{})
		require.NoError(t, err)
		require.Equal(t, "b", <-seen)
		require.NoError(t, c.DeletePod(ctx, "shop", "b"))
		require.Equal(t, "b", <-seen)
		require.Equal(t, "-b", <-seen)
	})
}

func TestCheckAccess(t *testing.T) {
	c, s := clienttest.New(t)
	all := []client.Permission{{Group: "apps", Resource: "deployments/scale", Verb: "patch", Namespace: "shop"}, {Resource: "nodes", Verb: "list"}}
	require.NoError(t, c.CheckAccess(t.Context(), all, ""))
	s.Allowed = func(*authorizationv1.ResourceAttributes) bool { return false }
	err := c.CheckAccess(t.Context(), all, "ask for them")
	require.EqualError(t, err, run.ErrEnvironment.Error()+": permissions are missing: patch deployments/scale.apps in namespace shop, list nodes in the cluster\n  ask for them")
	require.Equal(t, []string{"POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews"}, s.Requests()[:1])
	rules := client.PolicyRules(all, "shop")
	require.Len(t, rules, 1)
	require.Equal(t, []string{"deployments/scale"}, rules[0].Resources)
}
