// Package target changes the Deployment that a run attaches to, and restores it.
// The Deployment belongs to the user.
//
//   - [Deployment] reads the Deployment and waits for its rollouts.
//   - [Preflight] and [Permissions] report what prevents a run, before it begins.
//   - [Change] applies a patch to the Deployment and reverts it.
//   - [Deployment.Scale] records the previous replicas on the Deployment, so that
//     [Deployment.RestoreReplicas] and [RestoreLeftovers] can restore them after a crash.
//
// Changes that someone else makes to a target meanwhile are never overwritten.
package target

import (
	"context"
	"errors"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"zeroloss/internal/ctxtime"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/observe"
)

// Deployment is a target in a cluster.
type Deployment struct {
	c               *client.Client
	namespace, name string
}

// New returns the target of a plan.
func New(c *client.Client, t *plan.Target) *Deployment {
	return &Deployment{c: c, namespace: t.Namespace, name: t.Deployment}
}

// String returns "namespace/name".
func (d *Deployment) String() string { return d.namespace + "/" + d.name }

// Get reads the Deployment. If it does not exist, the error names those that do.
func (d *Deployment) Get(ctx context.Context) (*appsv1.Deployment, error) {
	got, err := d.c.Deployments(d.namespace).Get(ctx, d.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		var names []string
		if all, lerr := d.c.Deployments(d.namespace).List(ctx, metav1.ListOptions{Limit: 20}); lerr == nil {
			for _, x := range all.Items {
				names = append(names, x.Name)
			}
		}
		return nil, fmt.Errorf("%w: namespace %q has no Deployment %q\n  it has: %s", run.ErrEnvironment, d.namespace, d.name, client.OrNone(names))
	}
	if err != nil {
		return nil, d.c.Explain("reading Deployment "+d.name, err)
	}
	return got, nil
}

// Restart starts a rollout, as kubectl rollout restart does.
func (d *Deployment) Restart(ctx context.Context) error {
	return d.c.Restart(ctx, d.namespace, d.name, time.Now())
}

// retryOnConflict calls write, which reads the Deployment and writes it over what
// it has read, until no one else has written it in between.
func (d *Deployment) retryOnConflict(ctx context.Context, doing string, write func() error) error {
	var failure error
	err := wait.PollUntilContextCancel(ctx, 100*time.Millisecond, true, func(context.Context) (bool, error) { // its status changes while it rolls out
		failure = write()
		return !apierrors.IsConflict(failure), nil
	})
	switch {
	case err != nil || errors.Is(failure, context.Canceled):
		return fmt.Errorf("%w: %s", run.ErrInterrupted, doing)
	case errors.Is(failure, run.ErrEnvironment):
		return failure // it says what to do
	}
	return d.c.Explain(doing, failure)
}

// pods returns the Deployment's pods by name, and how many of them terminate.
func (d *Deployment) pods(ctx context.Context, got *appsv1.Deployment) (names map[string]bool, terminating int, err error) {
	ownership, err := observe.NewPodOwnership(d.c, d.namespace, got)
	if err != nil {
		return nil, 0, err
	}
	all, err := d.c.Pods(d.namespace).List(ctx, metav1.ListOptions{LabelSelector: ownership.Selector.String()})
	if err != nil {
		return nil, 0, d.c.Explain("listing the pods of "+d.name, err)
	}
	names = map[string]bool{}
	for i := range all.Items {
		p := &all.Items[i]
		owns, err := ownership.Owns(ctx, p)
		if err != nil {
			return nil, 0, err
		}
		if !owns {
			continue
		}
		names[p.Name] = true
		if p.DeletionTimestamp != nil {
			terminating++
		}
	}
	return names, terminating, nil
}

// State looks at the Deployment and its pods once.
func (d *Deployment) State(ctx context.Context) (observe.TargetState, error) {
	s, _, err := d.state(ctx)
	return s, err
}

func (d *Deployment) state(ctx context.Context) (s observe.TargetState, got *appsv1.Deployment, err error) {
	if got, err = d.c.Deployments(d.namespace).Get(ctx, d.name, metav1.GetOptions{}); err != nil {
		return s, nil, d.c.Explain("reading Deployment "+d.name, err)
	}
	pods, terminating, err := d.pods(ctx, got)
	if err != nil {
		return s, nil, err
	}
	complete, _ := observe.RolloutComplete(got)
	return observe.TargetState{Pods: pods, Complete: complete && terminating == 0}, got, nil
}

const (
	// terminationAllowance bounds the wait for a rollout beyond its own
	// deadline: pods that terminate may take their grace period.
	terminationAllowance = 2 * time.Minute
	// defaultProgressDeadline is the API's.
	defaultProgressDeadline = 10 * time.Minute
)

// WaitRolledOut waits until the rollout is over and none of the Deployment's pods
// terminates any more.
func (d *Deployment) WaitRolledOut(ctx context.Context) error {
	began, bound := time.Now(), time.Duration(0)
	for {
		s, got, err := d.state(ctx)
		if err != nil {
			return err
		}
		if bound == 0 {
			bound = terminationAllowance + defaultProgressDeadline
			if n := got.Spec.ProgressDeadlineSeconds; n != nil {
				bound = terminationAllowance + time.Duration(*n)*time.Second
			}
		}
		_, failure := observe.RolloutComplete(got)
		hint := fmt.Sprintf("\n  look: kubectl -n %s get pods", d.namespace)
		switch {
		case s.Complete:
			return nil
		case failure != "":
			return fmt.Errorf("%w: Deployment %s does not roll out: %s%s", run.ErrEnvironment, d, failure, hint)
		case time.Since(began) > bound:
			return fmt.Errorf("%w: the rollout of Deployment %s is not over after %v%s", run.ErrEnvironment, d, bound, hint)
		}
		if ctxtime.Sleep(ctx, 300*time.Millisecond) != nil {
			return fmt.Errorf("%w: while Deployment %s rolled out", run.ErrInterrupted, d)
		}
	}
}
