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
	defaultGrace   = 30 * time.Second
	deletionCost   = "controller.kubernetes.io/pod-deletion-cost"
	defaultPercent = 25
)

// deployment converts a Deployment of a demo service or of the registry.
func (l *loader) deployment(d *appsv1.Deployment, root input.Node) {
	pod := root.Find("spec.template")
	if !l.selectsItself(d, root) {
		return
	}
	i, role, ok := l.container(d, pod)
	if !ok {
		return
	}
	name := root.Find("metadata.name")
	if role == RegistryRole {
		if l.set.Registry != nil {
			l.problem(name, "there is more than one registry", "keep one Deployment with a Nacos image")
			return
		}
		l.set.Registry = &Registry{Name: d.Name, Labels: d.Spec.Template.Labels, File: root.File(), Line: name.Line()}
		return
	}
	c, node := d.Spec.Template.Spec.Containers[i], pod.Find("spec.containers").Items()[i]
	w := Workload{
		Name: d.Name, Role: role, Image: c.Image, Replicas: 1,
		Labels: d.Spec.Template.Labels, Annotations: d.Spec.Template.Annotations, Env: map[string]string{},
		Grace: defaultGrace, MinReady: seconds(d.Spec.MinReadySeconds),
		File: root.File(), Line: name.Line(), GraceLine: pod.Find("spec.terminationGracePeriodSeconds").Line(),
	}
	if d.Spec.Replicas != nil {
		w.Replicas = int(*d.Spec.Replicas)
	}
	if w.Replicas < 0 {
		l.problem(root.Find("spec.replicas"), fmt.Sprintf("replicas must be at least 0, got %d", w.Replicas), "")
	}
	if g := d.Spec.Template.Spec.TerminationGracePeriodSeconds; g != nil {
		w.Grace = time.Duration(*g) * time.Second
		if *g < 0 {
			l.problem(pod.Find("spec.terminationGracePeriodSeconds"), fmt.Sprintf("terminationGracePeriodSeconds must be at least 0, got %d", *g), "")
		}
	}
	l.strategy(&w, d, root)
	l.env(&w, c, node)
	l.lifecycle(&w, c, node)
	l.ports(c, node, role)
	l.cost(&w, pod)
	l.switches(&w, root, node)
	if !role.External() { // external workloads run as they are written
		l.warnIgnoredFields(d, root, pod, i)
	}
	l.set.Workloads = append(l.set.Workloads, w)
}

// selectsItself rejects selectors that the API server would reject.
func (l *loader) selectsItself(d *appsv1.Deployment, root input.Node) bool {
	selector := root.Find("spec.selector")
	if d.Spec.Selector == nil || len(d.Spec.Selector.MatchLabels)+len(d.Spec.Selector.MatchExpressions) == 0 {
		l.problem(root.Find("spec.selector"), fmt.Sprintf("Deployment %q has no selector", d.Name), "repeat the labels of the template in spec.selector.matchLabels")
		return false
	}
	for k, v := range d.Spec.Selector.MatchLabels {
		if d.Spec.Template.Labels[k] != v {
			l.problem(selector.Find("matchLabels."+k), fmt.Sprintf("the selector requires %s=%s, but the label of the template is %q", k, v, d.Spec.Template.Labels[k]), "the selector must match the labels of the template")
			return false
		}
	}
	return true
}

// container returns the container to run: the first with a known image. The
// others are reported.
func (l *loader) container(d *appsv1.Deployment, pod input.Node) (index int, role Role, ok bool) {
	nodes := pod.Find("spec.containers").Items()
	if len(nodes) == 0 {
		l.problem(pod.Find("spec.containers"), fmt.Sprintf("Deployment %q has no containers", d.Name), "")
		return 0, "", false
	}
	index = -1
	for i, c := range d.Spec.Template.Spec.Containers {
		r, known := l.role(c.Image)
		switch {
		case known && index < 0:
			index, role = i, r
		case index >= 0:
			l.warn(nodes[i], fmt.Sprintf("container %q (%s) does not run: only one container of a pod is supported", c.Name, c.Image), "")
		}
	}
	if index < 0 {
		text, hint := UnknownImage(d.Spec.Template.Spec.Containers[0].Image)
		l.problem(nodes[0].Find("image"), text, hint)
		return 0, "", false
	}
	return index, role, true
}

func (l *loader) strategy(w *Workload, d *appsv1.Deployment, root input.Node) {
	w.MaxSurge, w.MaxUnavailable = Amount{N: defaultPercent, Percent: true}, Amount{N: defaultPercent, Percent: true}
	s := root.Find("spec.strategy")
	switch d.Spec.Strategy.Type {
	case "", appsv1.RollingUpdateDeploymentStrategyType:
	case appsv1.RecreateDeploymentStrategyType:
		w.Recreate = true
		return
	default:
		l.problem(s.Find("type"), fmt.Sprintf("unknown strategy %q", d.Spec.Strategy.Type), input.DidYouMean(string(d.Spec.Strategy.Type), []string{"RollingUpdate", "Recreate"}))
	}
	r := d.Spec.Strategy.RollingUpdate
	if r == nil {
		return
	}
	l.amount(&w.MaxSurge, r.MaxSurge, s.Find("rollingUpdate"), "maxSurge")
	l.amount(&w.MaxUnavailable, r.MaxUnavailable, s.Find("rollingUpdate"), "maxUnavailable")
	if w.MaxSurge.N == 0 && w.MaxUnavailable.N == 0 {
		l.problem(s.Find("rollingUpdate"), "maxSurge and maxUnavailable must not both be 0", "")
	}
}

// amount converts the field name of parent.
func (l *loader) amount(a *Amount, v *intstr.IntOrString, parent input.Node, name string) {
	if v == nil {
		return
	}
	n := parent.Find(name)
	if v.Type == intstr.Int {
		*a = Amount{N: int(v.IntVal)}
	} else if p, err := strconv.Atoi(trimPercent(v.StrVal)); err == nil && trimPercent(v.StrVal) != v.StrVal {
		*a = Amount{N: p, Percent: true}
	} else {
		l.problem(n, fmt.Sprintf("%s must be a number or a percentage, got %q", name, v.StrVal), "for example 1 or 25%")
	}
	if a.N < 0 {
		l.problem(n, fmt.Sprintf("%s must be at least 0, got %s", name, v.String()), "")
	}
}

func trimPercent(s string) string {
	if n := len(s); n > 0 && s[n-1] == '%' {
		return s[:n-1]
	}
	return s
}

// env collects the literal variables, which hooks and switches use.
func (l *loader) env(w *Workload, c corev1.Container, node input.Node) {
	nodes := node.Get("env").Items()
	for i, e := range c.Env {
		if e.ValueFrom != nil {
			l.warn(nodes[i], fmt.Sprintf("valueFrom of variable %q is not supported: it is not set", e.Name), "write a value")
			continue
		}
		w.Env[e.Name] = e.Value
	}
}

// ports corrects a containerPort: a demo service listens on its own port.
func (l *loader) ports(c corev1.Container, node input.Node, role Role) {
	if role.External() {
		return // its ports are its own
	}
	nodes := node.Get("ports").Items()
	if len(c.Ports) == 0 || slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return int(p.ContainerPort) == role.Port() }) {
		return
	}
	l.correct(nodes[0].Find("containerPort"), fmt.Sprintf("containerPort is %d, but the service listens on %d", c.Ports[0].ContainerPort, role.Port()), fmt.Sprintf("write containerPort: %d", role.Port()))
}

func (l *loader) cost(w *Workload, pod input.Node) {
	text, ok := w.Annotations[deletionCost]
	if !ok {
		return
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		l.problem(pod.Find("metadata.annotations."+deletionCost), fmt.Sprintf("pod-deletion-cost must be a whole number, got %q", text), "")
	}
	w.DeletionCost = n
}

// warnIgnoredFields names what is written and means nothing here, except what could
// not mean anything to a process on this machine anyway.
func (l *loader) warnIgnoredFields(d *appsv1.Deployment, root, pod input.Node, container int) {
	if d.Spec.Paused {
		l.warn(root.Find("spec.paused"), "paused has no effect", "")
	}
	l.warnIgnored(pod.Find("spec"), "containers", "terminationGracePeriodSeconds",
		"dnsPolicy", "dnsConfig", "restartPolicy", "imagePullSecrets", "schedulerName", "enableServiceLinks")
	l.warnIgnored(pod.Find("spec.containers").Items()[container], "name", "image", "env", "lifecycle", "startupProbe", "readinessProbe", "livenessProbe", "ports",
		"imagePullPolicy", "resources", "terminationMessagePath", "terminationMessagePolicy")
}

func (l *loader) warnIgnored(n input.Node, heeded ...string) {
	for _, f := range n.Fields() {
		if !slices.Contains(heeded, f.Key) && f.Value.Shape() != input.Null {
			l.warn(f.Value, f.Key+" has no effect: a pod is a process here", "")
		}
	}
}

func seconds(n int32) time.Duration { return time.Duration(n) * time.Second }
