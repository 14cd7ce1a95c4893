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
	"fmt"
	"io/fs"
	"slices"
	"strings"

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

// Finding is a correction or a warning about a line of a manifest.
type Finding struct {
	File string
	Line int
	Text string
	Fix  string
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
	// StandIns maps an image, or its name alone, to a demo service: gateway,
	// a, b, c or registry, also as "service a".
	ImageRoles map[string]string
}

// Load reads sources as one topology. Its error lists all problems of all of
// them.
func Load(sources []input.Source, o Options) (*Set, error) {
	l := loader{set: &Set{}, imageRoles: o.ImageRoles, names: map[string]input.Problem{}}
	l.checkImageRoles()
	for _, src := range sources {
		docs, problems := input.Split(src)
		l.problems = append(l.problems, problems...)
		for _, d := range docs {
			l.document(d)
		}
	}
	if len(l.problems) == 0 {
		l.join()
	}
	if err := l.problems.Err(); err != nil {
		return nil, err
	}
	return l.set, nil
}

// loader collects the content and the problems of documents.
type loader struct {
	set        *Set
	imageRoles map[string]string
	names      map[string]input.Problem // kind/name to where it was first defined
	problems   input.Problems
}

func (l *loader) problem(n input.Node, text, hint string) {
	l.problems = append(l.problems, n.Problem(text, hint))
}

func (l *loader) correct(n input.Node, text, fix string) {
	l.set.Corrections = append(l.set.Corrections, Finding{File: n.File(), Line: n.Line(), Text: text, Fix: fix})
}

func (l *loader) warn(n input.Node, text, fix string) {
	l.set.Warnings = append(l.set.Warnings, Finding{File: n.File(), Line: n.Line(), Text: text, Fix: fix})
}

func (l *loader) checkImageRoles() {
	for image, command := range l.imageRoles {
		if _, ok := roleOf(command); !ok {
			l.problems = append(l.problems, input.Problem{File: "imageRoles", Text: fmt.Sprintf("%s: unknown demo service %q", image, command),
				Hint: input.DidYouMean(command, RoleNames())})
		}
	}
}

// roleOf parses a demo service's name, as in Options.ImageRoles.
func roleOf(command string) (Role, bool) {
	command = strings.TrimSpace(strings.TrimPrefix(command, "service "))
	for _, r := range RoleNames() {
		if r == command {
			return Role(r), true
		}
	}
	return "", false
}
