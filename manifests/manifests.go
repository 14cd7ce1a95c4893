// Package manifests reads the topology: Deployments, Services and
// CronHorizontalPodAutoscalers as Kubernetes writes them. [Load] decodes them
// strictly, with file and line in every error, repairs what is evidently
// meant (and lists it), and names what it does not understand. The switches
// of MSE, EDAS, Polaris and Dubbo, wherever they stand, become one typed
// [Switches] by one table, [Table].
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

// Open is an embedded manifest by its file name; ok is false if there is none.
func Open(name string) (input.Source, bool) {
	data, err := files.ReadFile(name)
	return input.Source{Name: name, Data: data}, err == nil
}

// Finding is a remark: a repair, or something that will not be as written.
type Finding struct {
	File string
	Line int
	Text string
	Fix  string
}

// Set is everything that a number of manifests say together.
type Set struct {
	Workloads            []Workload // demo services, in their order
	Registry             *Registry  // nil: no manifest has one
	Services             []Service
	Autoscalers          []Autoscaler
	PodDisruptionBudgets []PodDisruptionBudget

	Corrections []Finding // what was changed, and why
	Warnings    []Finding // what will not be as written
}

// Registry is the Deployment of a Nacos image.
type Registry struct {
	Name   string
	Labels map[string]string
	File   string
	Line   int
}

// Service is a Kubernetes Service, one entry a port.
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

// Job is one of an Autoscaler's. The schedule is not parsed here.
type Job struct {
	Name     string
	Schedule string
	Target   int
	RunOnce  bool
	Line     int // of the schedule
}

// Workload looks one up by name.
func (s *Set) Workload(name string) (Workload, bool) {
	i := slices.IndexFunc(s.Workloads, func(w Workload) bool { return w.Name == name })
	if i < 0 {
		return Workload{}, false
	}
	return s.Workloads[i], true
}

// WorkloadNames lists them in their order.
func (s *Set) WorkloadNames() []string {
	names := make([]string, len(s.Workloads))
	for i, w := range s.Workloads {
		names[i] = w.Name
	}
	return names
}

// Options of [Load]; the zero value is the usual.
type Options struct {
	// StandIns maps an image, or its name alone, to a demo service: gateway,
	// a, b, c or registry, also as "service a".
	ImageRoles map[string]string
}

// Load reads sources as one topology. The error lists all that is wrong with
// any of them.
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

// loader collects what the documents say, and what is wrong with them.
type loader struct {
	set        *Set
	imageRoles map[string]string
	names      map[string]input.Problem // kind/name to where it was first seen
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
			l.problems = append(l.problems, input.Problem{File: "imageRoles", Text: image + ": unknown demo service " + command,
				Hint: input.DidYouMean(command, RoleNames())})
		}
	}
}

// roleOf reads the right side of a stand-in.
func roleOf(command string) (Role, bool) {
	command = strings.TrimSpace(strings.TrimPrefix(command, "service "))
	for _, r := range RoleNames() {
		if r == command {
			return Role(r), true
		}
	}
	return "", false
}
