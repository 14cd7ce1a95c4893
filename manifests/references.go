package manifests

import (
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/labels"

	"zeroloss/internal/input"
)

// resolveReferences joins the objects of a set once all documents are read:
// Services and PodDisruptionBudgets to the pods that they select, and
// autoscalers to the Deployments that they scale.
func resolveReferences(set *Set, diags *diagnostics) {
	resolveServices(set, diags)
	resolveBudgets(set, diags)
	checkScaleTargets(set, diags)
	if len(set.Workloads) == 0 && len(diags.problems) == 0 {
		diags.problems = append(diags.problems, input.Problem{File: "manifests", Text: "there is no Deployment of a demo service to run"})
	}
}

// resolveServices resolves named ports, finds Services without pods, and adds
// the gRPC port to the registry's Services.
func resolveServices(set *Set, diags *diagnostics) {
	registry := map[string][]Service{}
	for i := range set.Services {
		s := &set.Services[i]
		role, ok := selectedRole(set, s.Selector)
		if !ok {
			diags.warnings = append(diags.warnings, Finding{File: s.File, Line: s.Line, Text: fmt.Sprintf("Service %q selects no pods", s.Name)})
		}
		if s.Target == 0 {
			s.Target = role.Port()
		}
		if role == RegistryRole {
			registry[s.Name] = append(registry[s.Name], *s)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(registry)) {
		if grpc, missing := missingGRPCPort(registry[name]); missing {
			set.Services = append(set.Services, grpc)
			diags.corrections = append(diags.corrections, Finding{File: grpc.File, Line: grpc.Line,
				Text: fmt.Sprintf("Service %q has no port %d: Nacos 2 clients use gRPC on port + 1000", grpc.Name, grpc.Port),
				Fix:  fmt.Sprintf("add - {name: grpc, port: %d, targetPort: %d}", grpc.Port, grpc.Target)})
		}
	}
}

// missingGRPCPort returns the port that a Service of the registry lacks: port
// + 1000, which the clients of Nacos 2 need.
func missingGRPCPort(ports []Service) (grpc Service, missing bool) {
	grpc = ports[0]
	for _, p := range ports {
		if p.Target == RegistryRole.Port()+1000 {
			return Service{}, false
		}
		if p.Target == RegistryRole.Port() {
			grpc = p
		}
	}
	grpc.Port, grpc.Target = grpc.Port+1000, grpc.Target+1000
	return grpc, true
}

// selectedRole is the role of the first workload that a Service's selector
// selects.
func selectedRole(set *Set, selector map[string]string) (Role, bool) {
	if r := set.Registry; r != nil && Selects(selector, r.Labels) {
		return RegistryRole, true
	}
	for _, w := range set.Workloads {
		if Selects(selector, w.Labels) {
			return w.Role, true
		}
	}
	return "", false
}

// Selects reports whether a Service's selector selects a pod with these labels.
// An empty selector selects none.
func Selects(selector, labels map[string]string) bool {
	for k, v := range selector {
		if labels[k] != v {
			return false
		}
	}
	return len(selector) > 0
}

// resolveBudgets finds the workloads whose pods each budget selects.
func resolveBudgets(set *Set, diags *diagnostics) {
	for i := range set.PodDisruptionBudgets {
		b := &set.PodDisruptionBudgets[i]
		for _, w := range set.Workloads {
			if b.selector.Matches(labels.Set(w.Labels)) {
				b.Workloads = append(b.Workloads, w.Name)
			}
		}
		if len(b.Workloads) == 0 {
			diags.warnings = append(diags.warnings, Finding{File: b.File, Line: b.Line,
				Text: fmt.Sprintf("PodDisruptionBudget %q selects no pods and has no effect", b.Name)})
		}
	}
}

// checkScaleTargets checks that the Deployments that autoscalers scale exist.
func checkScaleTargets(set *Set, diags *diagnostics) {
	for _, a := range set.Autoscalers {
		if _, ok := set.Workload(a.Target); ok {
			continue
		}
		diags.problems = append(diags.problems, input.Problem{File: a.File, Line: a.Line,
			Text: fmt.Sprintf("autoscaler %q scales Deployment %q, but no manifest contains it", a.Name, a.Target),
			Hint: input.DidYouMean(a.Target, set.WorkloadNames())})
	}
}
