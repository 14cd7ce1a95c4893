package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	kind "sigs.k8s.io/kind/pkg/cluster"
	kindnodes "sigs.k8s.io/kind/pkg/cluster/nodes"
	"sigs.k8s.io/kind/pkg/cluster/nodeutils"
	kindexec "sigs.k8s.io/kind/pkg/exec"

	"zeroloss/scenarios/run"
)

// DefaultCluster is the kind cluster that a run uses, or makes and deletes.
const DefaultCluster = "zeroloss"

// reach is a cluster that a run works on.
type reach struct {
	config *rest.Config
	kind   *kindCluster // nil: it is a context's
	made   bool         // by this run
}

// ofContext is the cluster of a kubeconfig's context.
func ofContext(kubeconfig, name string) (*reach, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	loaded := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: name})
	raw, err := loaded.RawConfig()
	if err != nil {
		return nil, fmt.Errorf("%w: reading the kubeconfig: %w", run.ErrEnvironment, err)
	}
	if _, ok := raw.Contexts[name]; !ok {
		var there []string
		for c := range raw.Contexts {
			there = append(there, c)
		}
		slices.Sort(there)
		return nil, fmt.Errorf("%w: the kubeconfig has no context %q\n  it has: %s", run.ErrEnvironment, name, orNone(there))
	}
	config, err := loaded.ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("%w: reading context %q: %w", run.ErrEnvironment, name, err)
	}
	return &reach{config: config}, nil
}

func orNone(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}

// kindCluster is one of kind's, by name.
type kindCluster struct {
	name     string
	provider *kind.Provider
	marks    marks
	workers  int // of one that is made, beside its control plane; 0: none
}

func newKind(name string, m marks) (*kindCluster, error) {
	option, err := kind.DetectNodeProvider()
	if err != nil {
		return nil, fmt.Errorf("%w: looking for a container engine: %w\n  kind needs Docker, Podman or nerdctl; or name a cluster of yours: --context", run.ErrEnvironment, err)
	}
	return &kindCluster{name: name, provider: kind.NewProvider(option), marks: m}, nil
}

func (k *kindCluster) exists() (bool, error) {
	all, err := k.provider.List()
	if err != nil {
		return false, fmt.Errorf("%w: listing kind's clusters: %w\n  is the container engine running?", run.ErrEnvironment, explainExec(err))
	}
	return slices.Contains(all, k.name), nil
}

// open uses the cluster if it is there, and makes it if not. What it has made
// is marked before, so that nothing is left without a sign of whose it is.
func (k *kindCluster) open(ctx context.Context, nodeImage, scratch string) (_ *reach, err error) {
	there, err := k.exists()
	if err != nil {
		return nil, err
	}
	if !there {
		if err := k.marks.set(k.name); err != nil {
			return nil, err
		}
		if err := k.create(ctx, nodeImage, filepath.Join(scratch, "kubeconfig")); err != nil {
			return nil, errors.Join(err, k.delete())
		}
	}
	text, err := k.provider.KubeConfig(k.name, false)
	if err != nil {
		err = fmt.Errorf("%w: reading the kubeconfig of cluster %q: %w", run.ErrEnvironment, k.name, explainExec(err))
		if !there {
			err = errors.Join(err, k.delete())
		}
		return nil, err
	}
	config, err := clientcmd.RESTConfigFromKubeConfig([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("%w: reading the kubeconfig of cluster %q: %w", run.ErrEnvironment, k.name, err)
	}
	return &reach{config: config, kind: k, made: !there}, nil
}

// create makes the cluster. kind itself cannot be interrupted: when ctx ends
// its work is taken away under it.
func (k *kindCluster) create(ctx context.Context, nodeImage, kubeconfig string) error {
	options := []kind.CreateOption{
		kind.CreateWithKubeconfigPath(kubeconfig), // nobody else's is touched
		kind.CreateWithDisplayUsage(false), kind.CreateWithDisplaySalutation(false),
	}
	if nodeImage != "" {
		options = append(options, kind.CreateWithNodeImage(nodeImage))
	}
	if k.workers > 0 {
		options = append(options, kind.CreateWithRawConfig([]byte(kindConfig(k.workers))))
	}
	done := make(chan error, 1)
	go func() { done <- k.provider.Create(k.name, options...) }()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("%w: creating cluster %q: %w\n  try it by hand: kind create cluster --name %s --image %s",
				run.ErrEnvironment, k.name, explainExec(err), k.name, nodeImage)
		}
		return nil
	case <-ctx.Done():
		err := k.delete()
		<-done // it fails, as it must
		return errors.Join(fmt.Errorf("%w: while cluster %q was created", run.ErrInterrupted, k.name), err)
	}
}

func kindConfig(workers int) string {
	return "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes:\n- role: control-plane\n" + strings.Repeat("- role: worker\n", workers)
}

// delete removes the cluster, and then the mark.
func (k *kindCluster) delete() error {
	// No path would mean the user's own kubeconfig, in which there is nothing
	// of ours.
	dir, err := os.MkdirTemp("", "zeroloss-")
	if err != nil {
		return fmt.Errorf("%w: deleting cluster %q: %w", run.ErrEnvironment, k.name, err)
	}
	defer os.RemoveAll(dir)
	if err := k.provider.Delete(k.name, filepath.Join(dir, "kubeconfig")); err != nil {
		return fmt.Errorf("%w: deleting cluster %q: %w", run.ErrEnvironment, k.name, explainExec(err))
	}
	return k.marks.remove(k.name)
}

// load puts an image into the nodes that have it not.
func (k *kindCluster) load(ctx context.Context, ref string, archive func(io.Writer) error) error {
	all, err := k.provider.ListInternalNodes(k.name)
	if err != nil {
		return fmt.Errorf("%w: listing the nodes of cluster %q: %w", run.ErrEnvironment, k.name, explainExec(err))
	}
	for _, n := range all {
		if _, err := nodeutils.ImageID(n, ref); err == nil {
			continue
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w: while images were loaded", run.ErrInterrupted)
		}
		if err := loadInto(n, archive); err != nil {
			return fmt.Errorf("%w: loading image %q into node %s: %w", run.ErrEnvironment, ref, n, explainExec(err))
		}
	}
	return nil
}

func loadInto(n kindnodes.Node, archive func(io.Writer) error) error {
	r, w := io.Pipe()
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

// explainExec adds what the command that failed has said.
func explainExec(err error) error {
	const most = 400
	var e *kindexec.RunError
	if !errors.As(err, &e) {
		return err
	}
	said := strings.TrimSpace(string(e.Output))
	if said == "" {
		return err
	}
	return fmt.Errorf("%w: %s", err, said[max(0, len(said)-most):])
}
