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
	"zeroloss/scenarios/run/kube/render"
)

// nodesFor is how long the nodes of a cluster that a run has made have to
// become ready: kind returns as soon as they have joined.
const nodesFor = 90 * time.Second

// startTaints are what Kubernetes itself taints a node with that is not ready.
var startTaints = []string{"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable", "node.kubernetes.io/network-unavailable"}

// unready is why a node takes no pods yet; "" if it does, or if it is not for
// want of time.
func (v *nodeView) unready() string {
	i := slices.IndexFunc(v.Status.Conditions, func(c condition) bool { return c.Type == "Ready" })
	if i < 0 {
		return "has not reported yet"
	}
	if c := v.Status.Conditions[i]; c.Status != "True" {
		return "is not ready: " + cmp.Or(strings.TrimSpace(c.Message), c.Reason, "no reason is given")
	}
	for _, t := range v.Spec.Taints {
		if slices.Contains(startTaints, t.Key) {
			return "is tainted " + t.Key + " still"
		}
	}
	return ""
}

// awaitNodes returns when so many nodes are there, and all are ready.
func (a *api) awaitNodes(ctx context.Context, many int) error {
	within, stop := context.WithTimeout(ctx, nodesFor)
	defer stop()
	why := "they have not been asked yet"
	for {
		all, err := a.nodes(within)
		if within.Err() == nil || err == nil {
			why = ""
			switch {
			case err != nil:
				why = err.Error() // an API server that has only just started may be gone for a moment
			case len(all) < many:
				why = fmt.Sprintf("%d of %d have joined", len(all), many)
			}
			for _, v := range all {
				if w := v.unready(); w != "" {
					why = fmt.Sprintf("%s %s", v.Metadata.Name, w)
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

// roomFor bounds the look at the nodes: where nobody answers, what comes next
// says so.
const roomFor = 5 * time.Second

// freeResources sums what the nodes that take pods have left; zero where that
// cannot be told.
func (a *api) freeResources(ctx context.Context) render.Resources {
	ctx, stop := context.WithTimeout(ctx, roomFor)
	defer stop()
	all, err := a.nodes(ctx)
	if err != nil {
		return render.Resources{} // not everybody may look at nodes
	}
	running, err := a.Pods("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return render.Resources{}
	}
	var free render.Resources
	open := map[string]bool{"": true} // a pod without a node will be on one of them
	for _, v := range all {
		if v.closed() == "" {
			open[v.Metadata.Name] = true
			free = free.Plus(render.ResourcesOf(v.Status.Allocatable), 1)
		}
	}
	if len(open) == 1 {
		return render.Resources{} // none takes pods now: which of them will is not known
	}
	for _, p := range running.Items {
		if !open[p.Spec.NodeName] || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
			continue
		}
		for i := range p.Spec.Containers {
			free = free.Plus(render.Requests(&p.Spec.Containers[i]), -1)
		}
	}
	return free
}
