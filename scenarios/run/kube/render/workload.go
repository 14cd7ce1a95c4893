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
	"zeroloss/manifests"
	"zeroloss/scenarios/control"
	"zeroloss/scenarios/image"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run/kube/owner"
)

// deploymentAdapter adapts a Deployment of the manifests to a run: the pods run
// the zeroloss image, or Nacos, with what the plan says.
type deploymentAdapter struct {
	r *renderer

	d   *appsv1.Deployment
	pod *corev1.PodSpec   // of its template
	c   *corev1.Container // the one that runs
}

// adapter returns the adapter of d. It fails if the pods of d have no container.
func (r *renderer) adapter(d *appsv1.Deployment) (*deploymentAdapter, error) {
	pod := &d.Spec.Template.Spec
	if len(pod.Containers) == 0 {
		return nil, errors.New("its pods have no container")
	}
	i := max(0, slices.IndexFunc(pod.Containers, func(c corev1.Container) bool {
		return strings.HasPrefix(path.Base(c.Image), "spring-cloud-") || strings.Contains(path.Base(c.Image), "nacos-server")
	}))
	return &deploymentAdapter{r: r, d: d, pod: pod, c: &pod.Containers[i]}, nil
}

// adjust lists an adjustment of the Deployment.
func (a *deploymentAdapter) adjust(format string, args ...any) { a.r.adjust(a.d, format, args...) }

// runDemoService makes the Deployment run the demo service of the plan's
// workload.
func (a *deploymentAdapter) runDemoService(w *plan.Workload) {
	a.prepare(w)
	a.replaceApplication(w)
	a.setLifecycle(w.Name)
}

// runExternalService keeps a service of the user as it is written, except for
// its image, which is the plain server's, and references to objects that the
// run's namespace does not have.
func (a *deploymentAdapter) runExternalService(w *plan.Workload) {
	a.prepare(w)
	c := a.c
	a.adjust("image %s: %s in its place, which has the plain server in it", cmp.Or(c.Image, "(none)"), a.r.o.Image)
	c.Image, c.ImagePullPolicy = a.r.o.Image, corev1.PullIfNotPresent
	c.Command = nil
	c.Args = append([]string{"plain-server"}, c.Args...)
	a.replaceSecurity()
	a.setLifecycle(w.Name)
}

// prepare sets replicas and labels as the plan has them, and leaves one container
// and no reference to an object outside the run's namespace.
func (a *deploymentAdapter) prepare(w *plan.Workload) {
	want := toInt32(w.Replicas)
	if n := a.d.Spec.Replicas; n != nil && *n != want || n == nil && want != 1 {
		a.adjust("replicas %d, as the scenario has it", want)
	}
	a.d.Spec.Replicas = &want
	a.addSelector()
	t := &a.d.Spec.Template
	t.Labels = merged(t.Labels, merged(owner.Labels(a.r.o.Run), map[string]string{owner.WorkloadLabel: w.Name}))
	a.dropContainers()
	a.dropReferences()
}

// addSelector adds the selector that apps/v1 requires and older versions did
// not.
func (a *deploymentAdapter) addSelector() {
	d := a.d
	if d.Spec.Selector != nil {
		return
	}
	t := &d.Spec.Template
	if len(t.Labels) == 0 {
		t.Labels = map[string]string{"app": d.Name}
	}
	d.Spec.Selector = &metav1.LabelSelector{MatchLabels: maps.Clone(t.Labels)}
	a.adjust("selector added, from its pods' labels")
}

// dropContainers leaves the one container in the pod: a pod is one process here.
func (a *deploymentAdapter) dropContainers() {
	for k := range a.pod.Containers {
		if c := &a.pod.Containers[k]; c != a.c {
			a.adjust("container %s left out: a pod is one process here", c.Name)
		}
	}
	if len(a.pod.InitContainers) > 0 {
		a.pod.InitContainers = nil
		a.adjust("init containers left out")
	}
	a.pod.Containers = []corev1.Container{*a.c}
	a.c = &a.pod.Containers[0]
}

// dropReferences removes references to objects that the run's namespace does
// not have.
func (a *deploymentAdapter) dropReferences() {
	pod := a.pod
	for _, x := range []struct {
		field string
		set   bool
	}{
		{"serviceAccountName", pod.ServiceAccountName != ""}, {"serviceAccount", pod.DeprecatedServiceAccount != ""},
		{"imagePullSecrets", pod.ImagePullSecrets != nil}, {"priorityClassName", pod.PriorityClassName != ""},
		{"runtimeClassName", pod.RuntimeClassName != nil},
	} {
		if x.set {
			a.adjust("%s left out: the run's namespace has none", x.field)
		}
	}
	pod.ServiceAccountName, pod.DeprecatedServiceAccount, pod.PriorityClassName = "", "", ""
	pod.ImagePullSecrets, pod.RuntimeClassName = nil, nil
	pod.AutomountServiceAccountToken = new(bool)
}

// replaceApplication puts the demo service in the place of the application.
func (a *deploymentAdapter) replaceApplication(w *plan.Workload) {
	c := a.c
	if c.Image != a.r.o.Image {
		a.adjust("image %s: the demo service in its place", c.Image)
	}
	a.annotateImage(w)
	c.Image = a.r.o.Image
	if p := c.ImagePullPolicy; p != "" && p != corev1.PullIfNotPresent {
		a.adjust("imagePullPolicy %s: IfNotPresent, as the image is loaded into the nodes", p)
	}
	c.ImagePullPolicy = corev1.PullIfNotPresent
	for _, x := range []struct {
		field string
		set   bool
	}{{"command", c.Command != nil}, {"workingDir", c.WorkingDir != ""}, {"volumeMounts", c.VolumeMounts != nil}, {"envFrom", c.EnvFrom != nil}} {
		if x.set {
			a.adjust("%s left out: it is the application's", x.field)
		}
	}
	c.Command, c.WorkingDir, c.VolumeMounts, c.EnvFrom = nil, "", nil, nil
	c.Args = []string{"service", w.Role}
	// A reference to what does not exist would keep the pod from starting.
	c.Env = slices.DeleteFunc(c.Env, func(e corev1.EnvVar) bool {
		return e.ValueFrom != nil && (manifests.PodField(e) == "" || e.Name == "POD_NAME" || e.Name == "POD_IP")
	})
	field := func(name, path string) corev1.EnvVar {
		return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}}
	}
	c.Env = append(c.Env, field("POD_NAME", "metadata.name"), field("POD_IP", "status.podIP"),
		corev1.EnvVar{Name: settings.Env, Value: a.r.settings(w)})
	a.pod.Volumes = nil
	a.replaceSecurity()
}

// ImageAnnotation of a pod template names the image that its pods should have:
// the container's own is zeroloss' whatever the version of the service.
const ImageAnnotation = "zeroloss/image"

// annotateImage names the manifest's image where a step changes it: only a
// change of the template is a rollout.
func (a *deploymentAdapter) annotateImage(w *plan.Workload) {
	changed := slices.ContainsFunc(a.r.p.Steps, func(s plan.Step) bool { set, ok := s.Action.(plan.SetImage); return ok && set.Workload == w.Name })
	i := slices.IndexFunc(a.r.p.Control.Workloads, func(x control.Workload) bool { return x.Name == w.Name })
	if !changed || i < 0 {
		return
	}
	name := a.r.p.Control.Workloads[i].Image
	t := &a.d.Spec.Template
	t.Annotations = merged(t.Annotations, map[string]string{ImageAnnotation: name})
	a.adjust("annotation %s of its pods is %s: a step changes the image, and this in its place", ImageAnnotation, name)
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
