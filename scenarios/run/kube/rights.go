package kube

import (
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/owner"
)

func need(group, resource, verb, namespace string) client.Permission {
	return client.Permission{Group: group, Resource: resource, Verb: verb, Namespace: namespace}
}

// attachRights is what a run on a target needs: to look at its namespace, to do
// what its steps say, and, for a load pod, those of a run.
func attachRights(p *plan.Plan, inCluster bool) []client.Permission {
	ns := p.Target.Namespace
	var out []client.Permission
	for _, r := range []struct{ group, resource string }{
		{"apps", "deployments"}, {"", "pods"}, {"", "events"}, {"discovery.k8s.io", "endpointslices"},
	} {
		out = append(out, need(r.group, r.resource, "list", ns), need(r.group, r.resource, "watch", ns))
	}
	out = append(out, need("apps", "deployments", "get", ns), need("apps", "replicasets", "get", ns)) // whose a pod is
	add := func(r client.Permission) {
		if !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	if p.Target.Change != nil {
		add(need("policy", "poddisruptionbudgets", "list", ns))
		add(need("apps", "deployments", "patch", ns))
		add(need("apps", "deployments", "update", ns))
	}
	for _, s := range p.Steps {
		add(need("policy", "poddisruptionbudgets", "list", ns))
		switch s.Action.(type) {
		case plan.RolloutRestart:
			add(need("apps", "deployments", "patch", ns))
		case plan.Scale, plan.RestoreReplicas:
			add(need("apps", "deployments", "patch", ns)) // the mark of what it had
			add(need("apps", "deployments/scale", "patch", ns))
		case plan.SetImage, plan.PauseRollout, plan.ResumeRollout, plan.KillPods, plan.DrainNode, plan.ApplyRules: // not done to a target
		}
	}
	if inCluster {
		for _, verb := range []string{"get", "list", "create", "patch", "delete"} {
			add(need("", "namespaces", verb, ""))
		}
		for _, verb := range []string{"list", "create", "patch"} {
			add(need("", "pods", verb, ""))
		}
		add(need("", "pods/log", "get", ""))
		add(need("", "pods/proxy", "get", ""))
		add(need("", "pods/proxy", "create", ""))
		add(need("", "services", "create", ""))
		add(need("", "services", "patch", ""))
		add(need("", "events", "list", ""))
		if p.LoadPods() > 1 { // they are those of a Job
			add(need("batch", "jobs", "create", ""))
			add(need("batch", "jobs", "patch", ""))
		}
	}
	return out
}

// AttachRBAC is the rights that a run on p's target needs, as YAML: a Role in
// the target's namespace, and a ClusterRole where a load pod has a namespace of
// its own.
func AttachRBAC(p *plan.Plan, inCluster bool) (string, error) {
	var texts []string
	for _, kind := range []string{"Role", "ClusterRole"} {
		meta := map[string]any{"name": owner.Name, "labels": map[string]any{owner.ManagedByLabel: owner.Name}}
		ns := ""
		if kind == "Role" {
			ns = p.Target.Namespace
			meta["namespace"] = ns
		}
		rules := client.PolicyRules(attachRights(p, inCluster), ns)
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
