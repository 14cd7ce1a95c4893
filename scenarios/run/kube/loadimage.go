package kube

import (
	"context"
	"fmt"
	"io"

	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
)

// LoadImage puts the image that archive writes, as `docker save` does, into
// every node of a kind cluster; "" is DefaultCluster. An image of the same name
// is replaced. The cluster must be there: it is not made for that.
func LoadImage(ctx context.Context, cluster, ref string, archive func(io.Writer) error) error {
	if cluster == "" {
		cluster = DefaultCluster
	}
	k, err := newKind(cluster, marks{})
	if err != nil {
		return err
	}
	all, err := k.engine.list()
	if err != nil {
		return fmt.Errorf("%w: listing kind's clusters: %w\n  is the container engine running?", run.ErrEnvironment, err)
	}
	nodes, err := k.nodes()
	if err != nil {
		return err
	}
	if len(nodes) == 0 {
		return fmt.Errorf("%w: kind has no cluster %q; it has: %s\n  kind create cluster --name %s makes it", run.ErrEnvironment, cluster, client.OrNone(all), cluster)
	}
	for _, n := range nodes {
		err := within(ctx, func() error { return loadInto(ctx, n, archive) })
		if ctx.Err() != nil {
			return fmt.Errorf("%w: while images were loaded", run.ErrInterrupted)
		}
		if err != nil {
			return fmt.Errorf("%w: loading image %q into node %s: %w", run.ErrEnvironment, ref, n, explainExec(err))
		}
	}
	return nil
}
