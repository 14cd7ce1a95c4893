//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/e2e-framework/klient/k8s"
	"sigs.k8s.io/yaml"
)

// Tests of the rights that attach needs and of the targets that it accepts.

// refusesTargetWithoutReadyPods checks that attach refuses a target without ready
// pods before it starts anything, whatever the action, and leaves it unchanged.
func refusesTargetWithoutReadyPods(t *testing.T, w *testCluster, url string) {
	w.createIdleDeployment(t)
	const look = "kubectl -n " + targetNS + " get deployment idle -o 'jsonpath={.metadata.generation} {.metadata.labels} {.spec}'"
	before := w.execInNode(t, look)
	for _, args := range [][]string{{"--observe"}, {"--restart", "--allow-changes"}, {"--scale-to", "2", "--allow-changes", "--in-cluster"}} {
		r := startVerb(t, "attach", zeroloss, filepath.Join(t.TempDir(), "run"),
			append(args, "--cluster", w.name, "--deployment", targetNS+"/idle", "--url", url)...)
		require.Equal(t, 4, r.code(time.Minute), r.stderr.String())
		require.Contains(t, r.stderr.String(), "Deployment "+targetNS+"/idle has no ready pods (0/1)")
		require.Equal(t, 1, strings.Count(r.stderr.String(), "zeroloss: "), r.stderr.String())
		require.Empty(t, r.stdout.String())
		require.NoDirExists(t, r.dir)
	}
	require.Equal(t, before, w.execInNode(t, look))
}

// createIdleDeployment creates a Deployment whose pod runs but never becomes
// ready. It is deleted at the end of the test.
func (w *testCluster) createIdleDeployment(t *testing.T) {
	t.Helper()
	labels, one := map[string]string{"app": "idle"}, int32(1)
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "idle", Namespace: targetNS},
		Spec: appsv1.DeploymentSpec{
			Replicas: &one, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{
				Name: "idle", Image: w.pauseImage(t), ImagePullPolicy: corev1.PullIfNotPresent,
				ReadinessProbe: &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(1)}}},
			}}}},
		},
	}
	w.create(t, d)
	w.execInNode(t, "kubectl -n "+targetNS+" wait deployment idle --for=jsonpath='{.status.unavailableReplicas}'=1 --timeout 30s")
}

// create creates an object and deletes it at the end of the test.
func (w *testCluster) create(t *testing.T, o k8s.Object) {
	t.Helper()
	require.NoError(t, w.client.Resources().Create(t.Context(), o))
	t.Cleanup(func() { require.NoError(t, w.client.Resources().Delete(context.Background(), o)) }) // the test's own context has ended
}

// runsWithPrintedRights checks that the rights that attach prints are sufficient
// to run from a pod and to clean up.
func runsWithPrintedRights(t *testing.T, w *testCluster, inside string) {
	do := []string{"--deployment", targetNS + "/orders", "--url", inside, "--restart", "--allow-changes", "--in-cluster"}
	code, out, errs := call(t, "", zeroloss, append([]string{"attach", "--rbac"}, do...)...)
	require.Zero(t, code, errs)
	kubeconfig, who := w.serviceAccount(t, "attacher")
	w.grant(t, who, out)

	image := w.loadOwnImage(t)
	r := measure(t, "with its rights", 3*time.Minute, func() *running {
		w.execInNode(t, "kubectl -n "+targetNS+" rollout status deployment orders --timeout 60s")
		return startVerb(t, "attach", zeroloss, filepath.Join(t.TempDir(), "run"), append(do, "--kubeconfig", kubeconfig, "--context", "here", "--image", image,
			"--instance-header", "X-Pod", "--rate", "45/s", "--at", "4s", "--duration", "25s", "--json")...)
	}, func(a attempt) {
		require.NotContains(t, a.stderr.String(), "forbidden")
		w.onlyOwnObjectsRemain(t)
	})
	r.skipIfBusy(t)
	var s struct {
		Arms map[string]struct{ Lost, Releases int }
	}
	require.NoError(t, json.Unmarshal(r.stdout.Bytes(), &s))
	require.Equal(t, 1, r.code, r.stderr.String())
	require.Positive(t, s.Arms["orders"].Lost)
	require.Equal(t, 3, s.Arms["orders"].Releases)
}

// grant applies the roles in a text, each in its namespace, until the end of the
// test.
func (w *testCluster) grant(t *testing.T, who rbacv1.Subject, roles string) {
	t.Helper()
	docs := strings.Split(roles, "---\n")
	require.Len(t, docs, 2, "one in the target's namespace, one for the load pod's")
	var role rbacv1.Role
	require.NoError(t, yaml.UnmarshalStrict([]byte(docs[0]), &role))
	require.Equal(t, []string{"Role", targetNS}, []string{role.Kind, role.Namespace})
	var all rbacv1.ClusterRole
	require.NoError(t, yaml.UnmarshalStrict([]byte(docs[1]), &all))
	require.Equal(t, "ClusterRole", all.Kind)
	w.create(t, &role)
	w.create(t, &all)
	ref := func(kind, name string) rbacv1.RoleRef {
		return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: name}
	}
	w.create(t, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: who.Name, Namespace: targetNS}, RoleRef: ref("Role", role.Name), Subjects: []rbacv1.Subject{who},
	})
	w.create(t, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: who.Name}, RoleRef: ref("ClusterRole", all.Name), Subjects: []rbacv1.Subject{who},
	})
}
