package target

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/owner"
)

// RestoreOptions select the Deployments that RestoreLeftovers looks at.
type RestoreOptions struct {
	Namespace string       // "" means all namespaces
	Self      string       // this process, as owner.Self names it
	All       bool         // also restore what runs on other hosts changed
	Say       func(string) // called for each target that is restored, or left alone with the reason
	Timeout   time.Duration
}

// RestoreLeftovers restores the Deployments that killed runs have scaled or changed.
func RestoreLeftovers(ctx context.Context, c *client.Client, o RestoreOptions) error {
	return errors.Join(
		restoreLabelled(ctx, c, o, scaledLabel, owner.Annotation, "", func(ctx context.Context, d *Deployment) (string, error) {
			done, err := d.RestoreReplicas(ctx)
			return cmp.Or(done, "it has the replicas that it had before the run"), err
		}),
		restoreLabelled(ctx, c, o, changedLabel, changedByAnnotation, "its change is ", func(ctx context.Context, d *Deployment) (string, error) {
			return "its change is reverted", (&Change{Deployment: d}).Revert(ctx)
		}))
}

// restoreLabelled restores the Deployments with the label if the process that the
// annotation names no longer exists.
func restoreLabelled(ctx context.Context, c *client.Client, o RestoreOptions, label, annotation, what string, restore func(context.Context, *Deployment) (string, error)) error {
	found, err := c.Deployments(o.Namespace).List(ctx, metav1.ListOptions{LabelSelector: label + "=true"})
	if apierrors.IsForbidden(err) {
		o.Say(fmt.Sprintf("deployments with the label %s: skipped, the permission to list them is missing; --namespace looks at those of one namespace", label))
		return nil
	}
	if err != nil {
		return c.Explain("listing Deployments", err)
	}
	for i := range found.Items {
		d := &Deployment{c: c, namespace: found.Items[i].Namespace, name: found.Items[i].Name}
		if reason := (owner.Leftover{Process: found.Items[i].Annotations[annotation]}).ReasonToKeep(o.Self, o.All); reason != "" {
			o.Say(fmt.Sprintf("deployment %s: %sleft alone, %s", d, what, reason))
			continue
		}
		within, stop := context.WithTimeout(ctx, o.Timeout)
		done, rerr := restore(within, d)
		stop()
		if rerr != nil {
			err = errors.Join(err, rerr)
			continue
		}
		o.Say(fmt.Sprintf("deployment %s: %s", d, done))
	}
	return err
}
