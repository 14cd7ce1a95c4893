package kube

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"k8s.io/client-go/rest"

	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/kindcluster"
)

// connection is the cluster that a run works on.
type connection struct {
	config *rest.Config
	kind   *kindcluster.Cluster // nil: it is that of a kubeconfig's context
}

// connect connects to the cluster that the options name. A kind cluster that
// does not exist is created.
func connect(ctx context.Context, o Options, p *plan.Plan, logf func(string, ...any)) (*connection, error) {
	if o.Context != "" {
		return connectContext(o.Kubeconfig, o.Context)
	}
	k, err := kindcluster.Open(ctx, kindcluster.Options{
		Name: cmp.Or(o.Cluster, kindcluster.DefaultName), NodeImage: o.NodeImage, Workers: workers(p), Log: logf,
	})
	if err != nil {
		return nil, err
	}
	return &connection{config: k.Config(), kind: k}, nil
}

// workers returns how many nodes a cluster that is created has beside its
// control plane. A drain needs one to empty, and one for what was on it.
func workers(p *plan.Plan) int {
	if p.HasDrain() {
		return 2
	}
	return 0
}

func connectContext(kubeconfig, name string) (*connection, error) {
	config, err := client.ConfigFromContext(kubeconfig, name)
	if err != nil {
		return nil, err
	}
	return &connection{config: config}, nil
}

// findConnection connects to a context's cluster, or to a kind cluster that
// exists; nil if it does not.
func findConnection(kubecontext, kubeconfig, cluster string) (*connection, error) {
	if kubecontext != "" {
		return connectContext(kubeconfig, kubecontext)
	}
	k, err := kindcluster.Find(cmp.Or(cluster, kindcluster.DefaultName))
	if err != nil || k == nil {
		return nil, err
	}
	return &connection{config: k.Config(), kind: k}, nil
}

// connectExisting is findConnection where there has to be a cluster.
func connectExisting(o Options) (*connection, error) {
	c, err := findConnection(o.Context, o.Kubeconfig, o.Cluster)
	if err == nil && c == nil {
		err = fmt.Errorf("%w: kind has no cluster %q\n  --context names a context of the kubeconfig, --cluster another kind cluster", run.ErrEnvironment, cmp.Or(o.Cluster, kindcluster.DefaultName))
	}
	return c, err
}

// release ends a run's use of the cluster; see releaseCluster.
func (c *connection) release(ctx context.Context, keep bool, ns *runNamespace, releaseNamespace func() error, logf func(string, ...any)) error {
	if c.kind == nil {
		return releaseNamespace()
	}
	return releaseCluster(ctx, c.kind, keep, ns.name, releaseNamespace, logf)
}

// sharedCluster is a kind cluster that other runs may use, too.
type sharedCluster interface {
	Name() string
	Owned() bool   // a run created it
	Created() bool // this one did
	Keep() error
	Delete(ctx context.Context, ownNamespace string) (why string, err error) // why it was left in place
}

// releaseCluster deletes a cluster if this run created it, and nobody else uses
// it. Otherwise releaseNamespace deletes what the run has in it.
func releaseCluster(ctx context.Context, k sharedCluster, keep bool, namespace string, releaseNamespace func() error, logf func(string, ...any)) error {
	switch {
	case keep && k.Owned():
		logf("kept cluster %s: kind delete cluster --name %s", k.Name(), k.Name())
		return errors.Join(releaseNamespace(), k.Keep())
	case !k.Created():
		return releaseNamespace()
	}
	why, err := k.Delete(ctx, namespace)
	if why == "" && err == nil {
		return nil
	}
	if why != "" {
		logf("left cluster %s: %s (zeroloss clean deletes it once nobody uses it)", k.Name(), why)
	}
	return errors.Join(err, releaseNamespace())
}
