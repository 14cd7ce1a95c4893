package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	kindnodes "sigs.k8s.io/kind/pkg/cluster/nodes"
	"sigs.k8s.io/kind/pkg/cluster/nodeutils"

	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
)

// DefaultCluster is the kind cluster that a run uses, or makes and deletes.
const DefaultCluster = "zeroloss"

// reach is a cluster that a run works on.
type reach struct {
	config *rest.Config
	kind   *kindCluster // nil: it is a context's
}

// marked reports whether runs have made the cluster, and delete it again.
func (r *reach) marked() bool { return r.kind != nil && r.kind.badge != "" }

// awaitNodes waits for those of a cluster that may have been made just now.
func (r *reach) awaitNodes(ctx context.Context, c *client.Client) error {
	all, err := r.kind.nodes()
	if err != nil {
		return err
	}
	return awaitNodes(ctx, c, len(all))
}

// ofContext is the cluster of a kubeconfig's context.
func ofContext(kubeconfig, name string) (*reach, error) {
	config, err := client.ConfigFromContext(kubeconfig, name)
	return &reach{config: config}, err
}

// kindCluster is one of kind's, by name.
type kindCluster struct {
	name    string
	engine  engine
	marks   marks
	workers int    // of one that is made, beside its control plane; 0: none
	badge   string // of what a run has made, this one or another; "" is the user's
}

func newKind(name string, m marks) (*kindCluster, error) {
	e, err := newEngine()
	if err != nil {
		return nil, err
	}
	return &kindCluster{name: name, engine: e, marks: m}, nil
}

func (k *kindCluster) exists() (bool, error) {
	all, err := k.engine.list()
	if err != nil {
		return false, fmt.Errorf("%w: listing kind's clusters: %w\n  is the container engine running?", run.ErrEnvironment, err)
	}
	return slices.Contains(all, k.name), nil
}

// connect uses the cluster that is there.
func (k *kindCluster) connect() (*reach, error) {
	text, err := k.engine.kubeconfig(k.name)
	if err == nil {
		var config *rest.Config
		if config, err = clientcmd.RESTConfigFromKubeConfig([]byte(text)); err == nil {
			return &reach{config: config, kind: k}, nil
		}
	}
	return nil, fmt.Errorf("%w: reading the kubeconfig of cluster %q: %w", run.ErrEnvironment, k.name, err)
}

// load puts an image into the nodes that have it not.
func (k *kindCluster) load(ctx context.Context, ref string, archive func(io.Writer) error) error {
	all, err := k.nodes()
	if err != nil {
		return err
	}
	for _, n := range all {
		err := within(ctx, func() error {
			if _, err := nodeutils.ImageID(n, ref); err == nil {
				return nil
			}
			return loadInto(ctx, n, archive)
		})
		if err != nil {
			return fmt.Errorf("%w: loading image %q into node %s: %w", run.ErrEnvironment, ref, n, explainExec(err))
		}
	}
	return nil
}

// nodes are those that carry pods.
func (k *kindCluster) nodes() ([]kindnodes.Node, error) {
	all, err := k.engine.nodes(k.name)
	if err == nil {
		all, err = nodeutils.InternalNodes(all)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: listing the nodes of cluster %q: %w", run.ErrEnvironment, k.name, explainExec(err))
	}
	return all, nil
}

// kindStops is how long a call of kind's has to come back by itself once its
// work is in vain.
const kindStops = 5 * time.Second

// within returns what f does, or, once ctx has ended, gives it up: kind's calls
// know no context. What f waits for goes with the cluster or the process.
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
	t := time.NewTimer(kindStops)
	defer t.Stop()
	select {
	case err := <-done:
		return err
	case <-t.C:
		return run.ErrInterrupted
	}
}

// loadInto writes an archive into a node; at the end of ctx the archive ends.
func loadInto(ctx context.Context, n kindnodes.Node, archive func(io.Writer) error) error {
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

// fromEngine is an archive of an image that this machine's engine has; false
// if it has not: then the nodes have to pull it.
func fromEngine(ctx context.Context, ref string) (func(io.Writer) error, bool) {
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
