package manifests

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"zeroloss/internal/input"
)

// readService converts a Service, port by port. A port whose target is a name
// has Target 0 until [resolveServices] knows the pods.
func readService(s *corev1.Service, root input.Node, diags *diagnostics) []Service {
	spec := root.Get("spec")
	if s.Spec.Type == corev1.ServiceTypeExternalName {
		diags.warn(spec.Get("type"), fmt.Sprintf("Service %q of type ExternalName is not supported and has no effect", s.Name), "")
		return nil
	}
	var out []Service
	ports := spec.Get("ports").Items()
	if len(ports) == 0 {
		diags.problem(spec, fmt.Sprintf("Service %q has no ports", s.Name), "")
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
			diags.problem(ports[i], fmt.Sprintf("port and targetPort must be between 1 and 65535, got %d and %d", p.Port, target), "")
		}
		out = append(out, Service{
			Name: s.Name, Port: int(p.Port), Target: target, Selector: s.Spec.Selector,
			File: root.File(), Line: ports[i].Line(),
		})
	}
	return out
}
