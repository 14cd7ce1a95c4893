package observe

import (
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"

	"zeroloss/loadgen/record"
)

// DeploymentWatch records the rollouts and scalings of a target's Deployment, this
// run's and those of others: a change of the pod template begins a rollout.
type DeploymentWatch struct {
	name  string
	write func(record.Event)

	mu       sync.Mutex
	template *corev1.PodTemplateSpec // as it was last seen; nil: not yet
	replicas int                     // as they were last seen
	scaledTo *int                    // by this run; nil: it has not scaled it
}

// NewDeploymentWatch returns one that has seen d's replicas. write must not call
// it.
func NewDeploymentWatch(d *appsv1.Deployment, write func(record.Event)) *DeploymentWatch {
	return &DeploymentWatch{name: d.Name, write: write, replicas: Replicas(d)}
}

// Scaling notes that this run is about to scale the Deployment to n: the step
// itself is on record.
func (w *DeploymentWatch) Scaling(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.scaledTo = &n
}

// Deployment takes in a Deployment as it now is; any but the target is ignored.
func (w *DeploymentWatch) Deployment(d *appsv1.Deployment) {
	if d.Name != w.name {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.template != nil && !apiequality.Semantic.DeepEqual(*w.template, d.Spec.Template) {
		w.write(record.Event{Payload: record.RolloutSeen{}, Workload: d.Name, Text: "its pod template has changed"})
	}
	if n := Replicas(d); n != w.replicas {
		if w.scaledTo == nil || n != *w.scaledTo {
			w.write(record.Event{Workload: d.Name, Payload: record.Scaled{Replicas: int(n)}, Text: "by someone else"})
		}
		w.replicas = n
	}
	w.template = d.Spec.Template.DeepCopy()
}
