package kube

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"zeroloss/demo-services/settings"
	"zeroloss/internal/input"
	"zeroloss/loadgen/collect"
	"zeroloss/scenarios/image"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run/kube/owner"
)

// Names of the harness's own objects in a run's namespace.
const (
	loadPod         = "zeroloss-load"
	defaultRegistry = "nacos-server"
	// RegistryImage stands in for the registry's image where the manifests
	// name one that only its vendor can pull.
	RegistryImage = "nacos/nacos-server:v2.3.2"
	readinessPath = "/nacos/v2/console/health/readiness"
)

// RenderOptions say what a manifest has to fit. The zero value renders for a
// cluster with room, in which Services are found by name.
type RenderOptions struct {
	Run           string   // id; the namespace is "zeroloss-" + Run
	Image         string   // of zeroloss itself
	RegistryImage string   // "" is RegistryImage
	Room          Capacity // of the cluster; zero: unknown, and taken to be enough
	LoadPods      int      // how many share the load; 0 is as many as its rate needs
	// Where pods find the registry and the load pod: addresses, or "" for the
	// names of their Services.
	RegistryHost, LoadHost string
	// Drained is the node that the plan's drains empty; "" before it is chosen.
	Drained string
}

// Namespace is the one of a run.
func (o RenderOptions) Namespace() string { return owner.NamespacePrefix + o.Run }

// NamespacePrefix begins the name of each namespace of ours.
const NamespacePrefix = owner.NamespacePrefix

// Object is a Kubernetes object, as JSON decodes it.
type Object map[string]any

// Repair is a change to a manifest that this runtime needs.
type Repair struct {
	Object string // kind/name
	Text   string
	Line   int // of the object's document in the manifests; 0: it is in none
}

// Rendered is what a run applies, in the order of application.
type Rendered struct {
	Namespace Object
	Services  []Object // of the manifests, and the load pod's
	Others    []Object // ConfigMaps, Secrets and PodDisruptionBudgets
	Registry  Object   // its Deployment
	Load      Object   // the load pod, or the Job of several
	Workloads []Object // Deployments of demo services, in the plan's order

	Repairs []Repair
	before  map[string]Object // as written, by kind/name
}

// Objects lists all in the order of application.
func (r *Rendered) Objects() []Object {
	out := append([]Object{r.Namespace}, r.Services...)
	out = append(append(out, r.Others...), r.base()...)
	return append(out, r.Workloads...)
}

// ErrSpeed refuses a plan whose clock is not the cluster's.
var ErrSpeed = errors.New("a cluster's own clocks cannot be sped up: the speed has to be 1")

// Render makes of a plan and its manifests the objects of a run. It is pure.
// The plan is what is to happen: where it differs from a manifest, the
// manifest is changed, and the change listed.
func Render(p *plan.Plan, manifests []byte, o RenderOptions) (*Rendered, error) {
	if p.Speed != 0 && p.Speed != 1 {
		return nil, fmt.Errorf("rendering %q at speed %v: %w", p.Scenario, p.Speed, ErrSpeed)
	}
	r := &renderer{p: p, o: o, out: &Rendered{before: map[string]Object{}}}
	var docs []input.Document
	var problems input.Problems
	if p.Target == nil { // one that attaches has none
		docs, problems = input.Split(input.Source{Name: "manifests.yaml", Data: manifests})
	}
	if err := problems.Err(); err != nil {
		return nil, fmt.Errorf("rendering %q: %w", p.Scenario, err)
	}
	for _, d := range docs {
		r.line = d.Line
		var obj Object
		if err := yaml.Unmarshal(d.Data, &obj); err != nil {
			return nil, fmt.Errorf("rendering %q: %w", p.Scenario, err)
		}
		if err := r.object(obj); err != nil {
			return nil, fmt.Errorf("rendering %q: %s: %w", p.Scenario, id(obj), err)
		}
	}
	r.line = 0
	if err := r.complete(); err != nil {
		return nil, fmt.Errorf("rendering %q: %w", p.Scenario, err)
	}
	r.place()
	r.fit()
	return r.out, nil
}

type renderer struct {
	p   *plan.Plan
	o   RenderOptions
	out *Rendered

	line int // of the document at hand
}

func (r *renderer) repair(obj Object, format string, args ...any) {
	r.out.Repairs = append(r.out.Repairs, Repair{Object: id(obj), Text: fmt.Sprintf(format, args...), Line: r.line})
}

// Findings is the repairs as a report lists them; file is the manifests'.
func (r *Rendered) Findings(file string) []plan.Finding {
	var out []plan.Finding
	for _, x := range r.Repairs {
		out = append(out, plan.Finding{File: file, Line: max(1, x.Line), Text: x.Object + ": " + x.Text})
	}
	return out
}

// object takes one of the manifests'.
func (r *renderer) object(obj Object) error {
	before := obj.clone()
	kind := cmp.Or(obj.text("kind"), evident(obj))
	defer func() { r.out.before[id(obj)] = before }()
	switch kind {
	case "Deployment":
		if obj.text("kind") == "" || obj.text("apiVersion") != "apps/v1" {
			r.repair(obj, "written as apps/v1, Deployment")
		}
		obj["kind"], obj["apiVersion"] = kind, "apps/v1"
		return r.deployment(obj)
	case "Service":
		obj["kind"], obj["apiVersion"] = kind, "v1"
		r.service(obj)
	case "CronHorizontalPodAutoscaler":
		// zeroloss does its work, through the scale subresource, by the
		// plan's own clock.
		r.repair(obj, "not applied: its jobs are carried out by this run, through the scale subresource")
	case "ConfigMap", "Secret", "PodDisruptionBudget":
		r.own(obj)
		r.out.Others = append(r.out.Others, obj)
	default:
		r.repair(obj, "left out: a run applies Deployments, Services, ConfigMaps, Secrets and PodDisruptionBudgets")
	}
	return nil
}

// evident is the kind of an object that does not say it.
func evident(obj Object) string {
	switch spec := obj.at("spec"); {
	case spec["template"] != nil:
		return "Deployment"
	case spec["ports"] != nil:
		return "Service"
	}
	return ""
}

// own puts an object into the run's namespace, with its owner's labels.
func (r *renderer) own(obj Object) {
	meta := obj.make("metadata")
	if ns := meta.text("namespace"); ns != "" {
		r.repair(obj, "namespace %s is the run's own here", ns)
	}
	meta["namespace"] = r.o.Namespace()
	for _, k := range []string{"uid", "resourceVersion", "creationTimestamp", "managedFields", "ownerReferences", "generation"} {
		delete(meta, k)
	}
	delete(obj, "status")
	meta.merge("labels", r.labels())
}

func (r *renderer) labels() map[string]any {
	return map[string]any{owner.ManagedByLabel: owner.Name, owner.RunLabel: r.o.Run}
}

// deployment takes that of a demo service, or of the registry.
func (r *renderer) deployment(obj Object) error {
	name := obj.at("metadata").text("name")
	if name == r.p.Registry.Workload {
		r.own(obj)
		r.out.Registry = obj
		return r.registry(obj)
	}
	i := slices.IndexFunc(r.p.Workloads, func(w plan.Workload) bool { return w.Name == name })
	if i < 0 {
		r.repair(obj, "left out: the plan has no such workload")
		return nil
	}
	r.own(obj)
	r.out.Workloads = append(r.out.Workloads, obj)
	if w := &r.p.Workloads[i]; w.External {
		return r.plain(obj, w)
	}
	return r.workload(obj, &r.p.Workloads[i])
}

// complete adds what no manifest has, and brings the plan's order.
func (r *renderer) complete() error {
	r.out.Namespace = Object{
		"apiVersion": "v1", "kind": "Namespace",
		"metadata": map[string]any{"name": r.o.Namespace(), "labels": r.labels()},
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
		return nil // its workload is there already
	}
	order := map[string]int{}
	for i, w := range r.p.Workloads {
		order[w.Name] = i + 1
	}
	for _, w := range r.p.Workloads {
		if !slices.ContainsFunc(r.out.Workloads, func(o Object) bool { return o.at("metadata").text("name") == w.Name }) {
			return fmt.Errorf("workload %q of the plan is in no manifest", w.Name)
		}
	}
	slices.SortStableFunc(r.out.Workloads, func(a, b Object) int {
		return cmp.Compare(order[a.at("metadata").text("name")], order[b.at("metadata").text("name")])
	})
	return nil
}

// addLoad is the load pod: generator and collector. It is a pod and no
// Deployment, as nothing may ever move it; several are a Job.
func (r *renderer) addLoad() error {
	n, err := r.loadPods()
	if err != nil {
		return err
	}
	meta := map[string]any{"name": loadPod, "namespace": r.o.Namespace()}
	labels := r.labels()
	labels["app"] = loadPod
	meta["labels"] = labels
	port := func(name string, n int) any { return map[string]any{"name": name, "port": n, "targetPort": n} }
	service := Object{
		"apiVersion": "v1", "kind": "Service", "metadata": maps.Clone(meta),
		"spec": map[string]any{
			"selector": map[string]any{"app": loadPod, owner.RunLabel: r.o.Run},
			"ports":    []any{port("http", collect.HTTPPort), port("events", collect.EventsPort)},
		},
	}
	r.out.Services = append(r.out.Services, service)
	c := map[string]any{
		"name": "load", "image": r.o.Image, "imagePullPolicy": "IfNotPresent", "args": []any{"collect"},
		// A generator that waits for a processor measures its own lateness.
		"resources": map[string]any{"requests": map[string]any{"cpu": "500m", "memory": "64Mi"}},
		"ports":     []any{map[string]any{"containerPort": collect.HTTPPort}, map[string]any{"containerPort": collect.EventsPort}},
		"readinessProbe": map[string]any{
			"httpGet": map[string]any{"path": "/state", "port": collect.HTTPPort}, "periodSeconds": 1,
		},
	}
	spec := map[string]any{
		"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "automountServiceAccountToken": false,
		"containers": []any{c},
	}
	confine(spec, c)
	r.out.Load = r.indexed(Object{"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}, service, n)
	return nil
}

// document is what a workload's services are told. Kubernetes itself fills in
// $(NAME) from the variables before it.
func (r *renderer) document(w *plan.Workload) string {
	d := w.Settings
	d.Schema = settings.Schema
	d.Role, d.Workload, d.Service, d.Tag = w.Role, w.Name, w.Service, w.Tag
	d.Pod, d.IP, d.Incarnation = podName, podIP, 0
	d.Dir, d.ParentFD = image.WorkDir, 0
	d.Online.Prewarmed = !w.ColdStart // of those that start before the load does
	d.Seed = r.p.Seed
	d.Events = fmt.Sprintf("tcp:%s:%d", cmp.Or(r.o.LoadHost, loadPod), collect.EventsPort)
	d.Registry.Host = cmp.Or(r.o.RegistryHost, r.registryName())
	d.Registry.Port = cmp.Or(r.p.Registry.Port, registryPort)
	text := strings.ReplaceAll(string(d.JSON()), "$(", "$$(")
	for _, v := range []string{podName, podIP} { // ours are meant
		text = strings.ReplaceAll(text, "$"+v, v)
	}
	return text
}

const (
	podName      = "$(POD_NAME)"
	podIP        = "$(POD_IP)"
	registryPort = 8848
	grpcOffset   = 1000
)

// id is kind/name.
func id(obj Object) string {
	return cmp.Or(obj.text("kind"), evident(obj), "object") + "/" + obj.at("metadata").text("name")
}

// text is a string field; "" if it is none.
func (o Object) text(key string) string {
	s, _ := o[key].(string) // anything else is no text
	return s
}

// at is an object within o; empty if it is not there, and then a copy.
func (o Object) at(keys ...string) Object {
	for _, k := range keys {
		switch v := o[k].(type) {
		case map[string]any:
			o = v
		case Object:
			o = v
		default:
			return Object{}
		}
	}
	return o
}

// make is an object within o, made if it is not there.
func (o Object) make(keys ...string) Object {
	for _, k := range keys {
		switch v := o[k].(type) {
		case map[string]any:
			o = v
		case Object:
			o = v
		default:
			next := map[string]any{}
			o[k] = next
			o = next
		}
	}
	return o
}

// merge sets entries of the map at key.
func (o Object) merge(key string, entries map[string]any) {
	maps.Copy(o.make(key), entries)
}

// list is the objects of a list field.
func (o Object) list(key string) []Object {
	all, _ := o[key].([]any) // anything else has no entries
	var out []Object
	for _, x := range all {
		if m, ok := x.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

func (o Object) clone() Object {
	b, err := json.Marshal(o)
	if err != nil {
		panic(err) // it was decoded from text
	}
	var out Object
	if err := json.Unmarshal(b, &out); err != nil {
		panic(err)
	}
	return out
}
