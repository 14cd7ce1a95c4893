package render

import (
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"zeroloss/loadgen/collect"
	"zeroloss/scenarios/run/kube/owner"
)

// LoadPod names the load pod, its Service, and the Job of several.
const LoadPod = "zeroloss-load"

// CompletionIndexLabel has the index of a pod of an Indexed Job (since
// Kubernetes 1.28).
const CompletionIndexLabel = batchv1.JobCompletionIndexAnnotation

// maxLoadPods is far more than any load needs, and less than a slip of the
// finger asks for.
const maxLoadPods = 100

// LoadPods returns the spec of the load pods, and how many there are.
func (o *Objects) LoadPods() (*corev1.PodSpec, int) {
	switch x := o.Load.(type) {
	case *batchv1.Job:
		return &x.Spec.Template.Spec, int(*x.Spec.Completions)
	case *corev1.Pod:
		return &x.Spec, 1
	}
	return &corev1.PodSpec{}, 0 // it is not rendered yet
}

// addLoad adds the load pod, which generates the load and collects events, and
// its Service. It is a pod and no Deployment, as nothing may ever move it;
// several are a Job.
func (r *renderer) addLoad() error {
	n := r.o.LoadPods
	switch {
	case n < 0 || n > maxLoadPods:
		return fmt.Errorf("%d load pods: there can be 1 to %d (0: as many as the rate needs)", n, maxLoadPods)
	case n == 0:
		n = r.p.LoadPods()
	}
	object := metav1.ObjectMeta{Name: LoadPod, Namespace: r.o.Namespace(), Labels: merged(owner.Labels(r.o.Run), map[string]string{"app": LoadPod})}
	service := &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: *object.DeepCopy(),
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app": LoadPod, owner.RunLabel: r.o.Run},
			Ports:    []corev1.ServicePort{servicePort("http", collect.HTTPPort), servicePort("events", collect.EventsPort)},
		},
	}
	r.out.Services = append(r.out.Services, service)
	spec := r.loadPodSpec()
	if n == 1 {
		// It has its name from the beginning, and no controller that could
		// think of creating another.
		r.out.Load = &corev1.Pod{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: object, Spec: spec}
		return nil
	}
	// The pod of index 0 is the collector, too: the Service means it.
	service.Spec.Selector[CompletionIndexLabel] = "0"
	r.out.Load = loadJob(object, spec, int32(n))
	return nil
}

func (r *renderer) loadPodSpec() corev1.PodSpec {
	grace := int64(1)
	pod := corev1.PodSpec{
		RestartPolicy: corev1.RestartPolicyNever, TerminationGracePeriodSeconds: &grace, AutomountServiceAccountToken: new(bool),
		Containers: []corev1.Container{{
			Name: "load", Image: r.o.Image, ImagePullPolicy: corev1.PullIfNotPresent, Args: []string{"collect"},
			// A generator that waits for a processor measures its own lateness.
			Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
				corev1.ResourceCPU: resource.MustParse("500m"), corev1.ResourceMemory: resource.MustParse("64Mi"),
			}},
			Ports: []corev1.ContainerPort{{ContainerPort: collect.HTTPPort}, {ContainerPort: collect.EventsPort}},
			ReadinessProbe: &corev1.Probe{
				ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/state", Port: intstr.FromInt32(collect.HTTPPort)}},
				PeriodSeconds: 1,
			},
		}},
	}
	restrict(&pod, &pod.Containers[0])
	return pod
}

// loadJob is an Indexed Job of n load pods that share the schedule.
func loadJob(object metav1.ObjectMeta, pod corev1.PodSpec, n int32) *batchv1.Job {
	// Each on a node of its own, if there are as many: they are many because one
	// is not enough.
	pod.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{
		MaxSkew: 1, TopologyKey: corev1.LabelHostname, WhenUnsatisfiable: corev1.ScheduleAnyway,
		LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": LoadPod}},
	}}
	indexed, none := batchv1.IndexedCompletion, int32(0)
	return &batchv1.Job{
		TypeMeta: metav1.TypeMeta{APIVersion: "batch/v1", Kind: "Job"}, ObjectMeta: object,
		Spec: batchv1.JobSpec{
			CompletionMode: &indexed, Completions: &n, Parallelism: &n,
			BackoffLimit: &none, // a second attempt would begin in the middle
			Template:     corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: merged(object.Labels, nil)}, Spec: pod},
		},
	}
}
