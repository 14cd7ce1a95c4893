package manifests

import (
	"fmt"

	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"zeroloss/internal/input"
)

// PodDisruptionBudget limits the pods that evictions take away at a time. Only
// a cluster evicts; deletions, rollouts and scale-ins respect no budget.
type PodDisruptionBudget struct {
	Name      string
	Workloads []string // whose pods it selects

	File string
	Line int // of its name

	selector labels.Selector
}

// readBudget converts a PodDisruptionBudget. ok is false if its selector is
// invalid, which is reported.
func readBudget(b *policyv1.PodDisruptionBudget, root input.Node, diags *diagnostics) (budget PodDisruptionBudget, ok bool) {
	spec := root.Get("spec")
	if (b.Spec.MinAvailable == nil) == (b.Spec.MaxUnavailable == nil) {
		diags.problem(root.Find("spec"), fmt.Sprintf("PodDisruptionBudget %q must have either minAvailable or maxUnavailable", b.Name), "for example minAvailable: 1")
	}
	// Only the problems matter: the cluster enforces the amounts.
	readAmount(b.Spec.MinAvailable, Amount{}, spec, "minAvailable", diags)
	readAmount(b.Spec.MaxUnavailable, Amount{}, spec, "maxUnavailable", diags)
	selector, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
	if err != nil {
		diags.problem(root.Find("spec.selector"), fmt.Sprintf("PodDisruptionBudget %q: %v", b.Name, err), "")
		return PodDisruptionBudget{}, false
	}
	name := root.Find("metadata.name")
	return PodDisruptionBudget{Name: b.Name, File: root.File(), Line: name.Line(), selector: selector}, true
}
