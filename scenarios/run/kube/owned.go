package kube

import (
	"context"
	"fmt"
	"slices"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// owned tells the pods of a Deployment from those that its selector takes in
// beside them, as a canary's or a Job's: as Kubernetes itself does, by who owns
// them. A Deployment owns ReplicaSets, and these own the pods.
//
// It goes by the Deployment's name: one that is replaced is the same service.
type owned struct {
	api        *api
	namespace  string
	deployment string
	selector   labels.Selector

	mu   sync.Mutex
	sets map[string]bool // ReplicaSets, by UID: whether they are the Deployment's
	pods map[string]bool // pods, by UID: whether they count as its
}

func (a *api) owned(namespace, deployment string, selector *metav1.LabelSelector) (*owned, error) {
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return nil, fmt.Errorf("reading the selector of Deployment %s: %w", deployment, err)
	}
	return &owned{api: a, namespace: namespace, deployment: deployment, selector: s, sets: map[string]bool{}, pods: map[string]bool{}}, nil
}

// has reports whether p is one of the Deployment's. One that was over when it
// was first seen is none: it never serves, and is not waited for. What it has
// once said of a pod stands, whatever becomes of its labels.
func (o *owned) has(ctx context.Context, p *podView) (bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if mine, ok := o.pods[p.Metadata.UID]; ok {
		return mine, nil
	}
	i := slices.IndexFunc(p.Metadata.OwnerReferences, isController("ReplicaSet"))
	if i < 0 || !o.selector.Matches(labels.Set(p.Metadata.Labels)) {
		return false, nil // not kept: a ReplicaSet may adopt it
	}
	mine, err := o.hasSet(ctx, p.Metadata.OwnerReferences[i])
	if err != nil {
		return false, err
	}
	o.pods[p.Metadata.UID] = mine && !p.over()
	return o.pods[p.Metadata.UID], nil
}

// hasSet asks the cluster for a ReplicaSet that is not known yet: it was there
// before its pods were.
func (o *owned) hasSet(ctx context.Context, ref metav1.OwnerReference) (bool, error) {
	if mine, ok := o.sets[string(ref.UID)]; ok {
		return mine, nil
	}
	u, err := o.api.In(replicaSets, o.namespace).Get(ctx, ref.Name, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return false, o.api.Explain("reading ReplicaSet "+ref.Name, err)
	}
	mine := err == nil && u.GetUID() == ref.UID && slices.ContainsFunc(u.GetOwnerReferences(), func(r metav1.OwnerReference) bool {
		return isController("Deployment")(r) && r.Name == o.deployment
	})
	o.sets[string(ref.UID)] = mine
	return mine, nil
}

// isController finds who manages an object, if that is one of the apps of kind.
func isController(kind string) func(metav1.OwnerReference) bool {
	return func(r metav1.OwnerReference) bool {
		return r.Controller != nil && *r.Controller &&
			schema.FromAPIVersionAndKind(r.APIVersion, r.Kind).GroupKind() == schema.GroupKind{Group: deployments.Group, Kind: kind}
	}
}
