package target

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/observe"
	"zeroloss/scenarios/run/kube/owner"
)

// Before a run scales a target, it notes on the Deployment what it had, what the
// run scales it to, and whose run it is: so that clean can restore what a killed
// run could not, and never over what someone else has done since.
const (
	scaledLabel        = "zeroloss/scaled"    // of the Deployment, not of its pods: no rollout
	replicasAnnotation = "zeroloss/replicas"  // what it had
	scaledToAnnotation = "zeroloss/scaled-to" // what the run has scaled it to, or was about to: 1,3
)

// Scale scales the Deployment to n, after having noted what it had.
func (d *Deployment) Scale(ctx context.Context, n int) error {
	if err := d.noteScaling(ctx, n); err != nil {
		return err
	}
	return d.c.Scale(ctx, d.namespace, d.name, n)
}

// noteScaling keeps what the Deployment had from the first time on.
func (d *Deployment) noteScaling(ctx context.Context, to int) error {
	return d.retryOnConflict(ctx, "annotating Deployment "+d.name+" before scaling it", func() error {
		got, err := d.c.Deployments(d.namespace).Get(ctx, d.name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		had, scaledTo := got.Annotations[replicasAnnotation], got.Annotations[scaledToAnnotation]+","+strconv.Itoa(to)
		if got.Labels[scaledLabel] == "" {
			had, scaledTo = strconv.Itoa(observe.Replicas(got)), strconv.Itoa(to)
		}
		return d.annotateScaled(ctx, got, map[string]any{replicasAnnotation: had, scaledToAnnotation: scaledTo, owner.Annotation: owner.Self()}, "true")
	})
}

// annotateScaled writes the note if no one has changed the Deployment since it
// was read; nil values remove it.
func (d *Deployment) annotateScaled(ctx context.Context, got *appsv1.Deployment, annotations map[string]any, label any) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"resourceVersion": got.ResourceVersion, "labels": map[string]any{scaledLabel: label}, "annotations": annotations,
	}})
	if err != nil {
		return fmt.Errorf("annotating Deployment %s: %w", d.name, err)
	}
	_, err = d.c.Deployments(d.namespace).Patch(ctx, d.name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: client.FieldManager})
	return err
}

// pendingRestore returns how many replicas an annotated Deployment had. restore
// is false if it has them already, or if someone else has scaled it since, which
// reason then says.
func pendingRestore(got *appsv1.Deployment) (had int, restore bool, reason string, err error) {
	had, err = strconv.Atoi(got.Annotations[replicasAnnotation])
	if err != nil || had < 0 {
		return 0, false, "", fmt.Errorf("its annotation cannot be read: %s=%q", replicasAnnotation, got.Annotations[replicasAnnotation])
	}
	scaledTo := strings.Split(got.Annotations[scaledToAnnotation], ",")
	switch now := observe.Replicas(got); {
	case now == had:
		return had, false, "", nil
	case !slices.Contains(scaledTo, strconv.Itoa(now)):
		return had, false, fmt.Sprintf("not restored: someone else has scaled it to %d since (before the run: %d; by the run: %s)", now, had, strings.Join(scaledTo, ", ")), nil
	}
	return had, true, "", nil
}

// RestoreReplicas gives the Deployment the replicas that it had before the run,
// and removes the note. It returns what it has done, or why not; "" if there was
// nothing to do.
func (d *Deployment) RestoreReplicas(ctx context.Context) (done string, err error) {
	doing := fmt.Sprintf("restoring the replicas of Deployment %s", d)
	err = d.retryOnConflict(ctx, doing, func() error {
		got, err := d.c.Deployments(d.namespace).Get(ctx, d.name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		had, restore, reason, err := pendingRestore(got)
		if err != nil {
			return fmt.Errorf("%w: %s: %w", run.ErrEnvironment, doing, err)
		}
		if done == "" {
			done = reason
		}
		if restore {
			if err := d.c.Scale(ctx, d.namespace, d.name, had); err != nil {
				return fmt.Errorf("%w\n  before the run it had %d: kubectl -n %s scale deployment %s --replicas %d", err, had, d.namespace, d.name, had)
			}
			done = fmt.Sprintf("scaled back to %d", had)
			if got, err = d.c.Deployments(d.namespace).Get(ctx, d.name, metav1.GetOptions{}); err != nil {
				return err
			}
		}
		return d.annotateScaled(ctx, got, map[string]any{replicasAnnotation: nil, scaledToAnnotation: nil, owner.Annotation: nil}, nil)
	})
	return done, err
}

// checkNotScaled refuses a target that another run has scaled: what it has now is
// not what it is to be restored to.
func checkNotScaled(got *appsv1.Deployment) error {
	if got.Labels[scaledLabel] == "" {
		return nil
	}
	return fmt.Errorf("%w: another run (%s) has scaled Deployment %s/%s\n  if that run is gone, zeroloss clean restores it",
		run.ErrEnvironment, got.Annotations[owner.Annotation], got.Namespace, got.Name)
}
