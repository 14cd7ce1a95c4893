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

// harderTowns are those that take some preparation. Each prepares itself, and
// returns what the run is told.
func harderTowns(w *town) []badTown {
	here := []string{"--runtime", "kube", "--cluster", w.name}
	by := func(kubeconfig string) []string {
		return []string{"--runtime", "kube", "--kubeconfig", kubeconfig, "--context", "here", "--image", "zeroloss.invalid/x:1"}
	}
	return []badTown{
		{name: "a cluster that cannot be reached", prepare: func(t *testing.T) []string { return by(closedTown(t)) },
			cause: "creating namespace zeroloss-", hint: "cannot be reached; is it up, and is this the right context?"},
		{name: "somebody without any rights", prepare: func(t *testing.T) []string { return by(w.as(t, "nobody", nil)) },
			cause: "is forbidden", hint: "the rights are missing; zeroloss render --rbac prints those that a run needs"},
		{name: "somebody who may not proxy", prepare: func(t *testing.T) []string {
			return append(by(w.as(t, "halfway", withoutProxy(t))), "--image", w.ownImage(t))
		}, cause: "reaching the load pod", hint: "the rights are missing"},
		{name: "a namespace in use", prepare: func(*testing.T) []string { return append(here, "--run-id", "decoy") },
			cause: `namespace "zeroloss-decoy" exists already`, hint: "choose another --run-id"},
		{name: "a registry that never answers", prepare: func(t *testing.T) []string {
			return append(here, "--registry-image", w.pauseImage(t))
		}, cause: "does not come up: it runs, and is not ready after 1m30s; Readiness probe failed", hint: "run again with --keep"},
		{name: "nodes without room", prepare: func(t *testing.T) []string { w.cordon(t); return here },
			cause: "no node takes it", hint: "unschedulable"},
	}
}

// closedTown is the kubeconfig of a cluster at a port that nobody listens on.
func closedTown(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())
	return written(t, &api.Cluster{Server: "https://" + addr, InsecureSkipTLSVerify: true}, &api.AuthInfo{Token: "none"})
}

func written(t *testing.T, c *api.Cluster, u *api.AuthInfo) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, clientcmd.WriteToFile(api.Config{
		Clusters: map[string]*api.Cluster{"c": c}, AuthInfos: map[string]*api.AuthInfo{"u": u},
		Contexts: map[string]*api.Context{"here": {Cluster: "c", AuthInfo: "u"}}, CurrentContext: "here",
	}, path))
	return path
}

// as is the kubeconfig of a new user of the cluster with the given rights.
func (w *town) as(t *testing.T, name string, rules []rbacv1.PolicyRule) string {
	t.Helper()
	config := w.client.RESTConfig()
	c, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	meta := metav1.ObjectMeta{Name: "e2e-" + name}
	_, err = c.CoreV1().ServiceAccounts("default").Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: meta}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = c.RbacV1().ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{ObjectMeta: meta, Rules: rules}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = c.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: meta.Name},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: meta.Name, Namespace: "default"}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx := context.Background() // the test's own has ended
		for _, err := range []error{
			c.CoreV1().ServiceAccounts("default").Delete(ctx, meta.Name, metav1.DeleteOptions{}),
			c.RbacV1().ClusterRoleBindings().Delete(ctx, meta.Name, metav1.DeleteOptions{}),
			c.RbacV1().ClusterRoles().Delete(ctx, meta.Name, metav1.DeleteOptions{}),
		} {
			require.NoError(t, err)
		}
	})
	token, err := c.CoreV1().ServiceAccounts("default").CreateToken(t.Context(), meta.Name, &authv1.TokenRequest{}, metav1.CreateOptions{})
	require.NoError(t, err)
	return written(t, &api.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}, &api.AuthInfo{Token: token.Status.Token})
}

// withoutProxy is the rights that zeroloss says a run needs, but for one.
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

// ownImage is zeroloss' own, in the nodes.
func (w *town) ownImage(t *testing.T) string {
	t.Helper()
	code, out, errs := call(t, "", zeroloss, "image", "--json", "--load", "kind:"+w.name)
	require.Zero(t, code, errs)
	var image struct{ Ref string }
	require.NoError(t, json.Unmarshal([]byte(out), &image))
	return image.Ref
}

// pauseImage is in every node of kind's: it runs, and does nothing.
func (w *town) pauseImage(t *testing.T) string {
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

// cordon lets no node take a pod until the test is over.
func (w *town) cordon(t *testing.T) {
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
