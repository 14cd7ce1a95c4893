//go:build e2e

package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// podsMeetRestrictedProfile checks with a dry run that a namespace which enforces
// the Pod Security profile "restricted" accepts each pod of zeroloss. It refuses
// the pod of Nacos, which has a third-party image.
func podsMeetRestrictedProfile(t *testing.T, w *testCluster) {
	const name = "e2e-restricted"
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}}}
	require.NoError(t, w.client.Resources().Create(t.Context(), ns))
	defer func() { require.NoError(t, w.client.Resources().Delete(context.WithoutCancel(t.Context()), ns)) }()
	require.Eventually(t, func() bool { // a controller creates it, and pods need it
		return w.client.Resources().Get(t.Context(), "default", name, &corev1.ServiceAccount{}) == nil
	}, 30*time.Second, 100*time.Millisecond)

	dry := func(o *metav1.CreateOptions) { o.DryRun = []string{metav1.DryRunAll} }
	for _, args := range [][]string{{"offline"}, {"offline", "--load-pods", "3"}, {"own-service"}} {
		registry := false
		for pod, spec := range renderedPods(t, args...) {
			err := w.client.Resources().Create(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: pod, Namespace: name}, Spec: spec}, dry)
			if strings.HasPrefix(pod, "nacos-server") {
				registry = true
				require.ErrorContains(t, err, `violates PodSecurity "restricted`)
				continue
			}
			require.NoError(t, err, "%v: %s", args, pod)
		}
		require.Equal(t, args[0] == "offline", registry, "that it refuses somebody shows that it looks")
	}
}

// renderedPods returns the specs of the pods that a run applies, by owner.
func renderedPods(t *testing.T, args ...string) map[string]corev1.PodSpec {
	t.Helper()
	code, out, errs := call(t, "", zeroloss, append([]string{"render"}, args...)...)
	require.Zero(t, code, errs)
	pods := map[string]corev1.PodSpec{}
	for _, doc := range strings.Split(out, "\n---\n") {
		var of metav1.TypeMeta
		require.NoError(t, yaml.Unmarshal([]byte(doc), &of))
		read := func(v metav1.Object) { require.NoError(t, yaml.UnmarshalStrict([]byte(doc), v)) }
		switch of.Kind {
		case "Pod":
			var p corev1.Pod
			read(&p)
			pods[p.Name] = p.Spec
		case "Deployment":
			var d appsv1.Deployment
			read(&d)
			pods[d.Name] = d.Spec.Template.Spec
		case "Job":
			var j batchv1.Job
			read(&j)
			pods[j.Name] = j.Spec.Template.Spec
		}
	}
	require.Contains(t, pods, "zeroloss-load")
	require.Greater(t, len(pods), 2)
	return pods
}
