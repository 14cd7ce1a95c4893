package kube

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/drain"
	"zeroloss/scenarios/run/kube/observe"
	"zeroloss/scenarios/run/kube/render"
)

// nodesTimeout bounds the look at the nodes: if the cluster does not answer, the
// next request says so.
const nodesTimeout = 5 * time.Second

// freeResources returns what the cluster has left on its schedulable nodes; zero if
// that is not known.
func freeResources(ctx context.Context, c *client.Client) render.Resources {
	ctx, stop := context.WithTimeout(ctx, nodesTimeout)
	defer stop()
	all, err := c.Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return render.Resources{} // the permission may be missing
	}
	pods, err := c.Pods("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return render.Resources{}
	}
	var free render.Resources
	open := map[string]bool{"": true} // a pod without a node will be on one of them
	for i := range all.Items {
		n := &all.Items[i]
		if drain.Unschedulable(n) == "" {
			open[n.Name] = true
			free = free.Plus(render.ResourcesOf(n.Status.Allocatable), 1)
		}
	}
	if len(open) == 1 {
		return render.Resources{} // none is schedulable now: which of them will be is not known
	}
	for _, p := range pods.Items {
		if !open[p.Spec.NodeName] || observe.Finished(&p) {
			continue
		}
		for i := range p.Spec.Containers {
			free = free.Plus(render.Requests(&p.Spec.Containers[i]), -1)
		}
	}
	return free
}
