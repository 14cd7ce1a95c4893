package kube

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/owner"
)

// silentFor is how long a cluster that answers may take to: the end of a wait
// may cut off one answer.
const silentFor = 3 * time.Second

// removeNamespace removes a run's namespace with all in it, at once: what is
// in it may have half a minute of hooks and grace before it.
func (a *api) removeNamespace(ctx context.Context, name string) error {
	zero := int64(0)
	background := metav1.DeletePropagationBackground
	// Deployments and Jobs first, so that nothing makes pods anew. Who may not do
	// that has the namespace's own deletion do it, in its time.
	var err error
	for _, makers := range []schema.GroupVersionResource{deployments, jobs} {
		err = errors.Join(err, client.IgnoreNotFound(client.IgnoreForbidden(a.In(makers, name).DeleteCollection(ctx, metav1.DeleteOptions{PropagationPolicy: &background}, metav1.ListOptions{}))))
	}
	if err = errors.Join(err, client.IgnoreNotFound(client.IgnoreForbidden(a.In(pods, name).DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: &zero}, metav1.ListOptions{})))); err != nil {
		return a.Explain("emptying namespace "+name, err)
	}
	if err := client.IgnoreNotFound(a.Resource(namespaces).Delete(ctx, name, metav1.DeleteOptions{PropagationPolicy: &background})); err != nil {
		return a.Explain("deleting namespace "+name, err)
	}
	return a.awaitGone(ctx, name)
}

// awaitGone returns when a namespace that is being deleted is not there.
func (a *api) awaitGone(ctx context.Context, name string) error {
	zero := int64(0)
	waiting := "waiting for the end of namespace " + name + ", which is being deleted"
	var silent error // why it has not answered since seen
	for seen := time.Now(); ; {
		_, err := a.Resource(namespaces).Get(ctx, name, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			return nil
		case apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err):
			return a.Explain(waiting, err)
		case err == nil:
			seen, silent = time.Now(), nil
		case silent == nil || ctx.Err() == nil:
			silent = err
		}
		// What came up meanwhile goes too.
		_ = a.In(pods, name).DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: &zero}, metav1.ListOptions{})
		if client.Sleep(ctx, 300*time.Millisecond) == nil {
			continue
		}
		if silent != nil && time.Since(seen) > silentFor {
			return a.Explain(waiting, silent)
		}
		return fmt.Errorf("%w: namespace %q is being deleted, and is still there\n  look: kubectl get namespace %s -o yaml", run.ErrEnvironment, name, name)
	}
}

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

// Clean removes the clusters that runs of this user have made, and the
// namespaces that runs have left in a cluster, and uncordons the nodes that they
// have drained, where their harness is gone. It touches nothing else.
func Clean(ctx context.Context, o CleanOptions) error {
	if o.Namespace != "" {
		return cleanNamespaced(ctx, o)
	}
	m, err := userMarks()
	if err != nil {
		return fmt.Errorf("%w: %w", run.ErrEnvironment, err)
	}
	e, none := newEngine()
	err = cleanClusters(ctx, m, e, none, o)
	where, none := find(o, m)
	if none != nil || where == nil {
		return errors.Join(err, none)
	}
	a, aerr := newAPI(where.config)
	if aerr != nil {
		return errors.Join(err, aerr)
	}
	here := owner.Self()
	return errors.Join(err, a.cleanNodes(ctx, o, here), a.cleanNamespaces(ctx, o, here), a.cleanTargets(ctx, here, o), a.cleanChanged(ctx, here, o))
}

// cleanNamespaced gives back the targets of one namespace, which needs no more
// rights than attach itself.
func cleanNamespaced(ctx context.Context, o CleanOptions) error {
	where, err := find(o, marks{})
	if err != nil || where == nil {
		return err
	}
	a, err := newAPI(where.config)
	if err != nil {
		return err
	}
	here := owner.Self()
	return errors.Join(a.cleanTargets(ctx, here, o), a.cleanChanged(ctx, here, o))
}

// find is the cluster to look into; nil if there is none.
func find(o CleanOptions, m marks) (*reach, error) {
	if o.Context != "" {
		return ofContext(o.Kubeconfig, o.Context)
	}
	name := o.Cluster
	if name == "" {
		name = DefaultCluster
	}
	k, err := newKind(name, m)
	if err != nil {
		return nil, nil // no engine: no cluster of kind's
	}
	there, err := k.exists()
	if err != nil || !there || k.unfinished() {
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

func (a *api) cleanNamespaces(ctx context.Context, o CleanOptions, here string) error {
	all, err := a.Resource(namespaces).List(ctx, metav1.ListOptions{LabelSelector: owner.Selector})
	if err != nil {
		return a.Explain("listing namespaces", err)
	}
	for i := range all.Items {
		l, ours := owner.Namespace(&all.Items[i])
		if !ours {
			continue
		}
		if why := l.ReasonToKeep(here, o.All); why != "" {
			o.Say(fmt.Sprintf("namespace %s: left alone, %s", l.Name, why))
			continue
		}
		within, stop := context.WithTimeout(ctx, tidyFor)
		rerr := a.removeNamespace(within, l.Name)
		stop()
		if rerr != nil {
			err = errors.Join(err, rerr)
			continue
		}
		o.Say("namespace " + l.Name + ": deleted")
	}
	return err
}
