package kube

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/owner"
)

// A target that a run changes is marked by the same write, with the spec that it
// had, whose run it is, and what it was changed to: so that it can be given back
// by clean, too, and never over what somebody else has done to it since.
const (
	changedLabel = "zeroloss/changed"    // of the Deployment, not of its pods
	changedSpec  = "zeroloss/spec"       // what it had, as JSON, without replicas
	changedTo    = "zeroloss/changed-to" // the print of what it was changed to
	changedBy    = "zeroloss/changed-by" // host/pid
)

// longestSpec is how much of a spec an annotation takes; all of them together
// may have 256 KiB.
const longestSpec = 128 << 10

// restartMark is what a restart leaves in the template.
const restartMark = "kubectl.kubernetes.io/restartedAt"

// kept is a Deployment's spec as it is kept: without its replicas, which are
// not the change's. The copy is the caller's.
func kept(u *unstructured.Unstructured) map[string]any {
	spec, _, _ := unstructured.NestedMap(u.Object, "spec") // it always has one
	delete(spec, "replicas")
	return spec
}

// printOf tells two specs apart. Restarts between are the run's own, and do not
// count.
func printOf(spec map[string]any) (string, error) {
	u := (&unstructured.Unstructured{Object: map[string]any{"spec": spec}}).DeepCopy()
	at := []string{"spec", "template", "metadata", "annotations"}
	unstructured.RemoveNestedField(u.Object, append(at, restartMark)...)
	for i := len(at); i > 2; i-- { // as if nobody had ever restarted it
		if m, ok, err := unstructured.NestedMap(u.Object, at[:i]...); err == nil && ok && len(m) == 0 {
			unstructured.RemoveNestedField(u.Object, at[:i]...)
		}
	}
	unstructured.RemoveNestedField(u.Object, "spec", "template", "metadata", "creationTimestamp") // null, or absent
	b, err := json.Marshal(u.Object)
	if err != nil {
		return "", fmt.Errorf("reading a Deployment's spec: %w", err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(b)), nil
}

// change is what is tried on a target, while it is in force.
type change struct {
	api       *api
	namespace string
	name      string
	patch     json.RawMessage // of the user's
}

func changeOf(a *api, p *plan.Plan) *change {
	return &change{api: a, namespace: p.Target.Namespace, name: p.Target.Deployment, patch: p.Target.Change}
}

func (c *change) get(ctx context.Context) (*unstructured.Unstructured, error) {
	u, err := c.api.In(deployments, c.namespace).Get(ctx, c.name, metav1.GetOptions{})
	return u, c.api.Explain("reading Deployment "+c.name, err)
}

// tried is what the target's spec would be, as the cluster says without doing
// it. A patch that it does not take, or that changes nothing, is an error.
func (c *change) tried(ctx context.Context, u *unstructured.Unstructured) (map[string]any, error) {
	would, err := c.api.In(deployments, c.namespace).Patch(ctx, c.name, types.StrategicMergePatchType, c.patch,
		metav1.PatchOptions{FieldManager: manager, DryRun: []string{metav1.DryRunAll}})
	if apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) {
		return nil, fmt.Errorf("%w: the change is none that Deployment %s/%s can take: %w\n  try it: kubectl -n %s patch deployment %s --dry-run=server --patch-file FILE",
			run.ErrEnvironment, c.namespace, c.name, err, c.namespace, c.name)
	}
	if err != nil {
		return nil, c.api.Explain("trying the change of "+c.name, err)
	}
	was, err := printOf(kept(u))
	if err != nil {
		return nil, err
	}
	now, err := printOf(kept(would))
	if err == nil && was == now {
		err = fmt.Errorf("%w: the change does not change Deployment %s/%s: it is like that already, so that both arms would be the same", run.ErrEnvironment, c.namespace, c.name)
	}
	return kept(would), err
}

// check says why the change cannot be made, before anything is.
func (c *change) check(ctx context.Context) error {
	u, err := c.get(ctx)
	if err != nil {
		return err
	}
	if err := c.free(u); err != nil {
		return err
	}
	would, err := c.tried(ctx, u)
	if err != nil {
		return err
	}
	_, err = c.marked(u, would)
	return err
}

// free reports as an error that another run has changed the target.
func (c *change) free(u *unstructured.Unstructured) error {
	if u.GetLabels()[changedLabel] == "" {
		return nil
	}
	return fmt.Errorf("%w: Deployment %s/%s is changed by a run already (%s)\n  zeroloss clean gives it back, if that run is gone",
		run.ErrEnvironment, c.namespace, c.name, u.GetAnnotations()[changedBy])
}

// make writes the change and its mark, in one, over what was read and over
// nothing newer.
func (c *change) make(ctx context.Context) error {
	return c.api.overwrite(ctx, c.namespace, c.name, "changing Deployment "+c.name, func(u *unstructured.Unstructured) error {
		if err := c.free(u); err != nil {
			return err
		}
		would, err := c.tried(ctx, u)
		if err != nil {
			return err
		}
		patch, err := c.marked(u, would)
		if err != nil {
			return err
		}
		_, err = c.api.In(deployments, c.namespace).Patch(ctx, c.name, types.StrategicMergePatchType, patch, metav1.PatchOptions{FieldManager: manager})
		return err
	})
}

// marked is the patch with the mark.
func (c *change) marked(u *unstructured.Unstructured, would map[string]any) ([]byte, error) {
	had, err := json.Marshal(kept(u))
	if err != nil {
		return nil, fmt.Errorf("keeping the spec of Deployment %s: %w", c.name, err)
	}
	if len(had) > longestSpec {
		return nil, fmt.Errorf("%w: the spec of Deployment %s/%s has %d bytes, more than can be kept in an annotation (%d): it could not be given back after a crash\n  make the change by hand, and attach before and after",
			run.ErrEnvironment, c.namespace, c.name, len(had), longestSpec)
	}
	to, err := printOf(would)
	if err != nil {
		return nil, err
	}
	var patch map[string]any
	if err := json.Unmarshal(c.patch, &patch); err != nil {
		return nil, fmt.Errorf("reading the change: %w", err)
	}
	patch["metadata"] = map[string]any{
		"resourceVersion": u.GetResourceVersion(),
		"labels":          map[string]any{changedLabel: "true"},
		"annotations":     map[string]any{changedSpec: string(had), changedTo: to, changedBy: owner.Self()},
	}
	return json.Marshal(patch)
}

// takeBack gives the target the spec that its mark has, and takes the mark
// away. What somebody else has changed since stays, and is an error.
func (c *change) takeBack(ctx context.Context) error {
	doing := fmt.Sprintf("taking the change of Deployment %s/%s back", c.namespace, c.name)
	return c.api.overwrite(ctx, c.namespace, c.name, doing, func(u *unstructured.Unstructured) error {
		if err := unchange(u); err != nil {
			return fmt.Errorf("%w: %s: %w\n  what it had is in its annotation %s", run.ErrEnvironment, doing, err, changedSpec)
		}
		_, err := c.api.In(deployments, c.namespace).Update(ctx, u, metav1.UpdateOptions{FieldManager: manager})
		return err
	})
}

// errSince means that a target is no longer as the run has left it.
var errSince = errors.New("somebody else has changed it since")

// unchange makes u what it was before it was marked.
func unchange(u *unstructured.Unstructured) error {
	notes := u.GetAnnotations()
	var had map[string]any
	if err := json.Unmarshal([]byte(notes[changedSpec]), &had); err != nil {
		return fmt.Errorf("its mark cannot be read: %w", err)
	}
	now, err := printOf(kept(u))
	if err != nil {
		return err
	}
	if now != notes[changedTo] {
		return errSince
	}
	if n, ok, _ := unstructured.NestedFieldNoCopy(u.Object, "spec", "replicas"); ok {
		had["replicas"] = n
	}
	u.Object["spec"] = had
	for _, key := range []string{changedSpec, changedTo, changedBy} {
		delete(notes, key)
	}
	u.SetAnnotations(notes)
	labels := u.GetLabels()
	delete(labels, changedLabel)
	u.SetLabels(labels)
	return nil
}

// cleanChanged gives back what killed runs have changed.
func (a *api) cleanChanged(ctx context.Context, here string, o CleanOptions) error {
	found, err := a.markedTargets(ctx, changedLabel, o)
	if err != nil || found == nil {
		return err
	}
	for i := range found.Items {
		u := &found.Items[i]
		name := u.GetNamespace() + "/" + u.GetName()
		if why := (owner.Leftover{Process: u.GetAnnotations()[changedBy]}).ReasonToKeep(here, o.All); why != "" {
			o.Say(fmt.Sprintf("deployment %s: its change is left alone, %s", name, why))
			continue
		}
		within, stop := context.WithTimeout(ctx, tidyFor)
		terr := (&change{api: a, namespace: u.GetNamespace(), name: u.GetName()}).takeBack(within)
		stop()
		if terr != nil {
			err = errors.Join(err, terr)
			continue
		}
		o.Say(fmt.Sprintf("deployment %s: its change is taken back", name))
	}
	return err
}
