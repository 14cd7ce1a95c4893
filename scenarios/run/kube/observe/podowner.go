package observe

import (
	"context"
	"fmt"
	"slices"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"zeroloss/scenarios/run/kube/client"
)

// PodOwnership tells the pods of a Deployment from those that its selector
// matches besides them, such as a canary's or a Job's. It follows owner
// references, as Kubernetes does: a Deployment owns ReplicaSets, and these own
// pods. A Deployment is known by its name: one that is replaced is the same
// service.
type PodOwnership struct {
	// Selector is the Deployment's.
	Selector   labels.Selector
	c          *client.Client
	namespace  string
	deployment string

	mu      sync.Mutex
	setOwns map[types.UID]bool // ReplicaSets: whether they are the Deployment's
	podOwns map[types.UID]bool // pods: whether they count as its
}

// NewPodOwnership returns that of a Deployment with no pods known yet.
func NewPodOwnership(c *client.Client, namespace string, d *appsv1.Deployment) (*PodOwnership, error) {
	s, err := metav1.LabelSelectorAsSelector(d.Spec.Selector)
	if err != nil {
		return nil, fmt.Errorf("reading the selector of Deployment %s: %w", d.Name, err)
	}
	return &PodOwnership{Selector: s, c: c, namespace: namespace, deployment: d.Name, setOwns: map[types.UID]bool{}, podOwns: map[types.UID]bool{}}, nil
}

// Owns reports whether p is one of the Deployment's pods. One that was finished
// when it was first seen is not: it never serves, and nothing waits for it. Once
// given, an answer stays the same whatever becomes of the pod's labels.
func (o *PodOwnership) Owns(ctx context.Context, p *corev1.Pod) (bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if owns, ok := o.podOwns[p.UID]; ok {
		return owns, nil
	}
	i := slices.IndexFunc(p.OwnerReferences, isController("ReplicaSet"))
	if i < 0 || !o.Selector.Matches(labels.Set(p.Labels)) {
		return false, nil // not remembered: a ReplicaSet may adopt it
	}
	owns, err := o.ownsSet(ctx, p.OwnerReferences[i])
	if err != nil {
		return false, err
	}
	o.podOwns[p.UID] = owns && !Finished(p)
	return o.podOwns[p.UID], nil
}

// ownsSet asks the cluster for a ReplicaSet that is not known yet: it was there
// before its pods.
func (o *PodOwnership) ownsSet(ctx context.Context, ref metav1.OwnerReference) (bool, error) {
	if owns, ok := o.setOwns[ref.UID]; ok {
		return owns, nil
	}
	s, err := o.c.ReplicaSets(o.namespace).Get(ctx, ref.Name, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return false, o.c.Explain("reading ReplicaSet "+ref.Name, err)
	}
	owns := err == nil && s.UID == ref.UID && slices.ContainsFunc(s.OwnerReferences, func(r metav1.OwnerReference) bool {
		return isController("Deployment")(r) && r.Name == o.deployment
	})
	o.setOwns[ref.UID] = owns
	return owns, nil
}

// isController matches the reference to an object's controller, if that is of
// this kind of apps.
func isController(kind string) func(metav1.OwnerReference) bool {
	return func(r metav1.OwnerReference) bool {
		return r.Controller != nil && *r.Controller &&
			schema.FromAPIVersionAndKind(r.APIVersion, r.Kind).GroupKind() == schema.GroupKind{Group: appsv1.GroupName, Kind: kind}
	}
}
