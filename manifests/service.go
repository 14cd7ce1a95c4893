package manifests

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"zeroloss/internal/input"
)

// service converts a Service. Its targets are checked once all documents are read.
func (l *loader) service(s *corev1.Service, root input.Node) {
	spec := root.Get("spec")
	if s.Spec.Type == corev1.ServiceTypeExternalName {
		l.warn(spec.Get("type"), fmt.Sprintf("Service %q of type ExternalName is not supported and has no effect", s.Name), "")
		return
	}
	ports := spec.Get("ports").Items()
	if len(ports) == 0 {
		l.problem(spec, fmt.Sprintf("Service %q has no ports", s.Name), "")
	}
	for i, p := range s.Spec.Ports {
		target := int(p.Port)
		switch {
		case p.TargetPort.Type == intstr.Int && p.TargetPort.IntVal != 0:
			target = int(p.TargetPort.IntVal)
		case p.TargetPort.Type == intstr.String:
			target = 0 // a name: of the port that the service listens on
		}
		if p.Port < 1 || p.Port > 65535 || target < 0 || target > 65535 {
			l.problem(ports[i], fmt.Sprintf("port and targetPort must be between 1 and 65535, got %d and %d", p.Port, target), "")
		}
		l.set.Services = append(l.set.Services, Service{
			Name: s.Name, Port: int(p.Port), Target: target, Selector: s.Spec.Selector,
			File: root.File(), Line: ports[i].Line(),
		})
	}
}

// join checks references between objects once all documents are read.
func (l *loader) join() {
	l.joinServices()
	l.joinBudgets()
	for _, a := range l.set.Autoscalers {
		if _, ok := l.set.Workload(a.Target); ok {
			continue
		}
		l.problems = append(l.problems, input.Problem{File: a.File, Line: a.Line,
			Text: fmt.Sprintf("autoscaler %q scales Deployment %q, but no manifest contains it", a.Name, a.Target),
			Hint: input.DidYouMean(a.Target, l.set.WorkloadNames())})
	}
	if len(l.set.Workloads) == 0 && len(l.problems) == 0 {
		l.problems = append(l.problems, input.Problem{File: "manifests", Text: "there is no Deployment of a demo service to run"})
	}
}

// joinServices resolves named ports, finds Services without pods, and gives
// the registry's its gRPC port.
func (l *loader) joinServices() {
	registry := map[string][]Service{}
	for i := range l.set.Services {
		s := &l.set.Services[i]
		role, ok := l.selected(s.Selector)
		if !ok {
			l.set.Warnings = append(l.set.Warnings, Finding{File: s.File, Line: s.Line, Text: fmt.Sprintf("Service %q selects no pods", s.Name)})
		}
		if s.Target == 0 {
			s.Target = role.Port()
		}
		if role == RegistryRole {
			registry[s.Name] = append(registry[s.Name], *s)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(registry)) {
		l.grpcPort(registry[name])
	}
}

// grpcPort adds port + 1000, without which no client of Nacos 2 gets through.
func (l *loader) grpcPort(ports []Service) {
	http := ports[0]
	for _, p := range ports {
		if p.Target == RegistryRole.Port()+1000 {
			return
		}
		if p.Target == RegistryRole.Port() {
			http = p
		}
	}
	grpc := http
	grpc.Port, grpc.Target = http.Port+1000, http.Target+1000
	l.set.Services = append(l.set.Services, grpc)
	l.set.Corrections = append(l.set.Corrections, Finding{File: http.File, Line: http.Line,
		Text: fmt.Sprintf("Service %q has no port %d: Nacos 2 clients use gRPC on port + 1000", http.Name, grpc.Port),
		Fix:  fmt.Sprintf("add - {name: grpc, port: %d, targetPort: %d}", grpc.Port, grpc.Target)})
}

// selected is the role of the first workload that a selector selects.
func (l *loader) selected(selector map[string]string) (Role, bool) {
	if len(selector) == 0 {
		return "", false
	}
	if r := l.set.Registry; r != nil && Selects(selector, r.Labels) {
		return RegistryRole, true
	}
	for _, w := range l.set.Workloads {
		if Selects(selector, w.Labels) {
			return w.Role, true
		}
	}
	return "", false
}

// Selects reports whether a Service's selector takes a pod with these labels.
func Selects(selector, labels map[string]string) bool {
	for k, v := range selector {
		if labels[k] != v {
			return false
		}
	}
	return len(selector) > 0
}
