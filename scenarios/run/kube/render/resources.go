package render

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Resources is processor time in thousandths of a core, and memory in bytes.
type Resources struct {
	MilliCPU, Memory int64
}

// Plus adds d, times over; times may be negative.
func (r Resources) Plus(d Resources, times int) Resources {
	return Resources{r.MilliCPU + d.MilliCPU*int64(times), r.Memory + d.Memory*int64(times)}
}

func (r Resources) fits(free Resources) bool {
	return r.MilliCPU <= free.MilliCPU && r.Memory <= free.Memory
}

func (r Resources) String() string {
	return fmt.Sprintf("%.1f CPU and %d Mi", float64(r.MilliCPU)/1000, r.Memory>>20)
}

// ResourcesOf reads a list of quantities.
func ResourcesOf(list corev1.ResourceList) Resources {
	return Resources{list.Cpu().MilliValue(), list.Memory().Value()}
}

// Requests returns what a container requests; a limit without a request is one.
func Requests(c *corev1.Container) Resources {
	both := corev1.ResourceList{}
	for _, list := range []corev1.ResourceList{c.Resources.Limits, c.Resources.Requests} {
		for name, q := range list {
			both[name] = q
		}
	}
	return ResourcesOf(both)
}

// What services and registry request where the manifest's requests do not fit,
// or there are none: about what they use.
var (
	serviceRequests  = requestList("20m", "32Mi")
	registryRequests = requestList("100m", "384Mi")
)

func requestList(cpu, memory string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory)}
}

// fitRequests adds CPU requests where there are none, and reduces requests that
// the cluster has no room for. What a Java application requests is not what the
// demo service in its place needs; and a pod without requests comes last where
// processors are short, behind all of the cluster's own.
func (o *Objects) fitRequests(free Resources) {
	for _, d := range o.Workloads {
		c := &d.Spec.Template.Spec.Containers[0]
		if Requests(c).MilliCPU == 0 {
			if c.Resources.Requests == nil {
				c.Resources.Requests = corev1.ResourceList{}
			}
			cpu := serviceRequests[corev1.ResourceCPU]
			c.Resources.Requests[corev1.ResourceCPU] = cpu
			o.adjust(d, "request of cpu %s added: a pod without any comes last on a busy node", cpu.String())
		}
	}
	total := o.totalRequests()
	if free == (Resources{}) || total.fits(free) {
		return
	}
	for _, d := range o.deployments() {
		want := serviceRequests
		if d == o.Registry {
			want = registryRequests
		}
		c := &d.Spec.Template.Spec.Containers[0]
		if Requests(c).fits(ResourcesOf(want)) {
			continue
		}
		c.Resources.Requests = want.DeepCopy()
		o.adjust(d, "requests reduced to %s, %s: all pods request %s, and the cluster has %s left", want.Cpu(), want.Memory(), total, free)
	}
}

// totalRequests sums what all pods request.
func (o *Objects) totalRequests() Resources {
	var total Resources
	spec, n := o.LoadPods()
	for i := range spec.Containers {
		total = total.Plus(Requests(&spec.Containers[i]), n)
	}
	for _, d := range o.deployments() {
		total = total.Plus(Requests(&d.Spec.Template.Spec.Containers[0]), replicas(d))
	}
	return total
}

func replicas(d *appsv1.Deployment) int {
	if d.Spec.Replicas == nil {
		return 1 // the API's own default
	}
	return int(*d.Spec.Replicas)
}
