package target

import (
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/owner"
)

// Permissions returns what a run on p's target needs: to watch its namespace, to
// do what its steps say and, for a load pod, a namespace of its own.
func Permissions(p *plan.Plan, inCluster bool) []client.Permission {
	var out []client.Permission
	add := func(group, resource, namespace string, verbs ...string) {
		for _, verb := range verbs {
			if x := (client.Permission{Group: group, Resource: resource, Verb: verb, Namespace: namespace}); !slices.Contains(out, x) {
				out = append(out, x)
			}
		}
	}
	ns := p.Target.Namespace
	add("apps", "deployments", ns, "list", "watch")
	add("", "pods", ns, "list", "watch")
	add("", "events", ns, "list", "watch")
	add("discovery.k8s.io", "endpointslices", ns, "list", "watch")
	add("apps", "deployments", ns, "get")
	add("apps", "replicasets", ns, "get") // which own the pods
	if p.Target.Change != nil {
		add("policy", "poddisruptionbudgets", ns, "list")
		add("apps", "deployments", ns, "patch", "update")
	}
	for _, s := range p.Steps {
		add("policy", "poddisruptionbudgets", ns, "list")
		switch s.Action.(type) {
		case plan.RolloutRestart:
			add("apps", "deployments", ns, "patch")
		case plan.Scale, plan.RestoreReplicas:
			add("apps", "deployments", ns, "patch") // the note of what it had
			add("apps", "deployments/scale", ns, "patch")
		case plan.SetImage, plan.PauseRollout, plan.ResumeRollout, plan.KillPods, plan.DrainNode, plan.ApplyRules: // not done to a target
		}
	}
	if inCluster {
		add("", "namespaces", "", "get", "list", "create", "patch", "delete")
		add("", "pods", "", "list", "create", "patch")
		add("", "pods/log", "", "get")
		add("", "pods/proxy", "", "get", "create")
		add("", "services", "", "create", "patch")
		add("", "events", "", "list")
		if p.LoadPods() > 1 { // they belong to a Job
			add("batch", "jobs", "", "create", "patch")
		}
	}
	return out
}

// RBAC returns the permissions that a run on p's target needs as YAML: a Role in
// the target's namespace and, where a load pod has a namespace of its own, a
// ClusterRole.
func RBAC(p *plan.Plan, inCluster bool) (string, error) {
	meta := metav1.ObjectMeta{Name: owner.Name, Labels: map[string]string{owner.ManagedByLabel: owner.Name}}
	role := rbacv1.Role{TypeMeta: metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "Role"}, ObjectMeta: meta}
	role.Namespace = p.Target.Namespace
	all := Permissions(p, inCluster)
	role.Rules = client.PolicyRules(all, p.Target.Namespace)
	objects := []any{role}
	if rules := client.PolicyRules(all, ""); len(rules) > 0 {
		objects = append(objects, rbacv1.ClusterRole{
			TypeMeta: metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRole"}, ObjectMeta: meta, Rules: rules,
		})
	}
	var texts []string
	for _, o := range objects {
		b, err := yaml.Marshal(o)
		if err != nil {
			return "", fmt.Errorf("printing the RBAC rules: %w", err)
		}
		texts = append(texts, string(b))
	}
	return strings.Join(texts, "---\n"), nil
}
