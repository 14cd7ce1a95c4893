package kube

import (
	"context"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
)

// right is one verb on a resource; Namespace "" is the whole cluster.
type right struct{ Group, Resource, Verb, Namespace string }

func (r right) String() string {
	s := r.Verb + " " + r.Resource
	if r.Group != "" {
		s += "." + r.Group
	}
	if r.Namespace != "" {
		return s + " in namespace " + r.Namespace
	}
	return s + " in the cluster"
}

// attachRights is what a run on a target needs: to look at its namespace, to do
// what its steps say, and, for a load pod, those of a run.
func attachRights(p *plan.Plan, inCluster bool) []right {
	ns := p.Target.Namespace
	var out []right
	for _, r := range []struct{ group, resource string }{
		{"apps", "deployments"}, {"", "pods"}, {"", "events"}, {"discovery.k8s.io", "endpointslices"},
	} {
		out = append(out, right{r.group, r.resource, "list", ns}, right{r.group, r.resource, "watch", ns})
	}
	out = append(out, right{"apps", "deployments", "get", ns}, right{"apps", "replicasets", "get", ns}) // whose a pod is
	add := func(r right) {
		if !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	if p.Target.Change != nil {
		add(right{"policy", "poddisruptionbudgets", "list", ns})
		add(right{"apps", "deployments", "patch", ns})
		add(right{"apps", "deployments", "update", ns})
	}
	for _, s := range p.Steps {
		add(right{"policy", "poddisruptionbudgets", "list", ns})
		switch s.Kind {
		case "restart":
			add(right{"apps", "deployments", "patch", ns})
		case "scale":
			add(right{"apps", "deployments", "patch", ns}) // the mark of what it had
			add(right{"apps", "deployments/scale", "patch", ns})
		}
	}
	if inCluster {
		for _, verb := range []string{"get", "list", "create", "patch", "delete"} {
			add(right{"", "namespaces", verb, ""})
		}
		for _, verb := range []string{"list", "create", "patch"} {
			add(right{"", "pods", verb, ""})
		}
		add(right{"", "pods/log", "get", ""})
		add(right{"", "pods/proxy", "get", ""})
		add(right{"", "pods/proxy", "create", ""})
		add(right{"", "services", "create", ""})
		add(right{"", "services", "patch", ""})
		add(right{"", "events", "list", ""})
		if p.LoadPods() > 1 { // they are those of a Job
			add(right{"batch", "jobs", "create", ""})
			add(right{"batch", "jobs", "patch", ""})
		}
	}
	return out
}

// may asks the cluster for each right, and names all that are missing.
func (a *api) may(ctx context.Context, rights []right) error {
	var missing []string
	for _, r := range rights {
		resource, sub, _ := strings.Cut(r.Resource, "/")
		got, err := a.Resource(reviews).Create(ctx, &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
			"spec": map[string]any{"resourceAttributes": map[string]any{
				"group": r.Group, "resource": resource, "subresource": sub, "verb": r.Verb, "namespace": r.Namespace,
			}},
		}}, metav1.CreateOptions{})
		if err != nil {
			return a.explain("asking for the rights", err)
		}
		if allowed, _, _ := unstructured.NestedBool(got.Object, "status", "allowed"); !allowed { // absent: not
			missing = append(missing, r.String())
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w: the rights are missing to %s\n  zeroloss attach --rbac prints all that is needed", run.ErrEnvironment, strings.Join(missing, ", to "))
	}
	return nil
}

// AttachRBAC is the rights that a run on p's target needs, as YAML: a Role in
// the target's namespace, and a ClusterRole where a load pod has a namespace of
// its own.
func AttachRBAC(p *plan.Plan, inCluster bool) (string, error) {
	var texts []string
	for _, kind := range []string{"Role", "ClusterRole"} {
		meta := map[string]any{"name": owner, "labels": map[string]any{managedBy: owner}}
		ns := ""
		if kind == "Role" {
			ns = p.Target.Namespace
			meta["namespace"] = ns
		}
		rules := rulesOf(attachRights(p, inCluster), ns)
		if len(rules) == 0 {
			continue
		}
		b, err := yaml.Marshal(map[string]any{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": meta, "rules": rules})
		if err != nil {
			return "", fmt.Errorf("printing the rights: %w", err)
		}
		texts = append(texts, string(b))
	}
	return strings.Join(texts, "---\n"), nil
}

// rulesOf are the rules of a namespace's rights, one a resource.
func rulesOf(rights []right, namespace string) []any {
	type key struct{ group, resource string }
	var order []key
	verbs := map[key][]string{}
	for _, r := range rights {
		if r.Namespace != namespace {
			continue
		}
		k := key{r.Group, r.Resource}
		if verbs[k] == nil {
			order = append(order, k)
		}
		verbs[k] = append(verbs[k], r.Verb)
	}
	var out []any
	for _, k := range order {
		out = append(out, map[string]any{"apiGroups": []string{k.group}, "resources": []string{k.resource}, "verbs": verbs[k]})
	}
	return out
}
