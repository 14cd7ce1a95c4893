//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	authv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/e2e-framework/klient/k8s"
	"sigs.k8s.io/yaml"
)

// brokenEnvironment is an environment in which no run can start.
type brokenEnvironment struct {
	name  string
	long  bool
	args  func(t *testing.T, w *testCluster) []string // prepares the cluster and returns the arguments of the run
	cause string                                      // expected text of the error
	hint  string
}

func brokenEnvironments() []brokenEnvironment {
	here := func(more ...string) func(*testing.T, *testCluster) []string {
		return func(_ *testing.T, w *testCluster) []string { return append([]string{"--cluster", w.name}, more...) }
	}
	by := func(kubeconfig, context string) []string {
		return []string{"--kubeconfig", kubeconfig, "--context", context, "--image", "zeroloss.invalid/x:1"}
	}
	return []brokenEnvironment{
		{"a context that is not there", false, func(_ *testing.T, w *testCluster) []string { return by(w.kubeconfig, "nope") },
			`no context "nope"`, "kind-zl-e2e"},
		{"a cluster that cannot be reached", false, func(t *testing.T, _ *testCluster) []string { return by(unreachableKubeconfig(t), "here") },
			"creating namespace zeroloss-", "cannot be reached; is it up, and is this the right context?"},
		{"somebody without any rights", false, func(t *testing.T, w *testCluster) []string {
			return by(w.kubeconfigWithRules(t, "nobody", nil), "here")
		},
			"is forbidden", "permissions are missing; zeroloss render --rbac prints those that a run needs"},
		{"a namespace in use", false, here("--run-id", "decoy"), `namespace "zeroloss-decoy" exists already`, "choose another --run-id"},
		{"an image that cannot be pulled", true, func(_ *testing.T, w *testCluster) []string { return by(w.kubeconfig, "kind-"+w.name) },
			"pod zeroloss-load does not come up: its image cannot be pulled", "zeroloss.invalid/x:1"},
		{"a registry that cannot be pulled", true, here("--registry-image", "nacos.invalid/nacos:1"), "its image cannot be pulled", "nacos.invalid"},
		{"nodes that cannot be pulled", true, func(_ *testing.T, w *testCluster) []string {
			return []string{"--cluster", w.name + "-bad", "--node-image", "kindest.invalid/node:v0"}
		}, "creating cluster", "try it by hand"},
		{"somebody who may not proxy", true, func(t *testing.T, w *testCluster) []string {
			return append(by(w.kubeconfigWithRules(t, "halfway", withoutProxy(t)), "here"), "--image", w.loadOwnImage(t))
		}, "reaching the load pod", "permissions are missing"},
		{"a registry that never answers", true, func(t *testing.T, w *testCluster) []string {
			return []string{"--cluster", w.name, "--registry-image", w.pauseImage(t)}
		}, "does not come up: it runs, and is not ready after", "Readiness probe failed"},
		{"nodes without room", true, func(t *testing.T, w *testCluster) []string { w.cordon(t); return here()(t, w) },
			"it cannot be scheduled", "unschedulable"},
	}
}

func refusesBrokenEnvironment(t *testing.T, w *testCluster, bad brokenEnvironment) {
	args := append([]string{"offline", "--runtime", "kube"}, bad.args(t, w)...)
	r := start(t, zeroloss, filepath.Join(t.TempDir(), "run"), args...)
	require.Equal(t, 4, r.code(3*time.Minute), r.stderr.String())
	require.Contains(t, r.stderr.String(), bad.cause)
	require.Contains(t, r.stderr.String(), bad.hint)
	require.Empty(t, r.stdout.String(), "there is nothing to report of a run that never was")
}

// unreachableKubeconfig returns the path of a kubeconfig with a port on which
// nothing listens.
func unreachableKubeconfig(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())
	return writeKubeconfig(t, &api.Cluster{Server: "https://" + addr, InsecureSkipTLSVerify: true}, &api.AuthInfo{Token: "none"})
}

func writeKubeconfig(t *testing.T, c *api.Cluster, u *api.AuthInfo) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, clientcmd.WriteToFile(api.Config{
		Clusters: map[string]*api.Cluster{"c": c}, AuthInfos: map[string]*api.AuthInfo{"u": u},
		Contexts: map[string]*api.Context{"here": {Cluster: "c", AuthInfo: "u"}}, CurrentContext: "here",
	}, path))
	return path
}

// kubeconfigWithRules returns the path of the kubeconfig of a new user with the
// given rights. The user is deleted at the end of the test.
func (w *testCluster) kubeconfigWithRules(t *testing.T, name string, rules []rbacv1.PolicyRule) string {
	t.Helper()
	kubeconfig, who := w.serviceAccount(t, name)
	meta := metav1.ObjectMeta{Name: who.Name}
	w.create(t, &rbacv1.ClusterRole{ObjectMeta: meta, Rules: rules})
	w.create(t, &rbacv1.ClusterRoleBinding{
		ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: meta.Name},
		Subjects: []rbacv1.Subject{who},
	})
	return kubeconfig
}

// serviceAccount creates a user of the cluster without any rights.
func (w *testCluster) serviceAccount(t *testing.T, name string) (kubeconfig string, who rbacv1.Subject) {
	t.Helper()
	config := w.client.RESTConfig()
	c, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	who = rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Name: "e2e-" + name, Namespace: "default"}
	w.create(t, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: who.Name, Namespace: who.Namespace}})
	token, err := c.CoreV1().ServiceAccounts(who.Namespace).CreateToken(t.Context(), who.Name, &authv1.TokenRequest{}, metav1.CreateOptions{})
	require.NoError(t, err)
	return writeKubeconfig(t, &api.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}, &api.AuthInfo{Token: token.Status.Token}), who
}

// withoutProxy returns the rights that a run needs according to zeroloss, except
// for one.
func withoutProxy(t *testing.T) []rbacv1.PolicyRule {
	t.Helper()
	code, out, errs := call(t, "", zeroloss, "render", "--rbac")
	require.Zero(t, code, errs)
	var role rbacv1.ClusterRole
	require.NoError(t, yaml.UnmarshalStrict([]byte(out), &role))
	before := len(role.Rules)
	rules := slices.DeleteFunc(role.Rules, func(r rbacv1.PolicyRule) bool { return slices.Contains(r.Resources, "pods/proxy") })
	require.Len(t, rules, before-1)
	return rules
}

// loadOwnImage loads the zeroloss image into the nodes.
func (w *testCluster) loadOwnImage(t *testing.T) string {
	t.Helper()
	code, out, errs := call(t, "", zeroloss, "image", "--json", "--load", "kind:"+w.name)
	require.Zero(t, code, errs)
	var image struct{ Ref string }
	require.NoError(t, json.Unmarshal([]byte(out), &image))
	return image.Ref
}

// pauseImage returns the pause image, which every kind node has; its
// container does nothing.
func (w *testCluster) pauseImage(t *testing.T) string {
	t.Helper()
	var nodes corev1.NodeList
	require.NoError(t, w.client.Resources().List(t.Context(), &nodes))
	for _, image := range nodes.Items[0].Status.Images {
		for _, name := range image.Names {
			if strings.Contains(name, "/pause:") {
				return name
			}
		}
	}
	t.Fatal("the node has no pause image")
	return ""
}

// cordon cordons all nodes until the end of the test.
func (w *testCluster) cordon(t *testing.T) {
	t.Helper()
	set := func(off bool) {
		ctx := context.Background() // the test's own ends before its clean-up
		var nodes corev1.NodeList
		require.NoError(t, w.client.Resources().List(ctx, &nodes))
		patch := k8s.Patch{PatchType: types.MergePatchType, Data: fmt.Appendf(nil, `{"spec":{"unschedulable":%t}}`, off)}
		for i := range nodes.Items {
			require.NoError(t, w.client.Resources().Patch(ctx, &nodes.Items[i], patch))
		}
	}
	set(true)
	t.Cleanup(func() { set(false) })
}
