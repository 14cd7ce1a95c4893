package kube

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/drain"
	"zeroloss/scenarios/run/kube/owner"
	"zeroloss/scenarios/run/kube/target"
)

// CleanOptions say where to look.
type CleanOptions struct {
	Context, Kubeconfig string // as in Options
	Cluster             string // kind's, where Context is ""; "" is DefaultCluster
	// Namespace: only the targets in it are looked at; "" is all there is.
	Namespace string
	// All takes what is kept, and what belongs to runs of other hosts (or of
	// this one before it was rebooted), too. What belongs to a run that can
	// be seen to go on is never taken.
	All bool
	// Say is told of each thing that is removed, or left alone and why.
	Say func(string)
}

// Clean deletes the kind clusters that runs of this user have created and the
// namespaces that runs have left in a cluster, and restores the nodes and targets
// that they have changed, where their process is gone. It touches nothing else.
func Clean(ctx context.Context, o CleanOptions) error {
	if o.Namespace != "" { // which needs no more permissions than attach itself
		c, err := o.client(marks{})
		if err != nil || c == nil {
			return err
		}
		return o.cleanTargets(ctx, c)
	}
	m, err := userMarks()
	if err != nil {
		return fmt.Errorf("%w: %w", run.ErrEnvironment, err)
	}
	e, none := newEngine()
	err = cleanClusters(ctx, m, e, none, o)
	c, cerr := o.client(m)
	if cerr != nil || c == nil {
		return errors.Join(err, cerr)
	}
	return errors.Join(err,
		drain.Clean(ctx, c, drain.CleanOptions{Self: owner.Self(), All: o.All, Say: o.Say, Timeout: cleanupTimeout}),
		cleanNamespaces(ctx, c, o, owner.Self()),
		o.cleanTargets(ctx, c))
}

func (o CleanOptions) cleanTargets(ctx context.Context, c *client.Client) error {
	return target.Clean(ctx, c, target.CleanOptions{Namespace: o.Namespace, Self: owner.Self(), All: o.All, Say: o.Say, Timeout: cleanupTimeout})
}

// client returns a client of the cluster to look into; nil if there is none.
func (o CleanOptions) client(m marks) (*client.Client, error) {
	where, err := findCluster(o, m)
	if err != nil || where == nil {
		return nil, err
	}
	return client.New(where.config)
}

// findCluster returns the cluster to look into; nil if there is none.
func findCluster(o CleanOptions, m marks) (*reach, error) {
	if o.Context != "" {
		return ofContext(o.Kubeconfig, o.Context)
	}
	k, err := newKind(cmp.Or(o.Cluster, DefaultCluster), m)
	if err != nil {
		return nil, nil // without a container engine there is no kind cluster
	}
	exists, err := k.exists()
	if err != nil || !exists || k.unfinished() {
		return nil, err
	}
	return k.connect()
}

// unfinished reports whether a run is making the cluster, or deleting it: there
// is nothing to look into.
func (k *kindCluster) unfinished() bool {
	if k.marks.dir == "" {
		return false // who asks does not know of marks
	}
	x, marked, err := k.marks.read(k.name)
	return err == nil && marked && x.Doing != ""
}

// cleanClusters goes by the marks; e is nil where there is no engine, because
// of none.
func cleanClusters(ctx context.Context, m marks, e engine, none error, o CleanOptions) error {
	names, err := m.names()
	if err != nil {
		return fmt.Errorf("%w: %w", run.ErrEnvironment, err)
	}
	if len(names) > 0 && none != nil {
		return fmt.Errorf("clusters are marked (%s): %w", client.OrNone(names), none)
	}
	for _, name := range names {
		said, cerr := (&kindCluster{name: name, engine: e, marks: m}).clean(ctx, o)
		if cerr != nil {
			err = errors.Join(err, cerr)
			continue
		}
		o.Say("cluster " + name + ": " + said)
	}
	return err
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
