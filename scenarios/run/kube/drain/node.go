// Package drain empties a node on behalf of a run: it chooses the node, cordons
// it, and evicts pods, as kubectl drain does. [Clean] uncordons what killed runs
// have left cordoned.
package drain

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/retry"

	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/owner"
)

// annotation names the run that has cordoned a node. It is set and removed
// together with the cordon, in one write: a node without it was cordoned by
// someone else, and is left alone.
const annotation = "zeroloss/drained-by"

// controlPlaneLabel is on the nodes that are drained only if there is no other.
const controlPlaneLabel = "node-role.kubernetes.io/control-plane"

// Unschedulable returns why none of our pods can be scheduled on a node, or "".
func Unschedulable(n *corev1.Node) string {
	if n.Spec.Unschedulable {
		return "cordoned"
	}
	for _, t := range n.Spec.Taints {
		if t.Effect != corev1.TaintEffectPreferNoSchedule {
			return "tainted " + t.Key
		}
	}
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady && c.Status != corev1.ConditionTrue {
			return "not ready"
		}
	}
	return ""
}

// choose returns the node that a run drains: a schedulable one, where there is
// another for what is evicted, for the registry and for the load pod.
func choose(all []corev1.Node) (string, error) {
	var open []corev1.Node
	var closed []string
	for _, n := range all {
		if reason := Unschedulable(&n); reason != "" {
			closed = append(closed, n.Name+" is "+reason)
			continue
		}
		open = append(open, n)
	}
	if len(open) < 2 {
		reason := ""
		if len(closed) > 0 {
			slices.Sort(closed)
			reason = " (" + strings.Join(closed, ", ") + ")"
		}
		return "", fmt.Errorf("%w: draining a node needs two schedulable nodes, and %d of %d are%s: evicted pods would have nowhere to go\n  use a cluster with two such nodes; one that a run creates itself has them: --cluster NAME",
			run.ErrEnvironment, len(open), len(all), reason)
	}
	slices.SortFunc(open, func(a, b corev1.Node) int {
		_, x := a.Labels[controlPlaneLabel]
		_, y := b.Labels[controlPlaneLabel]
		switch {
		case x && !y:
			return 1
		case y && !x:
			return -1
		}
		return cmp.Compare(b.Name, a.Name)
	})
	return open[0].Name, nil
}

// Node is the node that a run drains.
type Node struct {
	Name string

	c        *client.Client
	run      string
	cordoned atomic.Bool // it is, or may be
}

// Choose chooses the node that a run drains, and checks with a dry run that it may
// be cordoned.
func Choose(ctx context.Context, c *client.Client, runID string) (*Node, error) {
	all, err := c.Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, c.Explain("listing nodes", err)
	}
	name, err := choose(all.Items)
	if err != nil {
		return nil, err
	}
	n := &Node{Name: name, c: c, run: runID}
	return n, n.cordon(ctx, metav1.DryRunAll)
}

// Cordon cordons the node for a step that drains the node on which workload's
// pods are. It is an error if that is another one.
func (n *Node) Cordon(ctx context.Context, workload, node string) error {
	switch {
	case node == "":
		return fmt.Errorf("%w: draining the node of %s: none of its pods is on a node", run.ErrEnvironment, workload)
	case node != n.Name:
		return fmt.Errorf("%w: draining the node of %s: its pods are on %s instead of %s, and %s carries the registry or the load pod",
			run.ErrEnvironment, workload, node, n.Name, node)
	}
	n.cordoned.Store(true) // from here on: a request that is given up may have been carried out
	if got, err := n.c.Nodes().Get(ctx, node, metav1.GetOptions{}); err == nil && got.Annotations[annotation] == n.run {
		return nil // by an earlier step
	}
	return n.cordon(ctx)
}

// Uncordon uncordons the node if the run has cordoned it. It may be called on nil.
func (n *Node) Uncordon(ctx context.Context) error {
	if n == nil || !n.cordoned.Load() {
		return nil
	}
	return uncordon(ctx, n.c, n.Name, n.run)
}

// conflictBackoff bounds how often a node may change between reading it and
// writing it.
var conflictBackoff = wait.Backoff{Steps: 10, Duration: 10 * time.Millisecond, Factor: 1, Jitter: 0.1}

// cordon cordons the node as this run's. A node that is cordoned already is not
// touched.
func (n *Node) cordon(ctx context.Context, dryRun ...string) error {
	var refused error
	err := retry.RetryOnConflict(conflictBackoff, func() error {
		got, err := n.c.Nodes().Get(ctx, n.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if got.Spec.Unschedulable {
			refused = fmt.Errorf("%w: node %s has been cordoned by someone else: it is left alone", run.ErrEnvironment, n.Name)
			return nil
		}
		return patch(ctx, n.c, n.Name, map[string]any{
			"metadata": map[string]any{"resourceVersion": got.ResourceVersion, "annotations": map[string]any{annotation: n.run, owner.Annotation: owner.Self()}},
			"spec":     map[string]any{"unschedulable": true},
		}, dryRun...)
	})
	if refused != nil {
		return refused
	}
	return n.c.Explain("cordoning node "+n.Name, err)
}

// uncordon uncordons a node that a run has cordoned, and no other.
func uncordon(ctx context.Context, c *client.Client, name, runID string) error {
	err := retry.RetryOnConflict(conflictBackoff, func() error {
		got, err := c.Nodes().Get(ctx, name, metav1.GetOptions{})
		if err != nil || got.Annotations[annotation] != runID {
			return err
		}
		return patch(ctx, c, name, map[string]any{
			"metadata": map[string]any{"resourceVersion": got.ResourceVersion, "annotations": map[string]any{annotation: nil, owner.Annotation: nil}},
			"spec":     map[string]any{"unschedulable": nil},
		})
	})
	return c.Explain("uncordoning node "+name, err)
}

func patch(ctx context.Context, c *client.Client, name string, change map[string]any, dryRun ...string) error {
	text, err := json.Marshal(change)
	if err != nil {
		return err
	}
	_, err = c.Nodes().Patch(ctx, name, types.MergePatchType, text, metav1.PatchOptions{FieldManager: client.FieldManager, DryRun: dryRun})
	return err
}
