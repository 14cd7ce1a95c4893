package kube

import (
	"context"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/drain"
	"zeroloss/scenarios/run/kube/kindcluster"
	"zeroloss/scenarios/run/kube/owner"
	"zeroloss/scenarios/run/kube/target"
)

// CleanOptions say what to clean.
type CleanOptions struct {
	Context, Kubeconfig string // as in Options
	Cluster             string // a kind cluster, if Context is ""; "": the default one
	// Namespace has only the targets in it restored, and nothing else cleaned; "": all
	// is cleaned.
	Namespace string
	// All also cleans what was kept on purpose, and what belongs to runs of other hosts
	// or of this one before it was rebooted. What a running process works with is never
	// cleaned.
	All bool
	// Say is called with a line about each thing that is cleaned, or left alone and why.
	Say func(string)
}

// Clean deletes the kind clusters that runs of this user have created and the
// namespaces that runs have left in a cluster, and restores the nodes and targets
// that they have changed, where their process is gone. It touches nothing else.
func Clean(ctx context.Context, o CleanOptions) error {
	if o.Namespace != "" { // which needs no more permissions than attach itself
		c, err := o.client()
		if err != nil || c == nil {
			return err
		}
		return o.cleanTargets(ctx, c)
	}
	err := kindcluster.Clean(ctx, o.All, o.Say)
	c, cerr := o.client()
	if cerr != nil || c == nil {
		return errors.Join(err, cerr)
	}
	return errors.Join(err,
		drain.Clean(ctx, c, drain.CleanOptions{Self: owner.Self(), All: o.All, Say: o.Say, Timeout: cleanupTimeout}),
		cleanNamespaces(ctx, c, o, owner.Self()),
		o.cleanTargets(ctx, c))
}

func (o CleanOptions) cleanTargets(ctx context.Context, c *client.Client) error {
	return target.RestoreLeftovers(ctx, c, target.RestoreOptions{Namespace: o.Namespace, Self: owner.Self(), All: o.All, Say: o.Say, Timeout: cleanupTimeout})
}

// client returns a client of the cluster to look into; nil if there is none.
func (o CleanOptions) client() (*client.Client, error) {
	conn, err := findConnection(o.Context, o.Kubeconfig, o.Cluster)
	if err != nil || conn == nil {
		return nil, err
	}
	return client.New(conn.config)
}

func cleanNamespaces(ctx context.Context, c *client.Client, o CleanOptions, self string) error {
	all, err := c.Namespaces().List(ctx, metav1.ListOptions{LabelSelector: owner.Selector})
	if err != nil {
		return c.Explain("listing namespaces", err)
	}
	for i := range all.Items {
		l, ours := owner.Namespace(&all.Items[i])
		if !ours {
			continue
		}
		if reason := l.ReasonToKeep(self, o.All); reason != "" {
			o.Say(fmt.Sprintf("namespace %s: left alone, %s", l.Name, reason))
			continue
		}
		within, stop := context.WithTimeout(ctx, cleanupTimeout)
		derr := deleteNamespace(within, c, l.Name)
		stop()
		if derr != nil {
			err = errors.Join(err, derr)
			continue
		}
		o.Say("namespace " + l.Name + ": deleted")
	}
	return err
}
