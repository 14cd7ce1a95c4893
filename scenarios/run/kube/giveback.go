package kube

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/owner"
)

// A target that a run scales is marked before, with what it had, what the run
// wants it to have, and whose run it is: so that clean can give it back what a
// run that was killed could not, and never over what somebody else has done.
const (
	scaledLabel  = "zeroloss/scaled"   // of the Deployment, not of its pods: no rollout
	replicasMark = "zeroloss/replicas" // what it had
	orderedMark  = "zeroloss/ordered"  // what the run has scaled it to, or was about to: 1,3
)

// markScaled writes the mark, over what was read and nothing newer. What it had
// is kept from the first time on.
func (a *api) markScaled(ctx context.Context, namespace, name string, to int) error {
	return a.overwrite(ctx, namespace, name, "marking Deployment "+name+" as scaled", func(u *unstructured.Unstructured) error {
		notes := u.GetAnnotations()
		had, ordered := notes[replicasMark], notes[orderedMark]+","+strconv.Itoa(to)
		if u.GetLabels()[scaledLabel] == "" {
			had, ordered = strconv.Itoa(replicasOf(u)), strconv.Itoa(to)
		}
		return a.annotateScaled(ctx, u, map[string]any{replicasMark: had, orderedMark: ordered, owner.Annotation: owner.Self()}, "true")
	})
}

// overwrite has a Deployment written over what was read of it, and over nothing
// newer: while somebody else is quicker, a conflict, it is read again.
func (a *api) overwrite(ctx context.Context, namespace, name, doing string, write func(*unstructured.Unstructured) error) error {
	for {
		u, err := a.In(deployments, namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return a.Explain("reading Deployment "+name, err)
		}
		switch err := write(u); {
		case errors.Is(err, run.ErrEnvironment):
			return err // it says so itself
		case !apierrors.IsConflict(err):
			return a.Explain(doing, err)
		}
		if client.Sleep(ctx, 100*time.Millisecond) != nil { // its status moves on while it rolls out
			return fmt.Errorf("%w: %s", run.ErrInterrupted, doing)
		}
	}
}

// annotateScaled writes the mark onto u, if nobody has changed u since; nils
// take it away.
func (a *api) annotateScaled(ctx context.Context, u *unstructured.Unstructured, notes map[string]any, scaled any) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"resourceVersion": u.GetResourceVersion(), "labels": map[string]any{scaledLabel: scaled}, "annotations": notes,
	}})
	if err != nil {
		return fmt.Errorf("marking Deployment %s: %w", u.GetName(), err)
	}
	_, err = a.In(deployments, u.GetNamespace()).Patch(ctx, u.GetName(), types.MergePatchType, patch, metav1.PatchOptions{FieldManager: manager})
	return err
}

func replicasOf(u *unstructured.Unstructured) int {
	n, ok, err := unstructured.NestedInt64(u.Object, "spec", "replicas")
	if err != nil || !ok {
		return 1 // the API's own default
	}
	return int(n)
}

// owed is what a marked target is to be given back; ok is false where nothing
// is: it has that already, or somebody else has scaled it since, which why says.
func owed(u *unstructured.Unstructured) (n int, ok bool, why string, err error) {
	notes := u.GetAnnotations()
	had, err := strconv.Atoi(notes[replicasMark])
	if err != nil || had < 0 {
		return 0, false, "", fmt.Errorf("its mark cannot be read: %s=%q", replicasMark, notes[replicasMark])
	}
	ordered := strings.Split(notes[orderedMark], ",")
	switch now := replicasOf(u); {
	case now == had:
		return had, false, "", nil
	case !slices.Contains(ordered, strconv.Itoa(now)):
		return had, false, fmt.Sprintf("left as it is: it had %d, the run scaled it to %s, and somebody else has scaled it to %d since", had, strings.Join(ordered, " and "), now), nil
	}
	return had, true, "", nil
}

// giveBack restores a target's replicas, and takes the mark away. done says what
// was done, or why not.
func (a *api) giveBack(ctx context.Context, namespace, name string) (done string, err error) {
	doing := fmt.Sprintf("giving Deployment %s/%s its replicas back", namespace, name)
	err = a.overwrite(ctx, namespace, name, doing, func(u *unstructured.Unstructured) error {
		n, is, why, err := owed(u)
		if err != nil {
			return fmt.Errorf("%w: %s: %w", run.ErrEnvironment, doing, err)
		}
		if done == "" {
			done = why
		}
		if is {
			if err := a.Scale(ctx, namespace, name, n); err != nil {
				return fmt.Errorf("%w\n  it had %d: kubectl -n %s scale deployment %s --replicas %d", err, n, namespace, name, n)
			}
			done = fmt.Sprintf("scaled back to %d", n)
			if u, err = a.In(deployments, namespace).Get(ctx, name, metav1.GetOptions{}); err != nil {
				return err
			}
		}
		return a.annotateScaled(ctx, u, map[string]any{replicasMark: nil, orderedMark: nil, owner.Annotation: nil}, nil)
	})
	return done, err
}

// cleanTargets gives back what runs that were killed have taken.
func (a *api) cleanTargets(ctx context.Context, here string, o CleanOptions) error {
	found, err := a.markedTargets(ctx, scaledLabel, o)
	if err != nil || found == nil {
		return err
	}
	for i := range found.Items {
		u := &found.Items[i]
		name := u.GetNamespace() + "/" + u.GetName()
		if why := (owner.Leftover{Process: u.GetAnnotations()[owner.Annotation]}).ReasonToKeep(here, o.All); why != "" {
			o.Say(fmt.Sprintf("deployment %s: left alone, %s", name, why))
			continue
		}
		within, stop := context.WithTimeout(ctx, tidyFor)
		done, gerr := a.giveBack(within, u.GetNamespace(), u.GetName())
		stop()
		if gerr != nil {
			err = errors.Join(err, gerr)
			continue
		}
		o.Say(fmt.Sprintf("deployment %s: %s", name, cmp.Or(done, "has what it had")))
	}
	return err
}

// markedTargets are the Deployments that a run has marked, of one namespace if o
// names it; nil where they may not be listed.
func (a *api) markedTargets(ctx context.Context, label string, o CleanOptions) (*unstructured.UnstructuredList, error) {
	found, err := a.In(deployments, o.Namespace).List(ctx, metav1.ListOptions{LabelSelector: label + "=true"})
	if apierrors.IsForbidden(err) {
		o.Say(fmt.Sprintf("deployments with the mark %s: not looked at, the right to list them is missing; --namespace looks at one namespace's", label))
		return nil, nil
	}
	return found, a.Explain("listing Deployments", err)
}

// unmarked refuses a target that another run has scaled: what it has now is not
// what it is to be given back.
func (a *api) unmarked(ctx context.Context, p *plan.Plan) error {
	u, err := a.In(deployments, p.Target.Namespace).Get(ctx, p.Target.Deployment, metav1.GetOptions{})
	if err != nil {
		return a.Explain("reading Deployment "+p.Target.Deployment, err)
	}
	if u.GetLabels()[scaledLabel] == "" {
		return nil
	}
	return fmt.Errorf("%w: Deployment %s/%s is scaled by a run already (%s)\n  zeroloss clean gives it back, if that run is gone",
		run.ErrEnvironment, p.Target.Namespace, p.Target.Deployment, u.GetAnnotations()[owner.Annotation])
}
