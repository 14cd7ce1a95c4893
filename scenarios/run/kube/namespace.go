package kube

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"zeroloss/internal/ctxtime"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/owner"
)

// runNamespace is the namespace that a run creates for its objects, and deletes.
type runNamespace struct {
	name    string
	keep    bool // do not delete it
	logf    func(format string, args ...any)
	c       *client.Client // nil until the cluster is reached
	created bool
}

// create creates the namespace, if the run has not created it yet. One that exists
// already is refused and left as it is.
func (n *runNamespace) create(ctx context.Context, runID string) error {
	if n.created {
		return nil
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: n.name, Labels: owner.Labels(runID), Annotations: map[string]string{owner.Annotation: owner.Self()},
	}}
	// Not with ctx: a request that is given up may have been carried out.
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer stop()
	if _, err := n.c.Namespaces().Create(ctx, ns, metav1.CreateOptions{FieldManager: client.FieldManager}); err != nil {
		return explainCreate(n.c, n.name, err)
	}
	n.created = true
	return nil
}

// explainCreate says why a namespace could not be created. That is the first
// thing that a run does in a cluster.
func explainCreate(c *client.Client, name string, err error) error {
	switch {
	case apierrors.IsAlreadyExists(err):
		return fmt.Errorf("%w: namespace %q exists already and is not this run's: it was left as it is\n  choose another --run-id; or see whose it is: kubectl get namespace %s --show-labels", run.ErrEnvironment, name, name)
	case apierrors.IsNotFound(err):
		return fmt.Errorf("%w: creating namespace %s: %w\n  what answers at %s is no Kubernetes API server; is this the right context?", run.ErrEnvironment, name, err, c.Host)
	}
	return c.Explain("creating namespace "+name, err)
}

// deleteOrKeep deletes the namespace, or keeps it if the user wants that. It has a
// deadline of its own: it follows an interruption, too.
func (n *runNamespace) deleteOrKeep(ctx context.Context) error {
	if !n.created {
		return nil
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer stop()
	if n.keep {
		n.logf("kept namespace %s: kubectl delete namespace %s", n.name, n.name)
		return n.markKept(ctx)
	}
	return deleteNamespace(ctx, n.c, n.name)
}

// markKept has clean leave the namespace alone.
func (n *runNamespace) markKept(ctx context.Context) error {
	patch := []byte(`{"metadata":{"annotations":{"` + owner.KeptAnnotation + `":"true"}}}`)
	_, err := n.c.Namespaces().Patch(ctx, n.name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: client.FieldManager})
	return n.c.Explain("marking namespace "+n.name+" as kept", err)
}

// silenceTimeout is how long a cluster that answers may take to: the end of a
// wait may cut off one answer.
const silenceTimeout = 3 * time.Second

// deleteNamespace deletes a run's namespace and all in it, without grace: the pods
// may have half a minute of preStop hooks and grace periods before them.
func deleteNamespace(ctx context.Context, c *client.Client, name string) error {
	zero := int64(0)
	background := metav1.DeletePropagationBackground
	byOwner, now := metav1.DeleteOptions{PropagationPolicy: &background}, metav1.DeleteOptions{GracePeriodSeconds: &zero}
	ignore := func(err error) error { return client.IgnoreNotFound(client.IgnoreForbidden(err)) }
	// Deployments and Jobs first, so that nothing creates the pods anew. Where that
	// is forbidden, the namespace's own deletion does it in its time.
	err := errors.Join(
		ignore(c.Deployments(name).DeleteCollection(ctx, byOwner, metav1.ListOptions{})),
		ignore(c.Jobs(name).DeleteCollection(ctx, byOwner, metav1.ListOptions{})),
		ignore(c.Pods(name).DeleteCollection(ctx, now, metav1.ListOptions{})),
	)
	if err != nil {
		return c.Explain("emptying namespace "+name, err)
	}
	if err := client.IgnoreNotFound(c.Namespaces().Delete(ctx, name, metav1.DeleteOptions{PropagationPolicy: &background})); err != nil {
		return c.Explain("deleting namespace "+name, err)
	}
	return waitDeleted(ctx, c, name)
}

// waitDeleted returns when a namespace that is being deleted does not exist.
func waitDeleted(ctx context.Context, c *client.Client, name string) error {
	zero := int64(0)
	doing := "waiting for the deletion of namespace " + name
	var failure error // why the cluster has not answered since answered
	for answered := time.Now(); ; {
		_, err := c.Namespaces().Get(ctx, name, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			return nil
		case apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err):
			return c.Explain(doing, err)
		case err == nil:
			answered, failure = time.Now(), nil
		case failure == nil || ctx.Err() == nil:
			failure = err
		}
		// Pods that were created in the meantime go, too.
		_ = c.Pods(name).DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: &zero}, metav1.ListOptions{})
		if ctxtime.Sleep(ctx, 300*time.Millisecond) == nil {
			continue
		}
		if failure != nil && time.Since(answered) > silenceTimeout {
			return c.Explain(doing, failure)
		}
		return fmt.Errorf("%w: namespace %q is being deleted and still exists\n  look: kubectl get namespace %s -o yaml", run.ErrEnvironment, name, name)
	}
}
