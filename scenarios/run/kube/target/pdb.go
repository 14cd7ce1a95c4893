package target

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/observe"
)

// A Deployment's own controller does not ask PodDisruptionBudgets before it takes
// pods away. A run does, before it has the controller do so.

// CheckBudgets returns an error if a PodDisruptionBudget of the namespace does not
// allow one of the actions on got now.
func (d *Deployment) CheckBudgets(ctx context.Context, got *appsv1.Deployment, actions ...plan.Action) error {
	if len(actions) == 0 {
		return nil
	}
	all, err := d.c.PodDisruptionBudgets(d.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return d.c.Explain("listing PodDisruptionBudgets", err)
	}
	for i := range all.Items {
		b := &all.Items[i]
		if !selects(b, got.Spec.Template.Labels) {
			continue
		}
		for _, a := range actions {
			if reason := refusedBy(b, a, got); reason != "" {
				return fmt.Errorf("%w: %s\n  look: kubectl -n %s get poddisruptionbudget %s", run.ErrEnvironment, reason, d.namespace, b.Name)
			}
		}
	}
	return nil
}

// selects reports whether a budget applies to pods of these labels. One without a
// selector applies to none, one with an empty selector to all.
func selects(b *policyv1.PodDisruptionBudget, pod map[string]string) bool {
	s, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
	return err == nil && s.Matches(labels.Set(pod))
}

// refusedBy returns why a budget does not allow an action on d, or "".
func refusedBy(b *policyv1.PodDisruptionBudget, a plan.Action, d *appsv1.Deployment) string {
	replicas, allowed := observe.Replicas(d), int(b.Status.DisruptionsAllowed)
	health := fmt.Sprintf("%d healthy of %d needed", b.Status.CurrentHealthy, b.Status.DesiredHealthy)
	switch a := a.(type) {
	case plan.RolloutRestart:
		if n := maxUnavailable(d); n > allowed {
			return fmt.Sprintf("a restart takes up to %d of its pods away at once, but PodDisruptionBudget %q allows %d now (%s)", n, b.Name, allowed, health)
		}
	case plan.Scale:
		if n := replicas - a.Replicas; n > allowed {
			return fmt.Sprintf("scaling from %d to %d takes %d of its pods away, but PodDisruptionBudget %q allows %d (%s)", replicas, a.Replicas, n, b.Name, allowed, health)
		}
	case plan.RestoreReplicas, plan.SetImage, plan.PauseRollout, plan.ResumeRollout, plan.KillPods, plan.DrainNode, plan.ApplyRules:
	}
	return ""
}

// maxUnavailable returns how many of its pods a restart of d takes away at once,
// at most: all with strategy Recreate, else what maxUnavailable says (25 %,
// rounded down, by default) and at least one, as pods go one after the other.
func maxUnavailable(d *appsv1.Deployment) int {
	replicas := observe.Replicas(d)
	if d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType {
		return replicas
	}
	most := intstr.FromString("25%")
	if r := d.Spec.Strategy.RollingUpdate; r != nil && r.MaxUnavailable != nil {
		most = *r.MaxUnavailable
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(&most, replicas, false)
	if err != nil {
		return replicas // unreadable: assume the worst
	}
	return max(1, n)
}
