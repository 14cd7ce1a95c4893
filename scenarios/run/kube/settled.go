package kube

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
)

// rolloutView is what matters of a Deployment while it rolls out.
type rolloutView struct {
	Metadata struct{ Generation int64 }
	Spec     struct {
		Replicas                *int
		Selector                metav1.LabelSelector
		ProgressDeadlineSeconds *int
		Paused                  bool
	}
	Status struct {
		ObservedGeneration                       int64
		Replicas, UpdatedReplicas, ReadyReplicas int
		AvailableReplicas                        int
		Conditions                               []struct{ Type, Status, Reason, Message string }
	}
}

// whole reports whether a rollout is over and all its pods are there; stuck is
// why it never will be.
func (v *rolloutView) whole() (ok bool, stuck string) {
	want := 1
	if v.Spec.Replicas != nil {
		want = *v.Spec.Replicas
	}
	if v.Spec.Paused {
		return false, "it is paused"
	}
	s := v.Status
	if s.ObservedGeneration < v.Metadata.Generation {
		return false, ""
	}
	for _, c := range s.Conditions {
		if c.Type == "Progressing" && c.Status == "False" {
			return false, c.Message
		}
	}
	return s.UpdatedReplicas == want && s.Replicas == want && s.ReadyReplicas == want && s.AvailableReplicas == want, ""
}

// settleFor bounds the wait for a rollout beyond its own deadline: pods that go
// may take their grace.
const settleFor = 2 * time.Minute

// settled waits until the target's rollout is over, and none of its pods is on
// its way out any more.
func (c *change) settled(ctx context.Context) error {
	began, bound := time.Now(), time.Duration(0)
	for {
		u, err := c.get(ctx)
		if err != nil {
			return err
		}
		var v rolloutView
		if err := decodeInto(u, &v); err != nil {
			return err
		}
		if bound == 0 {
			bound = settleFor + 10*time.Minute
			if n := v.Spec.ProgressDeadlineSeconds; n != nil {
				bound = settleFor + time.Duration(*n)*time.Second
			}
		}
		ok, stuck := v.whole()
		leaving := 0
		if ok {
			if _, leaving, err = c.members(ctx, &v); err != nil {
				return err
			}
		}
		switch {
		case ok && leaving == 0:
			return nil
		case stuck != "":
			return fmt.Errorf("%w: Deployment %s/%s does not roll out: %s%s", run.ErrEnvironment, c.namespace, c.name, stuck, c.look())
		case time.Since(began) > bound:
			return fmt.Errorf("%w: the rollout of Deployment %s/%s is not over after %v%s", run.ErrEnvironment, c.namespace, c.name, bound, c.look())
		}
		if client.Sleep(ctx, 300*time.Millisecond) != nil {
			return fmt.Errorf("%w: while Deployment %s rolled out", run.ErrInterrupted, c.name)
		}
	}
}

func (c *change) look() string {
	return fmt.Sprintf("\n  look: kubectl -n %s get pods", c.namespace)
}

// members are the target's pods, by name, and how many of them are on their way
// out.
func (c *change) members(ctx context.Context, v *rolloutView) (there []string, leaving int, err error) {
	mine, err := c.api.owned(c.namespace, c.name, &v.Spec.Selector)
	if err != nil {
		return nil, 0, err
	}
	all, err := c.api.In(pods, c.namespace).List(ctx, metav1.ListOptions{LabelSelector: mine.selector.String()})
	if err != nil {
		return nil, 0, c.api.Explain("listing the pods of "+c.name, err)
	}
	for i := range all.Items {
		var p podView
		if err := decodeInto(&all.Items[i], &p); err != nil {
			return nil, 0, err
		}
		is, err := mine.has(ctx, &p)
		if err != nil {
			return nil, 0, err
		}
		if !is {
			continue
		}
		there = append(there, p.Metadata.Name)
		if p.Metadata.DeletionTimestamp != nil {
			leaving++
		}
	}
	return there, leaving, nil
}
