package kube

import (
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
)

// budgetView is what matters of a PodDisruptionBudget.
type budgetView struct {
	Metadata struct{ Name string }
	Spec     struct {
		Selector *metav1.LabelSelector
	}
	Status struct{ DisruptionsAllowed, CurrentHealthy, DesiredHealthy int }
}

// selects reports whether a budget is for pods of these labels. One without a
// selector is for none, an empty selector for all.
func (b *budgetView) selects(pod map[string]string) bool {
	s, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
	return err == nil && s.Matches(labels.Set(pod))
}

// forbids says why a budget does not allow a step on a Deployment; "" if it does. A Deployment's own controller does not ask
// budgets: that is why a run does.
func (b *budgetView) forbids(s plan.Step, v *deploymentView) string {
	replicas := v.replicas()
	left := fmt.Sprintf("%d healthy of %d needed", b.Status.CurrentHealthy, b.Status.DesiredHealthy)
	switch a := s.Action.(type) {
	case plan.RolloutRestart:
		if v.takes() <= b.Status.DisruptionsAllowed {
			return ""
		}
		return fmt.Sprintf("a restart takes up to %d of its pods at once, and PodDisruptionBudget %q allows %d to be taken now (%s)", v.takes(), b.Metadata.Name, b.Status.DisruptionsAllowed, left)
	case plan.Scale:
		if replicas-a.Replicas <= b.Status.DisruptionsAllowed {
			return ""
		}
		return fmt.Sprintf("to scale from %d to %d takes %d of its pods, and PodDisruptionBudget %q allows %d (%s)",
			replicas, a.Replicas, replicas-a.Replicas, b.Metadata.Name, b.Status.DisruptionsAllowed, left)
	case plan.RestoreReplicas, plan.SetImage, plan.PauseRollout, plan.ResumeRollout, plan.KillPods, plan.DrainNode, plan.ApplyRules:
	}
	return ""
}

// respectBudgets refuses a plan whose steps a budget of the target forbids.
func (a *api) respectBudgets(ctx context.Context, p *plan.Plan, v *deploymentView) error {
	steps := p.Steps
	if p.Target.Change != nil { // which replaces all pods, as a restart does
		steps = append(slices.Clone(steps), plan.Step{Action: plan.RolloutRestart{Workload: v.Metadata.Name}})
	}
	if len(steps) == 0 {
		return nil
	}
	all, err := a.In(budgets, p.Target.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return a.Explain("listing PodDisruptionBudgets", err)
	}
	for i := range all.Items {
		var b budgetView
		if err := decodeInto(&all.Items[i], &b); err != nil {
			return err
		}
		if !b.selects(v.Spec.Template.Metadata.Labels) {
			continue
		}
		for _, s := range steps {
			if why := b.forbids(s, v); why != "" {
				return fmt.Errorf("%w: %s\n  look: kubectl -n %s get poddisruptionbudget %s", run.ErrEnvironment, why, p.Target.Namespace, b.Metadata.Name)
			}
		}
	}
	return nil
}
