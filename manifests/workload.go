package manifests

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"zeroloss/internal/input"
)

// Workload is a Deployment. Durations are as in the manifest.
type Workload struct {
	Name     string
	Role     Role
	Image    string
	Replicas int
	Service  string // its name in the registry: msePilotCreateAppName, or else by its role
	Tag      string // version; "" is base

	Switches Switches

	Labels      map[string]string // of the pod
	Annotations map[string]string
	Env         map[string]string
	FieldRefs   map[string]string // variables that hold a field of the pod

	Grace          time.Duration
	PreStop        *Hook
	Startup        *Probe
	Readiness      *Probe
	Liveness       *Probe
	Recreate       bool
	MaxSurge       Amount
	MaxUnavailable Amount
	MinReady       time.Duration
	DeletionCost   int

	File      string
	Line      int // of its name
	HookLine  int // of preStop; 0 without one
	GraceLine int // of terminationGracePeriodSeconds, or where it would be
}

// Amount is a number of pods or a percentage of the replicas.
type Amount struct {
	N       int
	Percent bool
}

// Of resolves a percentage as Kubernetes does: maxSurge is rounded up,
// maxUnavailable down.
func (a Amount) Of(replicas int, up bool) int {
	if !a.Percent {
		return a.N
	}
	if up {
		return (a.N*replicas + 99) / 100
	}
	return a.N * replicas / 100
}

// Kubernetes' defaults.
const (
	defaultGrace           = 30 * time.Second
	deletionCostAnnotation = "controller.kubernetes.io/pod-deletion-cost"
	defaultPercent         = 25
)

// deploymentReader converts the Deployment of a service to a [Workload].
type deploymentReader struct {
	*diagnostics
	deployment *appsv1.Deployment

	root, name, pod input.Node // the Deployment, its name and its spec.template

	index     int // of the container that runs
	container corev1.Container
	role      Role
}

// newDeploymentReader finds the container that a Deployment runs, and so its
// role. ok is false if there is none or the API server would reject the selector;
// both are reported.
func newDeploymentReader(d *appsv1.Deployment, root input.Node, imageRoles map[string]string, diags *diagnostics) (r *deploymentReader, ok bool) {
	r = &deploymentReader{diagnostics: diags, deployment: d, root: root, name: root.Find("metadata.name"), pod: root.Find("spec.template")}
	if !r.checkSelector() {
		return nil, false
	}
	if r.index, r.role, ok = r.findContainer(imageRoles); !ok {
		return nil, false
	}
	r.container = d.Spec.Template.Spec.Containers[r.index]
	return r, true
}

// containerNode is the place of the container that runs.
func (r *deploymentReader) containerNode() input.Node {
	return r.pod.Find("spec.containers").Items()[r.index]
}

// workload converts the Deployment, from its own fields to the container's and
// then the switches.
func (r *deploymentReader) workload() Workload {
	d, template := r.deployment, r.deployment.Spec.Template
	w := Workload{
		Name: d.Name, Role: r.role, Image: r.container.Image,
		Labels: template.Labels, Annotations: template.Annotations,
		MinReady: seconds(d.Spec.MinReadySeconds),
		File:     r.root.File(), Line: r.name.Line(),
	}
	w.Replicas = r.replicas()
	w.Grace, w.GraceLine = r.gracePeriod()
	r.strategy(&w)

	c := containerReader{diagnostics: r.diagnostics, container: r.container, node: r.containerNode(), role: r.role}
	w.Env, w.FieldRefs = c.environment(), c.fieldRefs()
	c.lifecycle(&w)
	c.checkPorts()

	w.DeletionCost = r.deletionCost()
	w.Switches = readSwitches(d.Name, r.root, c.node, r.diagnostics)
	w.Tag, w.Service = w.Switches.Tag, w.Switches.AppName
	switch {
	case r.role.External():
		w.Service = w.Name // it does not register
	case w.Service == "":
		w.Service = defaultService(r.role)
	}
	if !r.role.External() { // external workloads run as they are written
		r.warnIgnoredFields()
	}
	return w
}

// checkSelector rejects selectors that the API server would reject.
func (r *deploymentReader) checkSelector() bool {
	d, selector := r.deployment, r.root.Find("spec.selector")
	if d.Spec.Selector == nil || len(d.Spec.Selector.MatchLabels)+len(d.Spec.Selector.MatchExpressions) == 0 {
		r.problem(selector, fmt.Sprintf("Deployment %q has no selector", d.Name), "repeat the labels of the template in spec.selector.matchLabels")
		return false
	}
	for k, v := range d.Spec.Selector.MatchLabels {
		if d.Spec.Template.Labels[k] != v {
			r.problem(selector.Find("matchLabels."+k), fmt.Sprintf("the selector requires %s=%s, but the label of the template is %q", k, v, d.Spec.Template.Labels[k]), "the selector must match the labels of the template")
			return false
		}
	}
	return true
}

// findContainer returns the container to run: the first with a known image. The
// others are reported.
func (r *deploymentReader) findContainer(imageRoles map[string]string) (index int, role Role, ok bool) {
	d, nodes := r.deployment, r.pod.Find("spec.containers").Items()
	if len(nodes) == 0 {
		r.problem(r.pod.Find("spec.containers"), fmt.Sprintf("Deployment %q has no containers", d.Name), "")
		return 0, "", false
	}
	index = -1
	for i, c := range d.Spec.Template.Spec.Containers {
		found, known := RoleOf(c.Image, imageRoles)
		switch {
		case known && index < 0:
			index, role = i, found
		case index >= 0:
			r.warn(nodes[i], fmt.Sprintf("container %q (%s) does not run: only one container of a pod is supported", c.Name, c.Image), "")
		}
	}
	if index < 0 {
		text, hint := UnknownImage(d.Spec.Template.Spec.Containers[0].Image)
		r.problem(nodes[0].Find("image"), text, hint)
		return 0, "", false
	}
	return index, role, true
}

// replicas is 1 unless the Deployment says otherwise.
func (r *deploymentReader) replicas() int {
	n := r.deployment.Spec.Replicas
	if n == nil {
		return 1
	}
	if *n < 0 {
		r.problem(r.root.Find("spec.replicas"), fmt.Sprintf("replicas must be at least 0, got %d", *n), "")
	}
	return int(*n)
}

// gracePeriod returns the termination grace period and its line.
func (r *deploymentReader) gracePeriod() (grace time.Duration, line int) {
	node := r.pod.Find("spec.terminationGracePeriodSeconds")
	n := r.deployment.Spec.Template.Spec.TerminationGracePeriodSeconds
	if n == nil {
		return defaultGrace, node.Line()
	}
	if *n < 0 {
		r.problem(node, fmt.Sprintf("terminationGracePeriodSeconds must be at least 0, got %d", *n), "")
	}
	return time.Duration(*n) * time.Second, node.Line()
}

// strategy reads how a rollout replaces pods.
func (r *deploymentReader) strategy(w *Workload) {
	w.MaxSurge, w.MaxUnavailable = Amount{N: defaultPercent, Percent: true}, Amount{N: defaultPercent, Percent: true}
	d, s := r.deployment, r.root.Find("spec.strategy")
	switch d.Spec.Strategy.Type {
	case "", appsv1.RollingUpdateDeploymentStrategyType:
	case appsv1.RecreateDeploymentStrategyType:
		w.Recreate = true
		return
	default:
		r.problem(s.Find("type"), fmt.Sprintf("unknown strategy %q", d.Spec.Strategy.Type), input.DidYouMean(string(d.Spec.Strategy.Type), []string{"RollingUpdate", "Recreate"}))
	}
	rolling, node := d.Spec.Strategy.RollingUpdate, s.Find("rollingUpdate")
	if rolling == nil {
		return
	}
	w.MaxSurge = readAmount(rolling.MaxSurge, w.MaxSurge, node, "maxSurge", r.diagnostics)
	w.MaxUnavailable = readAmount(rolling.MaxUnavailable, w.MaxUnavailable, node, "maxUnavailable", r.diagnostics)
	if w.MaxSurge.N == 0 && w.MaxUnavailable.N == 0 {
		r.problem(node, "maxSurge and maxUnavailable must not both be 0", "")
	}
}

// readAmount converts the field name of parent: fallback if it is absent or
// invalid.
func readAmount(v *intstr.IntOrString, fallback Amount, parent input.Node, name string, diags *diagnostics) Amount {
	if v == nil {
		return fallback
	}
	a, node := fallback, parent.Find(name)
	if v.Type == intstr.Int {
		a = Amount{N: int(v.IntVal)}
	} else if p, err := strconv.Atoi(trimPercent(v.StrVal)); err == nil && trimPercent(v.StrVal) != v.StrVal {
		a = Amount{N: p, Percent: true}
	} else {
		diags.problem(node, fmt.Sprintf("%s must be a number or a percentage, got %q", name, v.StrVal), "for example 1 or 25%")
	}
	if a.N < 0 {
		diags.problem(node, fmt.Sprintf("%s must be at least 0, got %s", name, v.String()), "")
	}
	return a
}

func trimPercent(s string) string {
	if n := len(s); n > 0 && s[n-1] == '%' {
		return s[:n-1]
	}
	return s
}

// deletionCost reads the annotation that orders pods for scale-in; 0 without it.
func (r *deploymentReader) deletionCost() int {
	text, ok := r.deployment.Spec.Template.Annotations[deletionCostAnnotation]
	if !ok {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		r.problem(r.pod.Find("metadata.annotations."+deletionCostAnnotation), fmt.Sprintf("pod-deletion-cost must be a whole number, got %q", text), "")
	}
	return n
}

// warnIgnoredFields reports fields that have no effect, except those that cannot
// have one on a local process.
func (r *deploymentReader) warnIgnoredFields() {
	if r.deployment.Spec.Paused {
		r.warn(r.root.Find("spec.paused"), "paused has no effect", "")
	}
	r.warnOtherFields(r.pod.Find("spec"), "containers", "terminationGracePeriodSeconds",
		"dnsPolicy", "dnsConfig", "restartPolicy", "imagePullSecrets", "schedulerName", "enableServiceLinks")
	r.warnOtherFields(r.containerNode(), "name", "image", "env", "lifecycle", "startupProbe", "readinessProbe", "livenessProbe", "ports",
		"imagePullPolicy", "resources", "terminationMessagePath", "terminationMessagePolicy")
}

// warnOtherFields reports the fields of n that are not known.
func (r *deploymentReader) warnOtherFields(n input.Node, known ...string) {
	for _, f := range n.Fields() {
		if !slices.Contains(known, f.Key) && f.Value.Shape() != input.Null {
			r.warn(f.Value, f.Key+" has no effect: a pod is a process here", "")
		}
	}
}

func seconds(n int32) time.Duration { return time.Duration(n) * time.Second }
