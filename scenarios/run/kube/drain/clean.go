package drain

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/owner"
)

// CleanOptions say which nodes are uncordoned.
type CleanOptions struct {
	Self    string       // this process, as owner.Self names it
	All     bool         // also those of other hosts
	Say     func(string) // is told of each node that is uncordoned, or left cordoned and why
	Timeout time.Duration
}

// Clean uncordons the nodes that runs have cordoned whose process is gone.
func Clean(ctx context.Context, c *client.Client, o CleanOptions) error {
	all, err := c.Nodes().List(ctx, metav1.ListOptions{})
	if apierrors.IsForbidden(err) {
		o.Say("nodes: skipped, the permission to list them is missing")
		return nil
	}
	if err != nil {
		return c.Explain("listing nodes", err)
	}
	for _, n := range all.Items {
		runID := n.Annotations[annotation]
		if runID == "" {
			continue
		}
		if reason := (owner.Leftover{Process: n.Annotations[owner.Annotation]}).ReasonToKeep(o.Self, o.All); reason != "" {
			o.Say(fmt.Sprintf("node %s: left cordoned, %s", n.Name, reason))
			continue
		}
		within, stop := context.WithTimeout(ctx, o.Timeout)
		uerr := uncordon(within, c, n.Name, runID)
		stop()
		if uerr != nil {
			err = errors.Join(err, uerr)
			continue
		}
		o.Say("node " + n.Name + ": uncordoned")
	}
	return err
}
