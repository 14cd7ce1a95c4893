package render

import (
	"cmp"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run/kube/owner"
)

// RegistryImage stands in for the registry's image where the manifests name one
// that only its vendor can pull.
const RegistryImage = "nacos/nacos-server:v2.3.2"

const (
	defaultRegistry   = "nacos-server"
	registryReadiness = "/nacos/v2/console/health/readiness"
	registryPort      = 8848
	// grpcOffset is added to the HTTP port for the one that SDKs speak gRPC on.
	grpcOffset = 1000
	// nacosPushDelay is Nacos' own, which cannot be set.
	nacosPushDelay = 500 * time.Millisecond
)

// RegistryName names the Deployment and Service of a plan's registry.
func RegistryName(p *plan.Plan) string { return cmp.Or(p.Registry.Workload, defaultRegistry) }

// runRegistry makes the Deployment of the registry a Nacos that can be pulled, and
// that says when it is ready.
func (a *deploymentAdapter) runRegistry() {
	d := a.d
	a.addSelector()
	if n := d.Spec.Replicas; n != nil && *n != 1 {
		a.adjust("replicas %d: 1, as a stand-alone server has no peers", *n)
	}
	one := int32(1)
	d.Spec.Replicas = &one
	d.Spec.Template.Labels = merged(d.Spec.Template.Labels, owner.Labels(a.r.o.Run))
	a.dropContainers()
	a.dropReferences()
	a.runNacos()
}

// runNacos makes the container a stand-alone Nacos with a readiness probe.
func (a *deploymentAdapter) runNacos() {
	c := a.c
	want := cmp.Or(a.r.o.RegistryImage, RegistryImage)
	if c.Image != want && c.Image != "" {
		a.adjust("image %s: %s in its place", c.Image, want)
	}
	c.Image, c.ImagePullPolicy = want, corev1.PullIfNotPresent
	for _, v := range []corev1.EnvVar{{Name: "MODE", Value: "standalone"}, {Name: "JVM_XMS", Value: "128m"}, {Name: "JVM_XMX", Value: "256m"}} {
		if !slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == v.Name }) {
			c.Env = append(c.Env, v)
			a.adjust("env %s=%s added", v.Name, v.Value)
		}
	}
	if c.ReadinessProbe == nil {
		c.ReadinessProbe = &corev1.Probe{
			ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: registryReadiness, Port: intstr.FromInt(registryPort)}},
			PeriodSeconds: 1, TimeoutSeconds: 2,
		}
		a.adjust("readinessProbe added: GET %s", registryReadiness)
	}
	if delay := a.r.p.PushDelay; delay != 0 && delay != nacosPushDelay {
		a.adjust("its push delay is Nacos' own %v, not %v: a server in a cluster cannot be told", nacosPushDelay, delay)
	}
}

// addRegistry adds the registry that no manifest has.
func (r *renderer) addRegistry() {
	name := RegistryName(r.p)
	labels := merged(owner.Labels(r.o.Run), map[string]string{"app": name})
	one := int32(1)
	d := &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: r.o.Namespace(), Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Replicas: &one, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: merged(labels, nil)},
				Spec:       corev1.PodSpec{AutomountServiceAccountToken: new(bool), Containers: []corev1.Container{{Name: name}}},
			},
		},
	}
	r.out.Registry = d
	(&deploymentAdapter{r: r, d: d, pod: &d.Spec.Template.Spec, c: &d.Spec.Template.Spec.Containers[0]}).runNacos()
	r.adjust(d, "added: no manifest has a registry")
}

// exposeRegistry makes sure that a Service exposes the registry.
func (r *renderer) exposeRegistry() {
	name := RegistryName(r.p)
	if slices.ContainsFunc(r.out.Services, func(s *corev1.Service) bool { return s.Name == name }) {
		return
	}
	s := &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.ServiceSpec{
			Selector: r.out.Registry.Spec.Selector.MatchLabels,
			Ports:    []corev1.ServicePort{servicePort("http", registryPort)},
		},
	}
	r.adjust(s, "added: no manifest has a Service for the registry")
	r.service(s)
}

// servicePort is a port of a Service that its pods have by the same number.
func servicePort(name string, port int32) corev1.ServicePort {
	return corev1.ServicePort{Name: name, Port: port, TargetPort: intstr.FromInt32(port)}
}
