package render

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// placeForDrain puts the workloads that a drain moves on the node that is
// drained, as long as it takes pods, and everything else on other nodes.
func (r *renderer) placeForDrain() {
	if !r.p.HasDrain() {
		return
	}
	moved := r.p.DrainedWorkloads()
	load, _ := r.out.LoadPods()
	r.keepAway(r.out.Load, load)
	for _, d := range r.deployments() {
		pod := &d.Spec.Template.Spec
		if d == r.out.Registry || !slices.Contains(moved, d.Name) {
			r.keepAway(d, pod)
			continue
		}
		r.place(pod, &corev1.NodeAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.PreferredSchedulingTerm{
			{Weight: 100, Preference: r.drainedNode(corev1.NodeSelectorOpIn)},
		}})
		r.adjust(d, "put on node %s, which is drained, as long as it takes pods", r.drainedNodeName())
	}
}

func (r *renderer) keepAway(o Object, pod *corev1.PodSpec) {
	r.place(pod, &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
		NodeSelectorTerms: []corev1.NodeSelectorTerm{r.drainedNode(corev1.NodeSelectorOpNotIn)},
	}})
	r.adjust(o, "kept away from node %s, which is drained", r.drainedNodeName())
}

func (r *renderer) place(pod *corev1.PodSpec, a *corev1.NodeAffinity) {
	if pod.Affinity == nil {
		pod.Affinity = &corev1.Affinity{}
	}
	pod.Affinity.NodeAffinity, pod.NodeSelector = a, nil
}

func (r *renderer) drainedNode(op corev1.NodeSelectorOperator) corev1.NodeSelectorTerm {
	return corev1.NodeSelectorTerm{MatchFields: []corev1.NodeSelectorRequirement{{Key: "metadata.name", Operator: op, Values: []string{r.drainedNodeName()}}}}
}

func (r *renderer) drainedNodeName() string {
	return cmp.Or(r.o.DrainedNode, "the-node-that-is-drained")
}
