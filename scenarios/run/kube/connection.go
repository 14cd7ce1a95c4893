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

// workers returns the number of worker nodes of a new cluster. A drain needs two:
// one that it empties, and one that takes the evicted pods. Other plans run on
// the control plane's node.
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

// leave ends a run's use of the cluster; see releaseCluster.
func (c *connection) leave(ctx context.Context, keep bool, ns *runNamespace, leaveNamespace func() error, logf func(string, ...any)) error {
	if c.kind == nil {
		return leaveNamespace()
	}
	return deleteOrLeaveCluster(ctx, c.kind, keep, ns.name, leaveNamespace, logf)
}

// sharedCluster is a kind cluster that other runs may use, too.
type sharedCluster interface {
	Name() string
	CreatedByRun() bool // zeroloss created it, in this run or another
	CreatedByThisRun() bool
	Keep() error
	Delete(ctx context.Context, ownNamespace string) (why string, err error) // why it was left in place
}

// deleteOrLeaveCluster deletes the cluster if this run created it and no other run
// uses it. Otherwise it calls leaveNamespace, which deletes the run's namespace.
func deleteOrLeaveCluster(ctx context.Context, k sharedCluster, keep bool, namespace string, leaveNamespace func() error, logf func(string, ...any)) error {
	switch {
	case keep && k.CreatedByRun():
		logf("kept cluster %s: kind delete cluster --name %s", k.Name(), k.Name())
		return errors.Join(leaveNamespace(), k.Keep())
	case !k.CreatedByThisRun():
		return leaveNamespace()
	}
	why, err := k.Delete(ctx, namespace)
	if why == "" && err == nil {
		return nil
	}
	if why != "" {
		logf("left cluster %s: %s (zeroloss clean deletes it once nobody uses it)", k.Name(), why)
	}
	return errors.Join(err, leaveNamespace())
}
