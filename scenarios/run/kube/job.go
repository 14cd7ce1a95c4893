package kube

import (
	"fmt"
	"maps"
)

// completionIndex is the label that a pod of an Indexed Job has its index in
// (since Kubernetes 1.28).
const completionIndex = "batch.kubernetes.io/job-completion-index"

// mostLoadPods is far more than any load needs, and less than a slip of the
// finger asks for.
const mostLoadPods = 100

// loadPods is how many load pods there are to be.
func (r *renderer) loadPods() (int, error) {
	n := r.o.LoadPods
	switch {
	case n < 0 || n > mostLoadPods:
		return 0, fmt.Errorf("%d load pods: there can be 1 to %d (0: as many as the rate needs)", n, mostLoadPods)
	case n == 0:
		return r.p.LoadPods(), nil
	}
	return n, nil
}

// indexed makes of the load pod an Indexed Job of n that share its schedule.
// The pod 0 among them is the collector too, the one that the Service means.
//
// A single one stays a pod: it has its name from the beginning, and no
// controller that could think of making another.
func (r *renderer) indexed(pod, service Object, n int) Object {
	if n == 1 {
		return pod
	}
	service.make("spec").merge("selector", map[string]any{completionIndex: "0"})
	labels := pod.at("metadata", "labels")
	spec := maps.Clone(pod.at("spec"))
	// Each on a node of its own, if there are as many: they are many because
	// one is not enough.
	spec["topologySpreadConstraints"] = []any{map[string]any{
		"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway",
		"labelSelector": map[string]any{"matchLabels": map[string]any{"app": loadPod}},
	}}
	return Object{
		"apiVersion": "batch/v1", "kind": "Job", "metadata": pod["metadata"],
		"spec": map[string]any{
			"completionMode": "Indexed", "completions": n, "parallelism": n,
			"backoffLimit": 0, // a second one would begin in the middle
			"template": map[string]any{
				"metadata": map[string]any{"labels": map[string]any(maps.Clone(labels))},
				"spec":     map[string]any(spec),
			},
		},
	}
}

// podsOf is the spec of the load's pods, and how many there are.
func podsOf(load Object) (spec Object, n int) {
	if load.text("kind") != "Job" {
		return load.at("spec"), 1
	}
	n, _ = number(load.at("spec")["completions"]) // we have written it
	return load.at("spec", "template", "spec"), n
}
