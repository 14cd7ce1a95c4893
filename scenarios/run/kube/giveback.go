package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// A target that a run scales is marked before, with what it had and whose run it
// is, so that clean can give it back what a run that was killed could not.
const (
	scaledLabel  = "zeroloss/scaled"   // of the Deployment, not of its pods: no rollout
	replicasMark = "zeroloss/replicas" // what it had
)

// markScaled writes the mark, or takes it away.
func (a *api) markScaled(ctx context.Context, namespace, name string, replicas *int) error {
	var had, whose, scaled any // null takes them away
	if replicas != nil {
		had, whose, scaled = strconv.Itoa(*replicas), thisHarness(), "true"
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"labels": map[string]any{scaledLabel: scaled}, "annotations": map[string]any{replicasMark: had, harnessMark: whose},
	}})
	if err != nil {
		return fmt.Errorf("marking Deployment %s: %w", name, err)
	}
	_, err = a.in(deployments, namespace).Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: manager})
	return a.explain("marking Deployment "+name+" as scaled", err)
}

// giveBack restores a target's replicas, and takes the mark away.
func (a *api) giveBack(ctx context.Context, namespace, name string, replicas int) error {
	if err := a.scale(ctx, namespace, name, replicas); err != nil {
		return fmt.Errorf("%w\n  it had %d: kubectl -n %s scale deployment %s --replicas %d", err, replicas, namespace, name, replicas)
	}
	return a.markScaled(ctx, namespace, name, nil)
}

// abandonedTarget reads a marked Deployment: what it had, and why it is left
// alone; "" if it is to be given back.
func abandonedTarget(u *unstructured.Unstructured, here string, all bool) (replicas int, why string) {
	notes := u.GetAnnotations()
	n, err := strconv.Atoi(notes[replicasMark])
	if err != nil || n < 0 {
		return 0, "its mark cannot be read"
	}
	return n, left{harness: notes[harnessMark]}.spare(here, all)
}

// cleanTargets gives back what runs that were killed have taken.
func (a *api) cleanTargets(ctx context.Context, here string, o CleanOptions) error {
	found, err := a.Resource(deployments).List(ctx, metav1.ListOptions{LabelSelector: scaledLabel + "=true"})
	if apierrors.IsForbidden(err) {
		o.Say("deployments: not looked at, the right to list them is missing (a target that a killed run has scaled is among them)")
		return nil
	}
	if err != nil {
		return a.explain("listing Deployments", err)
	}
	for i := range found.Items {
		u := &found.Items[i]
		name := u.GetNamespace() + "/" + u.GetName()
		n, why := abandonedTarget(u, here, o.All)
		if why != "" {
			o.Say(fmt.Sprintf("deployment %s: left alone, %s", name, why))
			continue
		}
		within, stop := context.WithTimeout(ctx, tidyFor)
		gerr := a.giveBack(within, u.GetNamespace(), u.GetName(), n)
		stop()
		if gerr != nil {
			err = errors.Join(err, gerr)
			continue
		}
		o.Say(fmt.Sprintf("deployment %s: scaled back to %d", name, n))
	}
	return err
}
