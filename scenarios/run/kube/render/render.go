// Package render makes the Kubernetes objects of a run out of its plan and
// manifests. It is pure: it reads and writes nothing.
//
// The plan is what is to happen. Where a manifest differs from it, or does not
// fit a namespace of its own, [Render] changes the object and lists an
// [Adjustment]. (A correction is something else: what the plan itself had to
// read differently from how the manifest has it.)
//
//   - workload.go: the Deployments of demo services, and of services of the user.
//   - lifecycle.go: grace period, preStop hook and probes.
//   - service.go, registry.go, load.go: what they are named after.
//   - placement.go: where a drain needs pods to be; resources.go: requests that
//     fit the cluster; security.go: security contexts.
//   - print.go: YAML and diff; rbac.go: the permissions of a run.
package render

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"zeroloss/internal/input"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run/kube/owner"
)

// Options say what the objects have to fit. The zero value renders for a
// cluster with enough resources, in which Services are found by name.
type Options struct {
	Run           string    // id; the namespace is "zeroloss-" + Run
	Image         string    // of zeroloss itself
	RegistryImage string    // "" is [RegistryImage]
	Free          Resources // of the cluster; zero: unknown, taken to be enough
	LoadPods      int       // how many share the load; 0: as many as its rate needs
	// Where pods find the registry and the load pod: addresses, or "" for the
	// names of their Services.
	RegistryHost, LoadHost string
	// DrainedNode is the node that the plan's drains empty; "" before it is
	// chosen.
	DrainedNode string
}

// Namespace returns the run's namespace.
func (o Options) Namespace() string { return owner.NamespacePrefix + o.Run }

// Object is a Kubernetes object.
type Object interface {
	runtime.Object
	metav1.Object
}

// Adjustment is a change to an object of the manifests that this runtime needs.
type Adjustment struct {
	Object string // kind/name
	Text   string
	Line   int // of the object's document in the manifests; 0: it is in none
}

// Objects is what a run applies.
type Objects struct {
	Namespace *corev1.Namespace
	Services  []*corev1.Service            // of the manifests, and the load pod's
	Others    []*unstructured.Unstructured // ConfigMaps, Secrets and PodDisruptionBudgets, as written
	Registry  *appsv1.Deployment           // nil if no workload registers
	Load      Object                       // the load pod (*corev1.Pod), or the Job of several (*batchv1.Job)
	Workloads []*appsv1.Deployment         // of the services, in the plan's order

	Adjustments []Adjustment
	written     map[string]map[string]any // as the manifests have it, by kind/name
}

// Base lists what has to be ready before the services start: the registry, if
// any workload registers, and the load.
func (o *Objects) Base() []Object {
	if o.Registry == nil {
		return []Object{o.Load}
	}
	return []Object{o.Registry, o.Load}
}

// All lists all objects in the order of application.
func (o *Objects) All() []Object {
	out := []Object{o.Namespace}
	for _, s := range o.Services {
		out = append(out, s)
	}
	for _, x := range o.Others {
		out = append(out, x)
	}
	out = append(out, o.Base()...)
	for _, w := range o.Workloads {
		out = append(out, w)
	}
	return out
}

// adjust lists an adjustment that is due to no single document.
func (o *Objects) adjust(x Object, format string, args ...any) {
	o.Adjustments = append(o.Adjustments, Adjustment{Object: id(x), Text: fmt.Sprintf(format, args...)})
}

// Findings lists the adjustments as a report does; file is the manifests'.
func (o *Objects) Findings(file string) []plan.Finding {
	var out []plan.Finding
	for _, a := range o.Adjustments {
		out = append(out, plan.Finding{File: file, Line: max(1, a.Line), Text: a.Object + ": " + a.Text})
	}
	return out
}

// ErrSpeed refuses a plan that runs faster than the cluster's own clocks.
var ErrSpeed = errors.New("a cluster's own clocks cannot be sped up: the speed has to be 1")

// Render makes the objects of a run of p. manifests are those that p was made
// from; a plan that attaches to a target has none.
func Render(p *plan.Plan, manifests []byte, o Options) (*Objects, error) {
	if p.Speed != 0 && p.Speed != 1 {
		return nil, fmt.Errorf("rendering %q at speed %v: %w", p.Scenario, p.Speed, ErrSpeed)
	}
	r := &renderer{p: p, o: o, out: &Objects{written: map[string]map[string]any{}}}
	var docs []input.Document
	var problems input.Problems
	if p.Target == nil {
		docs, problems = input.Split(input.Source{Name: "manifests.yaml", Data: manifests})
	}
	if err := problems.Err(); err != nil {
		return nil, fmt.Errorf("rendering %q: %w", p.Scenario, err)
	}
	for _, d := range docs {
		r.line = d.Line
		if err := r.document(d.Data); err != nil {
			return nil, fmt.Errorf("rendering %q: %w", p.Scenario, err)
		}
	}
	r.line = 0
	if err := r.complete(); err != nil {
		return nil, fmt.Errorf("rendering %q: %w", p.Scenario, err)
	}
	r.out.resolveNamedPorts(p.Services)
	r.out.placeForDrain(p, o.DrainedNode)
	r.out.fitRequests(o.Free)
	return r.out, nil
}

// renderer converts the documents to objects, one after the other, and adds the
// objects that no document has. A [deploymentAdapter] changes the Deployments. What
// concerns all objects together is done to [Objects] afterwards.
type renderer struct {
	p   *plan.Plan
	o   Options
	out *Objects

	line int // of the document at hand
}

func (r *renderer) adjust(o Object, format string, args ...any) {
	r.adjustNamed(id(o), format, args...)
}

func (r *renderer) adjustNamed(object, format string, args ...any) {
	r.out.Adjustments = append(r.out.Adjustments, Adjustment{Object: object, Text: fmt.Sprintf(format, args...), Line: r.line})
}

// id returns kind/name.
func id(o Object) string {
	return cmp.Or(o.GetObjectKind().GroupVersionKind().Kind, "object") + "/" + o.GetName()
}

// document takes one object of the manifests.
func (r *renderer) document(data []byte) error {
	var written map[string]any
	if err := yaml.Unmarshal(data, &written); err != nil {
		return err
	}
	u := &unstructured.Unstructured{Object: written}
	kind := cmp.Or(u.GetKind(), kindBySpec(written))
	object := cmp.Or(kind, "object") + "/" + u.GetName()
	r.out.written[object] = u.DeepCopy().Object
	switch kind {
	case "Deployment":
		if u.GetKind() == "" || u.GetAPIVersion() != "apps/v1" {
			r.adjustNamed(object, "written as apps/v1, Deployment")
		}
		d := &appsv1.Deployment{}
		if err := r.decode(object, data, d); err != nil {
			return err
		}
		d.TypeMeta = metav1.TypeMeta{APIVersion: "apps/v1", Kind: kind}
		d.Status = appsv1.DeploymentStatus{}
		if err := r.deployment(d); err != nil {
			return fmt.Errorf("%s: %w", object, err)
		}
	case "Service":
		s := &corev1.Service{}
		if err := r.decode(object, data, s); err != nil {
			return err
		}
		s.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: kind}
		s.Status = corev1.ServiceStatus{}
		r.service(s)
	case "CronHorizontalPodAutoscaler":
		r.adjustNamed(object, "not applied: this run carries out its jobs, through the scale subresource, by the plan's own clock")
	case "ConfigMap", "Secret", "PodDisruptionBudget":
		delete(u.Object, "status")
		r.takeOver(u)
		r.out.Others = append(r.out.Others, u)
	default:
		r.adjustNamed(object, "left out: a run applies Deployments, Services, ConfigMaps, Secrets and PodDisruptionBudgets")
	}
	return nil
}

// decode reads a typed object. A field that its type does not have is an
// adjustment: it is left out.
func (r *renderer) decode(object string, data []byte, into Object) error {
	if err := yaml.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w", object, err)
	}
	strict, ok := into.DeepCopyObject().(Object)
	if !ok {
		return nil
	}
	if err := yaml.UnmarshalStrict(data, strict); err != nil {
		r.adjustNamed(object, "left out what its kind does not have: %v", err)
	}
	return nil
}

// kindBySpec guesses the kind of an object that does not say it; "" if it
// cannot.
func kindBySpec(written map[string]any) string {
	spec, _ := written["spec"].(map[string]any) // anything else has no fields
	switch {
	case spec["template"] != nil:
		return "Deployment"
	case spec["ports"] != nil:
		return "Service"
	}
	return ""
}

// takeOver puts an object into the run's namespace, with the run's labels.
func (r *renderer) takeOver(o Object) {
	if ns := o.GetNamespace(); ns != "" {
		r.adjust(o, "namespace %s: the run's own in its place", ns)
	}
	o.SetNamespace(r.o.Namespace())
	o.SetUID("")
	o.SetResourceVersion("")
	o.SetCreationTimestamp(metav1.Time{})
	o.SetManagedFields(nil)
	o.SetOwnerReferences(nil)
	o.SetGeneration(0)
	o.SetLabels(merged(o.GetLabels(), owner.Labels(r.o.Run)))
}

// merged returns a with the entries of b.
func merged(a, b map[string]string) map[string]string {
	out := map[string]string{}
	for _, m := range []map[string]string{a, b} {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}

// deployment adapts the Deployment of a workload, or of the registry.
func (r *renderer) deployment(d *appsv1.Deployment) error {
	isRegistry := d.Name == r.p.Registry.Workload
	i := slices.IndexFunc(r.p.Workloads, func(w plan.Workload) bool { return w.Name == d.Name })
	if i < 0 && !isRegistry {
		r.adjust(d, "left out: the plan has no such workload")
		return nil
	}
	r.takeOver(d)
	a, err := r.adapter(d)
	if err != nil {
		return err
	}
	if isRegistry {
		r.out.Registry = d
		a.runRegistry()
		return nil
	}
	r.out.Workloads = append(r.out.Workloads, d)
	if w := &r.p.Workloads[i]; w.External {
		a.runExternalService(w)
	} else {
		a.runDemoService(w)
	}
	return nil
}

// complete adds what no manifest has, and puts workloads into the plan's order.
func (r *renderer) complete() error {
	r.out.Namespace = &corev1.Namespace{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
		ObjectMeta: metav1.ObjectMeta{Name: r.o.Namespace(), Labels: owner.Labels(r.o.Run)},
	}
	if r.p.UsesRegistry() {
		if r.out.Registry == nil {
			r.addRegistry()
		}
		r.exposeRegistry()
	}
	if err := r.addLoad(); err != nil {
		return err
	}
	if r.p.Target != nil {
		return nil // its workload exists already
	}
	order := map[string]int{}
	for i, w := range r.p.Workloads {
		order[w.Name] = i
		if _, ok := r.out.Workload(w.Name); !ok {
			return fmt.Errorf("workload %q of the plan is in no manifest", w.Name)
		}
	}
	slices.SortStableFunc(r.out.Workloads, func(a, b *appsv1.Deployment) int { return cmp.Compare(order[a.Name], order[b.Name]) })
	return nil
}

// Workload finds the Deployment of a workload.
func (o *Objects) Workload(name string) (*appsv1.Deployment, bool) {
	i := slices.IndexFunc(o.Workloads, func(d *appsv1.Deployment) bool { return d.Name == name })
	if i < 0 {
		return nil, false
	}
	return o.Workloads[i], true
}
