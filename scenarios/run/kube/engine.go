package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"sigs.k8s.io/kind/pkg/apis/config/defaults"
	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
	kind "sigs.k8s.io/kind/pkg/cluster"
	kindnodes "sigs.k8s.io/kind/pkg/cluster/nodes"
	kindexec "sigs.k8s.io/kind/pkg/exec"

	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
)

// engine makes kind's clusters and knows those that are there. All calls block;
// those without a context cannot be interrupted.
type engine interface {
	// list names the clusters of which there is a node.
	list() ([]string, error)
	// nodes are those of a cluster; none if it is not there.
	nodes(cluster string) ([]kindnodes.Node, error)
	// badges are those on the nodes of a cluster, one a node; "" is none. The
	// error is errForming while that cannot be told of all.
	badges(cluster string) ([]string, error)
	// fetch brings the image of nodes, where it is not there; "" is the engine's
	// own choice.
	fetch(ctx context.Context, image string) error
	// create makes a cluster, and returns when its API server answers. What there
	// is of it when that fails stays.
	create(o order) error
	// remove removes all nodes of a cluster, if there are any.
	remove(cluster string) error
	// kubeconfig is that of its administrator.
	kubeconfig(cluster string) (string, error)
}

// order is a cluster that is to be made.
type order struct {
	name       string
	image      string // of its nodes; "" is the engine's own choice
	badge      string // on each of its nodes, from their first moment
	workers    int    // beside the control plane
	kubeconfig string // a file of nobody's, which kind wants to write
}

// kindEngine is kind's own, on Docker, Podman or nerdctl.
type kindEngine struct{ *kind.Provider }

func newEngine() (engine, error) {
	option, err := kind.DetectNodeProvider()
	if err != nil {
		return nil, fmt.Errorf("%w: looking for a container engine: %w\n  kind needs Docker, Podman or nerdctl; or name a cluster of yours: --context", run.ErrEnvironment, err)
	}
	return kindEngine{kind.NewProvider(option)}, nil
}

func (e kindEngine) list() ([]string, error) {
	all, err := e.List()
	return all, explainExec(err)
}

func (e kindEngine) nodes(cluster string) ([]kindnodes.Node, error) {
	all, err := e.ListNodes(cluster)
	return all, explainExec(err)
}

func (e kindEngine) kubeconfig(cluster string) (string, error) {
	text, err := e.KubeConfig(cluster, false)
	return text, explainExec(err)
}

// badgeDir is where nodes wear it: as the name of a mount, since that is the
// one thing of ours that kind lets a container have when it is created. What is
// mounted there is what kind mounts into each node anyway.
const (
	badgeDir   = "/etc/zeroloss/"
	badgeMount = "/lib/modules"
)

// config is what kind is told of an order.
func (o order) config() *v1alpha4.Cluster {
	badge := []v1alpha4.Mount{{HostPath: badgeMount, ContainerPath: badgeDir + o.badge, Readonly: true}}
	c := &v1alpha4.Cluster{Nodes: []v1alpha4.Node{{Role: v1alpha4.ControlPlaneRole, ExtraMounts: badge}}}
	for range o.workers {
		c.Nodes = append(c.Nodes, v1alpha4.Node{Role: v1alpha4.WorkerRole, ExtraMounts: badge})
	}
	return c
}

func (e kindEngine) create(o order) error {
	options := []kind.CreateOption{
		kind.CreateWithV1Alpha4Config(o.config()),
		kind.CreateWithKubeconfigPath(o.kubeconfig), // nobody else's is touched
		kind.CreateWithDisplayUsage(false), kind.CreateWithDisplaySalutation(false),
		// It would delete by name, be it somebody else's that came in between.
		kind.CreateWithRetain(true),
	}
	if o.image != "" {
		options = append(options, kind.CreateWithNodeImage(o.image))
	}
	return explainExec(e.Create(o.name, options...))
}

func (e kindEngine) remove(cluster string) error {
	// No path would mean the user's own kubeconfig, in which there is nothing
	// of ours.
	dir, err := os.MkdirTemp("", "zeroloss-")
	if err != nil {
		return fmt.Errorf("making a temporary directory: %w", err)
	}
	defer os.RemoveAll(dir)
	return explainExec(e.Delete(cluster, filepath.Join(dir, "kubeconfig")))
}

// errForming says that a node is listed, and is not there: the engine is
// creating it (or removing it), and knows nothing of it until that is done.
var errForming = errors.New("one is being created or removed")

func (e kindEngine) badges(cluster string) ([]string, error) {
	all, err := e.nodes(cluster)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	args := []string{"container", "inspect"}
	for _, n := range all {
		args = append(args, n.String())
	}
	text, err := exec.Command(binary(), args...).Output()
	if err == nil {
		return badgesOf(text)
	}
	var said *exec.ExitError
	if errors.As(err, &said) {
		err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(said.Stderr)))
		if strings.Contains(strings.ToLower(string(said.Stderr)), "no such") {
			err = fmt.Errorf("%w: %w", errForming, err)
		}
	}
	return nil, fmt.Errorf("looking at the nodes of cluster %q: %w", cluster, err)
}

// binary is the command of the engine that kind has detected: it looks for
// them in this order.
func binary() string {
	for _, name := range []string{"docker", "nerdctl", "finch"} {
		if _, err := exec.LookPath(name); err == nil {
			return name
		}
	}
	return "podman"
}

// badgesOf reads what the engine says of containers.
func badgesOf(inspected []byte) ([]string, error) {
	var all []struct {
		Mounts []struct{ Destination string }
	}
	if err := json.Unmarshal(inspected, &all); err != nil {
		return nil, fmt.Errorf("reading what the container engine says of nodes: %w", err)
	}
	out := make([]string, len(all))
	for i, c := range all {
		for _, m := range c.Mounts {
			if badge, ok := strings.CutPrefix(m.Destination, badgeDir); ok {
				out[i] = badge
			}
		}
	}
	return out, nil
}

// fetchTries is how often an image is asked for: a registry refuses now and
// then.
const fetchTries = 3

// fetch pulls with Docker, since kind's own pulling cannot be interrupted. The
// other engines have kind do it.
func (kindEngine) fetch(ctx context.Context, image string) error {
	if binary() != "docker" {
		return nil
	}
	if image == "" {
		image = defaults.Image
	}
	if exec.CommandContext(ctx, "docker", "image", "inspect", image).Run() == nil {
		return nil
	}
	for try := 1; ; try++ {
		said, err := exec.CommandContext(ctx, "docker", "pull", "--quiet", image).CombinedOutput()
		if err == nil {
			return nil
		}
		if try == fetchTries || client.Sleep(ctx, time.Duration(try)*time.Second) != nil {
			return fmt.Errorf("pulling image %q of its nodes: %w: %s", image, err, strings.TrimSpace(string(said)))
		}
	}
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

var _ engine = kindEngine{}
