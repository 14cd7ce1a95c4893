// Package manifests reads the topology from Kubernetes manifests: Deployments,
// Services, CronHorizontalPodAutoscalers and PodDisruptionBudgets. [Load]
// decodes them strictly, with file and line in every error. It corrects what is
// obviously wrong, such as a missing kind, and reports corrections and
// unsupported objects; it never changes the YAML. Labels, annotations and
// environment variables of MSE, EDAS, Polaris and Dubbo become one typed
// [Switches], defined by [Table].
//
// The manifests of the catalogue are embedded: [Open].
//
// It knows no scenario and no runtime, and is the only importer of the types
// of Kubernetes: what it returns is its own.
package manifests

import (
	"embed"
	"io/fs"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"zeroloss/internal/input"
)

//go:embed *.yaml
var files embed.FS

// Names lists the embedded manifests.
func Names() []string {
	names, err := fs.Glob(files, "*.yaml")
	if err != nil {
		panic(err) // the pattern is constant
	}
	return names
}

// Open returns an embedded manifest by its file name.
func Open(name string) (input.Source, bool) {
	data, err := files.ReadFile(name)
	return input.Source{Name: name, Data: data}, err == nil
}

// Set is the content of a set of manifests.
type Set struct {
	Workloads            []Workload // in the order of the files, without the registry
	Registry             *Registry  // nil: no manifest has one
	Services             []Service
	Autoscalers          []Autoscaler
	PodDisruptionBudgets []PodDisruptionBudget

	Corrections []Finding // what was read differently than written, and why
	Warnings    []Finding // what has no effect, or another one than expected
}

// Registry is the Deployment of a Nacos image.
type Registry struct {
	Name   string
	Labels map[string]string
	File   string
	Line   int
}

// Service is a port of a Kubernetes Service.
type Service struct {
	Name     string
	Port     int
	Target   int
	Selector map[string]string
	File     string
	Line     int
}

// Autoscaler is a CronHorizontalPodAutoscaler.
type Autoscaler struct {
	Name    string
	Target  string // a Deployment's name
	Jobs    []Job
	Exclude []string
	File    string
	Line    int
}

// Job is a job of an Autoscaler. Its schedule is not parsed here.
type Job struct {
	Name     string
	Schedule string
	Target   int
	RunOnce  bool
	Line     int // of the schedule
}

// Workload returns a workload by its name.
func (s *Set) Workload(name string) (Workload, bool) {
	i := slices.IndexFunc(s.Workloads, func(w Workload) bool { return w.Name == name })
	if i < 0 {
		return Workload{}, false
	}
	return s.Workloads[i], true
}

// WorkloadNames lists the names of all workloads.
func (s *Set) WorkloadNames() []string {
	names := make([]string, len(s.Workloads))
	for i, w := range s.Workloads {
		names[i] = w.Name
	}
	return names
}

// Options of [Load]; the zero value is valid.
type Options struct {
	// ImageRoles maps an image, or its name alone, to a demo service: gateway,
	// a, b, c or registry, also as "service a".
	ImageRoles map[string]string
}

// Load reads sources as one topology. Its error lists all problems of all of
// them.
func Load(sources []input.Source, o Options) (*Set, error) {
	set, diags := &Set{}, &diagnostics{}
	checkImageRoles(o.ImageRoles, diags)
	dec := newDecoder(diags)
	for _, src := range sources {
		docs, problems := input.Split(src)
		diags.problems = append(diags.problems, problems...)
		for _, d := range docs {
			if object, ok := dec.decode(d); ok {
				set.add(object, d.Root, o.ImageRoles, diags)
			}
		}
	}
	if len(diags.problems) == 0 {
		resolveReferences(set, diags)
	}
	if err := diags.problems.Err(); err != nil {
		return nil, err
	}
	set.Corrections, set.Warnings = diags.corrections, diags.warnings
	return set, nil
}

// add converts a decoded object and adds it to the set.
func (s *Set) add(object runtime.Object, root input.Node, imageRoles map[string]string, diags *diagnostics) {
	switch o := object.(type) {
	case *appsv1.Deployment:
		s.addDeployment(o, root, imageRoles, diags)
	case *corev1.Service:
		s.Services = append(s.Services, readService(o, root, diags)...)
	case *cronHPA:
		s.Autoscalers = append(s.Autoscalers, readAutoscaler(o, root, diags))
	case *policyv1.PodDisruptionBudget:
		if b, ok := readBudget(o, root, diags); ok {
			s.PodDisruptionBudgets = append(s.PodDisruptionBudgets, b)
		}
	}
}

// addDeployment adds the Deployment of a service or of the registry.
func (s *Set) addDeployment(d *appsv1.Deployment, root input.Node, imageRoles map[string]string, diags *diagnostics) {
	r, ok := newDeploymentReader(d, root, imageRoles, diags)
	switch {
	case !ok: // reported
	case r.role != RegistryRole:
		s.Workloads = append(s.Workloads, r.workload())
	case s.Registry != nil:
		diags.problem(r.name, "there is more than one registry", "keep one Deployment with a Nacos image")
	default:
		s.Registry = &Registry{Name: d.Name, Labels: d.Spec.Template.Labels, File: root.File(), Line: r.name.Line()}
	}
}
