package kube

import (
	"fmt"
	"zeroloss/scenarios/run/kube/owner"

	"sigs.k8s.io/yaml"
)

// RBAC is the rights that a run needs, as YAML: a ClusterRole, as it makes a
// namespace of its own. Without the rules about nodes a run works too, unless it
// drains one; then it does not know how much room there is.
func RBAC() (string, error) {
	rule := func(group string, resources, verbs []string) map[string]any {
		return map[string]any{"apiGroups": []string{group}, "resources": resources, "verbs": verbs}
	}
	role := map[string]any{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
		"metadata": map[string]any{"name": owner.Name, "labels": map[string]any{owner.ManagedByLabel: owner.Name}},
		"rules": []any{
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
		return "", fmt.Errorf("printing the rights: %w", err)
	}
	return string(b), nil
}
