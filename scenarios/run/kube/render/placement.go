package render

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"zeroloss/scenarios/plan"
)

// placeForDrain puts the workloads that the plan's drains move on node, which
// is drained, as long as it takes pods, and everything else on other nodes.
func (o *Objects) placeForDrain(p *plan.Plan, node string) {
	if !p.HasDrain() {
		return
	}
	node = cmp.Or(node, "the-node-that-is-drained")
	keepAway := func(x Object, pod *corev1.PodSpec) {
		setNodeAffinity(pod, &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
			NodeSelectorTerms: []corev1.NodeSelectorTerm{nodeTerm(corev1.NodeSelectorOpNotIn, node)},
		}})
		o.adjust(x, "kept away from node %s, which is drained", node)
	}
	load, _ := o.LoadPods()
	keepAway(o.Load, load)
	moved := p.DrainedWorkloads()
	for _, d := range o.deployments() {
		pod := &d.Spec.Template.Spec
		if d == o.Registry || !slices.Contains(moved, d.Name) {
			keepAway(d, pod)
			continue
		}
		setNodeAffinity(pod, &corev1.NodeAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.PreferredSchedulingTerm{
			{Weight: 100, Preference: nodeTerm(corev1.NodeSelectorOpIn, node)},
		}})
		o.adjust(d, "put on node %s, which is drained, as long as it takes pods", node)
	}
}

// setNodeAffinity replaces what a pod's spec says of nodes.
func setNodeAffinity(pod *corev1.PodSpec, a *corev1.NodeAffinity) {
	if pod.Affinity == nil {
		pod.Affinity = &corev1.Affinity{}
	}
	pod.Affinity.NodeAffinity, pod.NodeSelector = a, nil
}

func nodeTerm(op corev1.NodeSelectorOperator, node string) corev1.NodeSelectorTerm {
	return corev1.NodeSelectorTerm{MatchFields: []corev1.NodeSelectorRequirement{{Key: "metadata.name", Operator: op, Values: []string{node}}}}
}
