package kindcluster

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"zeroloss/internal/ctxtime"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
)

// nodesReadyTimeout is how long the nodes of a cluster that was just created
// have to become ready: kind returns as soon as they have joined.
const nodesReadyTimeout = 90 * time.Second

// startTaints are what Kubernetes itself taints a node with that is not ready.
var startTaints = []string{corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable, corev1.TaintNodeNetworkUnavailable}

// notReady returns why a node takes no pods yet; "" if it does, or if more time
// would not change that.
func notReady(n *corev1.Node) string {
	i := slices.IndexFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool { return c.Type == corev1.NodeReady })
	if i < 0 {
		return "has not reported yet"
	}
	if c := n.Status.Conditions[i]; c.Status != corev1.ConditionTrue {
		return "is not ready: " + cmp.Or(strings.TrimSpace(c.Message), c.Reason, "no reason is given")
	}
	for _, t := range n.Spec.Taints {
		if slices.Contains(startTaints, t.Key) {
			return "is still tainted " + t.Key
		}
	}
	return ""
}

// AwaitNodes waits until all nodes of the cluster have joined and are ready.
func (c *Cluster) AwaitNodes(ctx context.Context, api *client.Client) error {
	all, err := c.nodes()
	if err != nil {
		return err
	}
	return awaitNodes(ctx, api, len(all))
}

func awaitNodes(ctx context.Context, api *client.Client, want int) error {
	within, stop := context.WithTimeout(ctx, nodesReadyTimeout)
	defer stop()
	why := "they have not been asked yet"
	for {
		all, err := api.Nodes().List(within, metav1.ListOptions{})
		if within.Err() == nil || err == nil {
			why = ""
			switch {
			case err != nil:
				why = err.Error() // an API server that has only just started may be away for a moment
			case len(all.Items) < want:
				why = fmt.Sprintf("%d of %d have joined", len(all.Items), want)
			}
			if err == nil {
				for i := range all.Items {
					if w := notReady(&all.Items[i]); w != "" {
						why = fmt.Sprintf("%s %s", all.Items[i].Name, w)
					}
				}
			}
		}
		if why == "" {
			return nil
		}
		if ctxtime.Sleep(within, 200*time.Millisecond) != nil {
			if ctx.Err() != nil {
				return fmt.Errorf("%w: while the cluster's nodes came up", run.ErrInterrupted)
			}
			return fmt.Errorf("%w: the cluster's nodes are not all ready after %v: %s", run.ErrEnvironment, nodesReadyTimeout, why)
		}
	}
}
