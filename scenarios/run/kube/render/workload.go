package render

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"zeroloss/demo-services/settings"
	"zeroloss/loadgen/collect"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/image"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run/kube/owner"
)

// demoService makes a Deployment run the demo service of the plan's workload.
func (r *renderer) demoService(d *appsv1.Deployment, w *plan.Workload) error {
	pod, c, err := r.podSpec(d, w)
	if err != nil {
		return err
	}
	r.replaceApplication(d, pod, c, w)
	r.lifecycle(d, pod, c, w.Name)
	return nil
}

// externalService makes a Deployment of a service of the user one of this run:
// as it is written, but for its image, which is the plain server's, and for
// references to what the run's namespace does not have.
func (r *renderer) externalService(d *appsv1.Deployment, w *plan.Workload) error {
	pod, c, err := r.podSpec(d, w)
	if err != nil {
		return err
	}
	r.adjust(d, "image %s: %s in its place, which has the plain server in it", cmp.Or(c.Image, "(none)"), r.o.Image)
	c.Image, c.ImagePullPolicy = r.o.Image, corev1.PullIfNotPresent
	c.Command = nil
	c.Args = append([]string{"plain-server"}, c.Args...)
	r.replaceSecurity(d, pod, c)
	r.lifecycle(d, pod, c, w.Name)
	return nil
}

// podSpec sets replicas and labels as the plan has them, and returns the pod's
// spec and its one container.
func (r *renderer) podSpec(d *appsv1.Deployment, w *plan.Workload) (*corev1.PodSpec, *corev1.Container, error) {
	want := toInt32(w.Replicas)
	if n := d.Spec.Replicas; n != nil && *n != want || n == nil && want != 1 {
		r.adjust(d, "replicas %d, as the scenario has it", want)
	}
	d.Spec.Replicas = &want
	r.addSelector(d)
	t := &d.Spec.Template
	t.Labels = merged(t.Labels, merged(owner.Labels(r.o.Run), map[string]string{owner.WorkloadLabel: w.Name}))
	c, err := r.onlyContainer(d)
	if err != nil {
		return nil, nil, err
	}
	r.dropReferences(d)
	return &t.Spec, c, nil
}

// addSelector adds the selector that apps/v1 requires and older versions did
// not.
func (r *renderer) addSelector(d *appsv1.Deployment) {
	if d.Spec.Selector != nil {
		return
	}
	t := &d.Spec.Template
	if len(t.Labels) == 0 {
		t.Labels = map[string]string{"app": d.Name}
	}
	d.Spec.Selector = &metav1.LabelSelector{MatchLabels: maps.Clone(t.Labels)}
	r.adjust(d, "selector added, from its pods' labels")
}

// onlyContainer leaves one container in a pod, and returns it: a pod is one
// process here.
func (r *renderer) onlyContainer(d *appsv1.Deployment) (*corev1.Container, error) {
	pod := &d.Spec.Template.Spec
	if len(pod.Containers) == 0 {
		return nil, errors.New("its pods have no container")
	}
	i := max(0, slices.IndexFunc(pod.Containers, func(c corev1.Container) bool {
		return strings.HasPrefix(path.Base(c.Image), "spring-cloud-") || strings.Contains(path.Base(c.Image), "nacos-server")
	}))
	for k, c := range pod.Containers {
		if k != i {
			r.adjust(d, "container %s left out: a pod is one process here", c.Name)
		}
	}
	if len(pod.InitContainers) > 0 {
		pod.InitContainers = nil
		r.adjust(d, "init containers left out")
	}
	pod.Containers = []corev1.Container{pod.Containers[i]}
	return &pod.Containers[0], nil
}

// dropReferences removes references to objects that the run's namespace does
// not have.
func (r *renderer) dropReferences(d *appsv1.Deployment) {
	pod := &d.Spec.Template.Spec
	for _, x := range []struct {
		field string
		set   bool
	}{
		{"serviceAccountName", pod.ServiceAccountName != ""}, {"serviceAccount", pod.DeprecatedServiceAccount != ""},
		{"imagePullSecrets", pod.ImagePullSecrets != nil}, {"priorityClassName", pod.PriorityClassName != ""},
		{"runtimeClassName", pod.RuntimeClassName != nil},
	} {
		if x.set {
			r.adjust(d, "%s left out: the run's namespace has none", x.field)
		}
	}
	pod.ServiceAccountName, pod.DeprecatedServiceAccount, pod.PriorityClassName = "", "", ""
	pod.ImagePullSecrets, pod.RuntimeClassName = nil, nil
	pod.AutomountServiceAccountToken = new(bool)
}

// replaceApplication puts the demo service in the place of the application.
func (r *renderer) replaceApplication(d *appsv1.Deployment, pod *corev1.PodSpec, c *corev1.Container, w *plan.Workload) {
	if c.Image != r.o.Image {
		r.adjust(d, "image %s: the demo service in its place", c.Image)
	}
	r.annotateImage(d, w)
	c.Image = r.o.Image
	if p := c.ImagePullPolicy; p != "" && p != corev1.PullIfNotPresent {
		r.adjust(d, "imagePullPolicy %s: IfNotPresent, as the image is loaded into the nodes", p)
	}
	c.ImagePullPolicy = corev1.PullIfNotPresent
	for _, x := range []struct {
		field string
		set   bool
	}{{"command", c.Command != nil}, {"workingDir", c.WorkingDir != ""}, {"volumeMounts", c.VolumeMounts != nil}, {"envFrom", c.EnvFrom != nil}} {
		if x.set {
			r.adjust(d, "%s left out: it is the application's", x.field)
		}
	}
	c.Command, c.WorkingDir, c.VolumeMounts, c.EnvFrom = nil, "", nil, nil
	c.Args = []string{"service", w.Role}
	// A reference to what does not exist would keep the pod from starting.
	c.Env = slices.DeleteFunc(c.Env, func(e corev1.EnvVar) bool { return e.ValueFrom != nil })
	field := func(name, path string) corev1.EnvVar {
		return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}}
	}
	c.Env = append(c.Env, field("POD_NAME", "metadata.name"), field("POD_IP", "status.podIP"),
		corev1.EnvVar{Name: settings.Env, Value: r.settings(w)})
	pod.Volumes = nil
	r.replaceSecurity(d, pod, c)
}

// ImageAnnotation of a pod template names the image that its pods should have:
// the container's own is zeroloss' whatever the version of the service.
const ImageAnnotation = "zeroloss/image"

// annotateImage names the manifest's image where a step changes it: only a
// change of the template is a rollout.
func (r *renderer) annotateImage(d *appsv1.Deployment, w *plan.Workload) {
	changed := slices.ContainsFunc(r.p.Steps, func(s plan.Step) bool { a, ok := s.Action.(plan.SetImage); return ok && a.Workload == w.Name })
	i := slices.IndexFunc(r.p.Control.Workloads, func(x control.Workload) bool { return x.Name == w.Name })
	if !changed || i < 0 {
		return
	}
	name := r.p.Control.Workloads[i].Image
	t := &d.Spec.Template
	t.Annotations = merged(t.Annotations, map[string]string{ImageAnnotation: name})
	r.adjust(d, "annotation %s of its pods is %s: a step changes the image, and this in its place", ImageAnnotation, name)
}

// Kubernetes replaces these in the value of a variable by the variables before
// it.
const (
	podName = "$(POD_NAME)"
	podIP   = "$(POD_IP)"
)

// settings returns the settings document of a workload's services.
func (r *renderer) settings(w *plan.Workload) string {
	d := w.Settings
	d.Schema = settings.Schema
	d.Role, d.Workload, d.Service, d.Tag = w.Role, w.Name, w.Service, w.Tag
	d.Pod, d.IP, d.Incarnation = podName, podIP, 0
	d.Dir, d.ParentFD = image.WorkDir, 0
	d.Online.Prewarmed = !w.ColdStart // those that start before the load does
	d.Seed = r.p.Seed
	d.Events = fmt.Sprintf("tcp:%s:%d", cmp.Or(r.o.LoadHost, LoadPod), collect.EventsPort)
	d.Registry.Host = cmp.Or(r.o.RegistryHost, RegistryName(r.p))
	d.Registry.Port = cmp.Or(r.p.Registry.Port, registryPort)
	text := strings.ReplaceAll(string(d.JSON()), "$(", "$$(")
	for _, v := range []string{podName, podIP} { // these two are meant
		text = strings.ReplaceAll(text, "$"+v, v)
	}
	return text
}
