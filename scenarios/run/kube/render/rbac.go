package render

import (
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"zeroloss/scenarios/run/kube/owner"
)

// RBAC returns the permissions that a run needs, as YAML: a ClusterRole, as a
// run creates its namespace. Without the rules about nodes a run works too,
// unless it drains one; then it does not know what resources are free.
func RBAC() (string, error) {
	rule := func(group string, resources, verbs []string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: resources, Verbs: verbs}
	}
	role := rbacv1.ClusterRole{
		TypeMeta:   metav1.TypeMeta{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRole"},
		ObjectMeta: metav1.ObjectMeta{Name: owner.Name, Labels: map[string]string{owner.ManagedByLabel: owner.Name}},
		Rules: []rbacv1.PolicyRule{
			rule("", []string{"namespaces"}, []string{"get", "list", "create", "patch", "delete"}),
			rule("", []string{"nodes"}, []string{"get", "list", "patch"}),
			rule("", []string{"pods"}, []string{"get", "list", "watch", "create", "patch", "delete", "deletecollection"}),
			rule("", []string{"pods/eviction"}, []string{"create"}),
			rule("", []string{"pods/log"}, []string{"get"}),
			rule("", []string{"pods/proxy"}, []string{"get", "create"}),
			rule("", []string{"services", "configmaps", "secrets"}, []string{"create", "patch"}),
			rule("", []string{"events"}, []string{"list", "watch"}),
			rule("apps", []string{"deployments"}, []string{"list", "create", "patch", "deletecollection"}),
			rule("apps", []string{"deployments/scale"}, []string{"patch"}),
			rule("batch", []string{"jobs"}, []string{"create", "patch", "deletecollection"}),
			rule("policy", []string{"poddisruptionbudgets"}, []string{"create", "patch"}),
			rule("discovery.k8s.io", []string{"endpointslices"}, []string{"list", "watch"}),
		},
	}
	b, err := yaml.Marshal(role)
	if err != nil {
		return "", fmt.Errorf("printing the permissions: %w", err)
	}
	return string(b), nil
}
