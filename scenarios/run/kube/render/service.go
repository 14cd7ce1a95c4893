package render

import (
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"zeroloss/scenarios/plan"
)

// service keeps a Service within the cluster, with the ports that it needs.
func (r *renderer) service(s *corev1.Service) {
	r.takeOver(s)
	if t := s.Spec.Type; t != "" && t != corev1.ServiceTypeClusterIP {
		r.adjust(s, "type %s: ClusterIP, as the load comes from within the cluster", t)
	}
	spec := &s.Spec
	spec.Type, spec.ClusterIP, spec.LoadBalancerIP, spec.ExternalTrafficPolicy, spec.HealthCheckNodePort = "", "", "", "", 0
	spec.ClusterIPs, spec.ExternalIPs, spec.LoadBalancerClass, spec.AllocateLoadBalancerNodePorts = nil, nil, nil, nil
	for i := range spec.Ports {
		p := &spec.Ports[i]
		p.NodePort = 0
		if p.Name == "" {
			p.Name = fmt.Sprintf("port-%d", i)
		}
	}
	// Without it SDKs neither register nor hear of changes.
	grpc := int32(registryPort + grpcOffset)
	if s.Name == RegistryName(r.p) && !slices.ContainsFunc(spec.Ports, func(p corev1.ServicePort) bool { return p.Port == grpc }) {
		spec.Ports = append(spec.Ports, servicePort("grpc", grpc))
		r.adjust(s, "port %d added: SDKs of Nacos 2 speak gRPC on the HTTP port + %d", grpc, grpcOffset)
	}
	r.out.Services = append(r.out.Services, s)
}

// resolveNamedPorts writes a targetPort as a number where its name means
// another port than the plan's: a demo service listens on its own port whatever
// containerPort says, and the application whose port had that name is not there
// any more.
func (o *Objects) resolveNamedPorts(planned []plan.Service) {
	for _, s := range o.Services {
		for i := range s.Spec.Ports {
			p := &s.Spec.Ports[i]
			k := slices.IndexFunc(planned, func(x plan.Service) bool { return x.Name == s.Name && x.Port == int(p.Port) })
			if p.TargetPort.Type != intstr.String || k < 0 || planned[k].Target == 0 {
				continue
			}
			want := toInt32(planned[k].Target)
			if n, ok := o.containerPort(s, p.TargetPort.StrVal); !ok || n != want {
				o.adjust(s, "targetPort %s: %d, which its pods listen on", p.TargetPort.StrVal, want)
				p.TargetPort = intstr.FromInt32(want)
			}
		}
	}
}

// containerPort is the port of a name in the pods that a Service selects; false
// unless there is exactly one such number.
func (o *Objects) containerPort(s *corev1.Service, name string) (port int32, ok bool) {
	selector := labels.SelectorFromSet(s.Spec.Selector)
	for _, d := range o.deployments() {
		if len(s.Spec.Selector) == 0 || !selector.Matches(labels.Set(d.Spec.Template.Labels)) {
			continue
		}
		found := int32(0)
		for _, p := range d.Spec.Template.Spec.Containers[0].Ports {
			if p.Name == name {
				found = p.ContainerPort
			}
		}
		if found == 0 || ok && found != port {
			return 0, false
		}
		port, ok = found, true
	}
	return port, ok
}

// deployments lists that of the registry, if there is one, and those of the
// workloads.
func (o *Objects) deployments() []*appsv1.Deployment {
	if o.Registry == nil {
		return o.Workloads
	}
	return append([]*appsv1.Deployment{o.Registry}, o.Workloads...)
}
