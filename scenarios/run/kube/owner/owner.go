// Package owner says whose an object in a cluster is: its labels name this
// program and the run, an annotation the process. From that [Leftover] decides
// whether clean may remove what a run has left.
package owner

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Labels of all objects that a run creates.
const (
	ManagedByLabel = "app.kubernetes.io/managed-by" // Name
	RunLabel       = "zeroloss/run"                 // the run's id
	WorkloadLabel  = "zeroloss/workload"            // of a demo service's pod
)

// Name is the value of ManagedByLabel.
const Name = "zeroloss"

// NamespacePrefix begins the name of each namespace that a run creates; the
// run's id follows.
const NamespacePrefix = "zeroloss-"

const (
	// Annotation names the process that an object belongs to, as [Self] does.
	Annotation = "zeroloss/owner"
	// KeptAnnotation is "true" on a namespace that was kept on purpose.
	KeptAnnotation = "zeroloss/kept"
)

// Selector selects the objects of all runs.
const Selector = ManagedByLabel + "=" + Name

// Labels returns the labels of all objects of a run.
func Labels(run string) map[string]string {
	return map[string]string{ManagedByLabel: Name, RunLabel: run}
}

// Leftover is something that a run may have left behind: a namespace, a
// cordoned node, a scaled Deployment, a kind cluster.
type Leftover struct {
	Name    string
	Process string // its owner, as [Self] returned it there
	Kept    bool   // on purpose
}

// Namespace returns the leftover that a namespace is; false unless it belongs
// to a run beyond doubt: it has the labels, and is named after the run that
// they name.
func Namespace(ns metav1.Object) (Leftover, bool) {
	id := ns.GetLabels()[RunLabel]
	ours := ns.GetLabels()[ManagedByLabel] == Name && id != "" && ns.GetName() == NamespacePrefix+id
	notes := ns.GetAnnotations()
	return Leftover{Name: ns.GetName(), Process: notes[Annotation], Kept: notes[KeptAnnotation] == "true"}, ours
}

// ReasonToKeep returns why the process self must not remove l; "" if it may.
// all (--all) leaves only what a running process works with. A process on
// another host cannot be seen from here, so that its objects stay.
func (l Leftover) ReasonToKeep(self string, all bool) string {
	p, here := ParseProcess(l.Process), ParseProcess(self)
	switch {
	case p.sharesPIDs(here) && alive(p.PID):
		return fmt.Sprintf("process %d works with it", p.PID)
	case all:
		return ""
	case l.Kept:
		return "it was kept on purpose (--all takes it)"
	case !p.sharesPIDs(here):
		return "it belongs to a run of " + p.location(here) + " (--all takes it)"
	}
	return ""
}
