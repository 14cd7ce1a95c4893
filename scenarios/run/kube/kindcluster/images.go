package kindcluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	kindnodes "sigs.k8s.io/kind/pkg/cluster/nodes"
	"sigs.k8s.io/kind/pkg/cluster/nodeutils"

	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
)

// Archive writes an image as `docker save` does.
type Archive func(io.Writer) error

// EngineImage returns an archive of an image that this machine's engine has;
// false if it has none: then the nodes have to pull it.
func EngineImage(ctx context.Context, ref string) (Archive, bool) {
	if exec.CommandContext(ctx, "docker", "image", "inspect", ref).Run() != nil {
		return nil, false
	}
	return func(w io.Writer) error {
		var said strings.Builder
		cmd := exec.CommandContext(ctx, "docker", "save", ref)
		cmd.Stdout, cmd.Stderr = w, &said
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("saving image %q: %w: %s", ref, err, strings.TrimSpace(said.String()))
		}
		return nil
	}, true
}

// LoadImage loads an image into the nodes that do not have it.
func (c *Cluster) LoadImage(ctx context.Context, ref string, archive Archive) error {
	all, err := c.nodes()
	if err != nil {
		return err
	}
	return loadInto(ctx, all, ref, func(n kindnodes.Node) error {
		if _, err := nodeutils.ImageID(n, ref); err == nil {
			return nil
		}
		return loadArchive(ctx, n, archive)
	})
}

// ReplaceImage loads an image into every node of a cluster that exists, also in
// the place of one of the same name.
func ReplaceImage(ctx context.Context, cluster, ref string, archive Archive) error {
	c, err := newCluster(cluster)
	if err != nil {
		return err
	}
	all, err := c.nodes()
	if err != nil {
		return err
	}
	if len(all) == 0 {
		names, err := c.provider.list()
		if err != nil {
			return fmt.Errorf("%w: listing kind's clusters: %w\n  is the container engine running?", run.ErrEnvironment, err)
		}
		return fmt.Errorf("%w: kind has no cluster %q; it has: %s\n  to create it: kind create cluster --name %s", run.ErrEnvironment, cluster, client.OrNone(names), cluster)
	}
	return loadInto(ctx, all, ref, func(n kindnodes.Node) error { return loadArchive(ctx, n, archive) })
}

func loadInto(ctx context.Context, all []kindnodes.Node, ref string, load func(kindnodes.Node) error) error {
	for _, n := range all {
		err := within(ctx, func() error { return load(n) })
		if err != nil && ctx.Err() != nil {
			return fmt.Errorf("%w: while images were loaded", run.ErrInterrupted)
		}
		if err != nil {
			return fmt.Errorf("%w: loading image %q into node %s: %w", run.ErrEnvironment, ref, n, explainExec(err))
		}
	}
	return nil
}

// nodes returns those that run pods.
func (c *Cluster) nodes() ([]kindnodes.Node, error) {
	all, err := c.provider.nodes(c.name)
	if err == nil {
		all, err = nodeutils.InternalNodes(all)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: listing the nodes of cluster %q: %w", run.ErrEnvironment, c.name, explainExec(err))
	}
	return all, nil
}

// loadArchive writes an archive into a node; at the end of ctx the archive
// ends.
func loadArchive(ctx context.Context, n kindnodes.Node, archive Archive) error {
	r, w := io.Pipe()
	defer context.AfterFunc(ctx, func() { _ = r.CloseWithError(context.Cause(ctx)) })()
	written := make(chan error, 1)
	go func() {
		err := archive(w)
		written <- errors.Join(err, w.CloseWithError(err))
	}()
	err := nodeutils.LoadImageArchive(n, r)
	_ = r.Close() // ends the writer, if the node has stopped to read
	if werr := <-written; werr != nil && !errors.Is(werr, io.ErrClosedPipe) {
		return werr
	}
	return err
}

// abandonTimeout is how long a call of kind's has to return by itself once its
// work is in vain.
const abandonTimeout = 5 * time.Second

// within returns what f does, or abandons it once ctx has ended: kind's calls
// know no context. What f waits for ends with the cluster or the process.
func within(ctx context.Context, f func() error) error {
	if ctx.Err() != nil {
		return run.ErrInterrupted
	}
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	t := time.NewTimer(abandonTimeout)
	defer t.Stop()
	select {
	case err := <-done:
		return err
	case <-t.C:
		return run.ErrInterrupted
	}
}
