package kube

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/drain"
	"zeroloss/scenarios/run/kube/observe"
	"zeroloss/scenarios/run/kube/render"
)

// nodesFor is how long the nodes of a cluster that a run has made have to
// become ready: kind returns as soon as they have joined.
const nodesFor = 90 * time.Second

// startTaints are what Kubernetes itself taints a node with that is not ready.
var startTaints = []string{"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable", "node.kubernetes.io/network-unavailable"}

// unready is why a node takes no pods yet; "" if it does, or if it is not for
// want of time.
func nodeNotReady(n *corev1.Node) string {
	i := slices.IndexFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool { return c.Type == corev1.NodeReady })
	if i < 0 {
		return "has not reported yet"
	}
	if c := n.Status.Conditions[i]; c.Status != corev1.ConditionTrue {
		return "is not ready: " + cmp.Or(strings.TrimSpace(c.Message), c.Reason, "no reason is given")
	}
	for _, t := range n.Spec.Taints {
		if slices.Contains(startTaints, t.Key) {
			return "is tainted " + t.Key + " still"
		}
	}
	return ""
}

// awaitNodes returns when so many nodes are there, and all are ready.
func awaitNodes(ctx context.Context, c *client.Client, many int) error {
	within, stop := context.WithTimeout(ctx, nodesFor)
	defer stop()
	why := "they have not been asked yet"
	for {
		all, err := c.Nodes().List(within, metav1.ListOptions{})
		if within.Err() == nil || err == nil {
			why = ""
			switch {
			case err != nil:
				why = err.Error() // an API server that has only just started may be gone for a moment
			case len(all.Items) < many:
				why = fmt.Sprintf("%d of %d have joined", len(all.Items), many)
			}
			if err == nil {
				for i := range all.Items {
					if w := nodeNotReady(&all.Items[i]); w != "" {
						why = fmt.Sprintf("%s %s", all.Items[i].Name, w)
					}
				}
			}
		}
		if why == "" {
			return nil
		}
		if client.Sleep(within, 200*time.Millisecond) != nil {
			if ctx.Err() != nil {
				return fmt.Errorf("%w: while the cluster's nodes came up", run.ErrInterrupted)
			}
			return fmt.Errorf("%w: the cluster's nodes are not all ready after %v: %s", run.ErrEnvironment, nodesFor, why)
		}
	}
}

// nodesTimeout bounds the look at the nodes: where nobody answers, what comes next
// says so.
const nodesTimeout = 5 * time.Second

// freeResources returns what the cluster has left on the nodes that take pods; zero
// where that cannot be told.
func freeResources(ctx context.Context, c *client.Client) render.Resources {
	ctx, stop := context.WithTimeout(ctx, nodesTimeout)
	defer stop()
	all, err := c.Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return render.Resources{} // not everybody may look at nodes
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
		return render.Resources{} // none takes pods now: which of them will is not known
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
