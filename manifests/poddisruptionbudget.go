package manifests

import (
	"fmt"

	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"zeroloss/internal/input"
)

const budgetAPI = "policy/v1"

// PodDisruptionBudget is a PodDisruptionBudget: how many pods an eviction has to leave. Only
// a cluster evicts; deletions, rollouts and scale-ins ask no budget.
type PodDisruptionBudget struct {
	Name      string
	Workloads []string // whose pods it selects

	File string
	Line int // of its name

	selector labels.Selector
}

// budget reads a PodDisruptionBudget.
func (l *loader) budget(b *policyv1.PodDisruptionBudget, root input.Node) {
	spec := root.Get("spec")
	if (b.Spec.MinAvailable == nil) == (b.Spec.MaxUnavailable == nil) {
		l.problem(root.Find("spec"), fmt.Sprintf("PodDisruptionBudget %q must have either minAvailable or maxUnavailable", b.Name), "for example minAvailable: 1")
	}
	var least Amount // read for what is wrong with it
	l.amount(&least, b.Spec.MinAvailable, spec, "minAvailable")
	l.amount(&least, b.Spec.MaxUnavailable, spec, "maxUnavailable")
	selector, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
	if err != nil {
		l.problem(root.Find("spec.selector"), fmt.Sprintf("PodDisruptionBudget %q: %v", b.Name, err), "")
		return
	}
	name := root.Find("metadata.name")
	l.set.PodDisruptionBudgets = append(l.set.PodDisruptionBudgets, PodDisruptionBudget{Name: b.Name, File: root.File(), Line: name.Line(), selector: selector})
}

// joinBudgets finds whose pods each budget is about.
func (l *loader) joinBudgets() {
	for i := range l.set.PodDisruptionBudgets {
		b := &l.set.PodDisruptionBudgets[i]
		for _, w := range l.set.Workloads {
			if b.selector.Matches(labels.Set(w.Labels)) {
				b.Workloads = append(b.Workloads, w.Name)
			}
		}
		if len(b.Workloads) == 0 {
			l.set.Warnings = append(l.set.Warnings, Finding{File: b.File, Line: b.Line,
				Text: fmt.Sprintf("PodDisruptionBudget %q selects no pods and has no effect", b.Name)})
		}
	}
}
