package target

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/owner"
)

// The patch that changes a target also notes on it the spec that it had, whose
// run it is, and what it was changed to: so that clean can revert it, too, and
// never over what someone else has done since.
const (
	changedLabel        = "zeroloss/changed"    // of the Deployment, not of its pods
	specAnnotation      = "zeroloss/spec"       // what it had, as JSON, without replicas
	changedToAnnotation = "zeroloss/changed-to" // the hash of what it was changed to
	changedByAnnotation = "zeroloss/changed-by" // the process, as owner.Self names it
)

// maxSpec is how many bytes of a spec are kept in an annotation; all annotations
// of an object together may have 256 KiB.
const maxSpec = 128 << 10

var deployments = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}

// Change is a patch of the user's, applied to a target and reverted. It works on
// unstructured objects: a field that this program's types do not know has to be
// kept, too.
type Change struct {
	*Deployment
	patch json.RawMessage
}

// NewChange returns the change that a plan tries on its target, or nil.
func NewChange(c *client.Client, t *plan.Target) *Change {
	if t.Change == nil {
		return nil
	}
	return &Change{Deployment: New(c, t), patch: t.Change}
}

func (c *Change) resource() dynamic.ResourceInterface { return c.c.Dynamic(deployments, c.namespace) }

func (c *Change) read(ctx context.Context) (*unstructured.Unstructured, error) {
	return c.resource().Get(ctx, c.name, metav1.GetOptions{})
}

// baseSpec returns a copy of a Deployment's spec without its replicas, which are
// not the change's.
func baseSpec(u *unstructured.Unstructured) map[string]any {
	spec, _, _ := unstructured.NestedMap(u.Object, "spec") // it always has one
	delete(spec, "replicas")
	return spec
}

// specHash tells specs apart. Restarts do not count: the run itself restarts the
// target.
func specHash(spec map[string]any) (string, error) {
	u := (&unstructured.Unstructured{Object: map[string]any{"spec": spec}}).DeepCopy()
	annotations := []string{"spec", "template", "metadata", "annotations"}
	unstructured.RemoveNestedField(u.Object, append(annotations, client.RestartedAtAnnotation)...)
	for i := len(annotations); i > 2; i-- { // as if it had never been restarted
		if m, ok, err := unstructured.NestedMap(u.Object, annotations[:i]...); err == nil && ok && len(m) == 0 {
			unstructured.RemoveNestedField(u.Object, annotations[:i]...)
		}
	}
	unstructured.RemoveNestedField(u.Object, "spec", "template", "metadata", "creationTimestamp") // null, or absent
	b, err := json.Marshal(u.Object)
	if err != nil {
		return "", fmt.Errorf("reading a Deployment's spec: %w", err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(b)), nil
}

// dryRun returns what the spec would become, as the API server says. A patch that
// it refuses, or that changes nothing, is an error.
func (c *Change) dryRun(ctx context.Context, u *unstructured.Unstructured) (map[string]any, error) {
	changed, err := c.resource().Patch(ctx, c.name, types.StrategicMergePatchType, c.patch,
		metav1.PatchOptions{FieldManager: client.FieldManager, DryRun: []string{metav1.DryRunAll}})
	if apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) {
		return nil, fmt.Errorf("%w: the change cannot be applied to Deployment %s: %w\n  try it: kubectl -n %s patch deployment %s --dry-run=server --patch-file FILE",
			run.ErrEnvironment, c, err, c.namespace, c.name)
	}
	if err != nil {
		return nil, c.c.Explain("trying the change of "+c.name, err)
	}
	was, err := specHash(baseSpec(u))
	if err != nil {
		return nil, err
	}
	is, err := specHash(baseSpec(changed))
	if err == nil && was == is {
		err = fmt.Errorf("%w: the change does not change Deployment %s: both arms would be the same", run.ErrEnvironment, c)
	}
	return baseSpec(changed), err
}

// Check returns why the change cannot be applied, without applying it.
func (c *Change) Check(ctx context.Context) error {
	u, err := c.read(ctx)
	if err != nil {
		return c.c.Explain("reading Deployment "+c.name, err)
	}
	_, err = c.annotatedPatch(ctx, u)
	return err
}

// Apply applies the change together with the note of what the target had.
func (c *Change) Apply(ctx context.Context) error {
	return c.retryOnConflict(ctx, "changing Deployment "+c.name, func() error {
		u, err := c.read(ctx)
		if err != nil {
			return err
		}
		patch, err := c.annotatedPatch(ctx, u)
		if err != nil {
			return err
		}
		_, err = c.resource().Patch(ctx, c.name, types.StrategicMergePatchType, patch, metav1.PatchOptions{FieldManager: client.FieldManager})
		return err
	})
}

// annotatedPatch returns the patch with the note, or why it cannot be applied.
func (c *Change) annotatedPatch(ctx context.Context, u *unstructured.Unstructured) ([]byte, error) {
	if err := c.checkUnclaimed(u); err != nil {
		return nil, err
	}
	changed, err := c.dryRun(ctx, u)
	if err != nil {
		return nil, err
	}
	return c.withNote(u, changed)
}

// checkUnclaimed refuses a target that another run has changed.
func (c *Change) checkUnclaimed(u *unstructured.Unstructured) error {
	if u.GetLabels()[changedLabel] == "" {
		return nil
	}
	return fmt.Errorf("%w: another run (%s) has changed Deployment %s\n  if that run is gone, zeroloss clean restores it",
		run.ErrEnvironment, u.GetAnnotations()[changedByAnnotation], c)
}

// withNote adds the note to the patch, which then applies to u as it was read and
// to nothing newer.
func (c *Change) withNote(u *unstructured.Unstructured, changed map[string]any) ([]byte, error) {
	had, err := json.Marshal(baseSpec(u))
	if err != nil {
		return nil, fmt.Errorf("keeping the spec of Deployment %s: %w", c.name, err)
	}
	if len(had) > maxSpec {
		return nil, fmt.Errorf("%w: the spec of Deployment %s has %d bytes, more than an annotation can keep (%d): it could not be restored after a crash\n  make the change by hand, and attach before and after it",
			run.ErrEnvironment, c, len(had), maxSpec)
	}
	to, err := specHash(changed)
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
		"annotations":     map[string]any{specAnnotation: string(had), changedToAnnotation: to, changedByAnnotation: owner.Self()},
	}
	return json.Marshal(patch)
}

// Revert gives the target the spec that it had, and removes the note. What
// someone else has changed since stays, and is an error.
func (c *Change) Revert(ctx context.Context) error {
	doing := fmt.Sprintf("reverting the change of Deployment %s", c)
	return c.retryOnConflict(ctx, doing, func() error {
		u, err := c.read(ctx)
		if err != nil {
			return err
		}
		if err := restoreSpec(u); err != nil {
			return fmt.Errorf("%w: %s: %w\n  the spec before the change is in its annotation %s", run.ErrEnvironment, doing, err, specAnnotation)
		}
		_, err = c.resource().Update(ctx, u, metav1.UpdateOptions{FieldManager: client.FieldManager})
		return err
	})
}

// errChangedSince means that a target is not as the run has left it.
var errChangedSince = errors.New("someone else has changed it since")

// restoreSpec makes u what it was before the change.
func restoreSpec(u *unstructured.Unstructured) error {
	annotations := u.GetAnnotations()
	var had map[string]any
	if err := json.Unmarshal([]byte(annotations[specAnnotation]), &had); err != nil {
		return fmt.Errorf("reading its annotation %s: %w", specAnnotation, err)
	}
	is, err := specHash(baseSpec(u))
	if err != nil {
		return err
	}
	if is != annotations[changedToAnnotation] {
		return errChangedSince
	}
	if n, ok, _ := unstructured.NestedFieldNoCopy(u.Object, "spec", "replicas"); ok {
		had["replicas"] = n
	}
	u.Object["spec"] = had
	for _, key := range []string{specAnnotation, changedToAnnotation, changedByAnnotation} {
		delete(annotations, key)
	}
	u.SetAnnotations(annotations)
	labels := u.GetLabels()
	delete(labels, changedLabel)
	u.SetLabels(labels)
	return nil
}
