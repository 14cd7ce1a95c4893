package observe

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// Replicas returns how many pods a Deployment is to have; unset is 1, as the API
// says.
func Replicas(d *appsv1.Deployment) int {
	if d.Spec.Replicas == nil {
		return 1
	}
	return int(*d.Spec.Replicas)
}

// RolloutComplete reports whether a Deployment's rollout is over and all its
// pods are available, by the same conditions as kubectl rollout status. Failure
// is why it will never be, or "".
func RolloutComplete(d *appsv1.Deployment) (complete bool, failure string) {
	if d.Spec.Paused {
		return false, "it is paused"
	}
	if d.Status.ObservedGeneration < d.Generation {
		return false, ""
	}
	for _, c := range d.Status.Conditions {
		if c.Type == appsv1.DeploymentProgressing && c.Status == corev1.ConditionFalse {
			return false, c.Message
		}
	}
	for _, n := range []int32{d.Status.UpdatedReplicas, d.Status.Replicas, d.Status.ReadyReplicas, d.Status.AvailableReplicas} {
		if int(n) != Replicas(d) {
			return false, ""
		}
	}
	return true, ""
}
