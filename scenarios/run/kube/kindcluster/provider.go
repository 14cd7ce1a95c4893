package kindcluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"sigs.k8s.io/kind/pkg/apis/config/defaults"
	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
	kind "sigs.k8s.io/kind/pkg/cluster"
	kindnodes "sigs.k8s.io/kind/pkg/cluster/nodes"
	"sigs.k8s.io/kind/pkg/cluster/nodeutils"
	kindexec "sigs.k8s.io/kind/pkg/exec"

	"zeroloss/internal/ctxtime"
	"zeroloss/scenarios/run"
)

// provider is kind on a container engine. All calls block; those without a
// context cannot be interrupted.
type provider interface {
	// list names the clusters of which a node exists.
	list() ([]string, error)
	// nodes returns those of a cluster; none if it does not exist.
	nodes(cluster string) ([]kindnodes.Node, error)
	// owners returns the process that each node of a cluster carries; "" is
	// none. The error is errForming while that cannot be told of all.
	owners(cluster string) ([]string, error)
	// state returns what setState has written last; "" if nothing.
	state(cluster string) (state, error)
	setState(cluster string, s state) error
	// pull fetches the image of nodes, if the engine does not have it; "" is
	// kind's own choice.
	pull(ctx context.Context, image string) error
	// create creates a cluster, and returns when its API server answers. What
	// exists of it when that fails stays.
	create(clusterSpec) error
	// remove deletes all nodes of a cluster, if there are any.
	remove(cluster string) error
	// kubeconfig returns that of the cluster's administrator.
	kubeconfig(cluster string) (string, error)
}

// clusterSpec is a cluster to create.
type clusterSpec struct {
	name       string
	image      string // of its nodes; "" is kind's own choice
	owner      string // process that each of its nodes carries from its first moment
	workers    int    // beside the control plane
	kubeconfig string // a scratch file, which kind wants to write
}

// state is how far a cluster is, as its first node remembers it.
type state string

const (
	stateReady state = "ready" // created, for runs to use
	stateKept  state = "kept"  // the user's, whichever run created it
)

// stateFile is on the control plane's node.
const stateFile = "/var/lib/zeroloss/state"

// kindProvider is kind's own, on Docker, Podman or nerdctl.
type kindProvider struct{ *kind.Provider }

func newProvider() (provider, error) {
	option, err := kind.DetectNodeProvider()
	if err != nil {
		return nil, fmt.Errorf("%w: looking for a container engine: %w\n  kind needs Docker, Podman or nerdctl; or name a cluster of yours: --context", run.ErrEnvironment, err)
	}
	return kindProvider{kind.NewProvider(option)}, nil
}

func (p kindProvider) list() ([]string, error) {
	all, err := p.List()
	return all, explainExec(err)
}

func (p kindProvider) nodes(cluster string) ([]kindnodes.Node, error) {
	all, err := p.ListNodes(cluster)
	return all, explainExec(err)
}

func (p kindProvider) kubeconfig(cluster string) (string, error) {
	text, err := p.KubeConfig(cluster, false)
	return text, explainExec(err)
}

func (p kindProvider) controlPlane(cluster string) (kindnodes.Node, error) {
	all, err := p.nodes(cluster)
	if err != nil {
		return nil, err
	}
	return nodeutils.BootstrapControlPlaneNode(all)
}

func (p kindProvider) state(cluster string) (state, error) {
	node, err := p.controlPlane(cluster)
	if err != nil {
		return "", err
	}
	out, err := kindexec.Output(node.Command("sh", "-c", "cat "+stateFile+" 2>/dev/null || true"))
	return state(strings.TrimSpace(string(out))), explainExec(err)
}

func (p kindProvider) setState(cluster string, s state) error {
	node, err := p.controlPlane(cluster)
	if err != nil {
		return err
	}
	return explainExec(nodeutils.WriteFile(node, stateFile, string(s)))
}

// A node carries its owner as the path of a mount: that is the one thing of
// ours that kind lets a container have when it is created. What is mounted
// there is what kind mounts into each node anyway.
const (
	ownerDir   = "/etc/zeroloss/owner/"
	ownerMount = "/lib/modules"
)

// config returns kind's configuration of a cluster.
func (s clusterSpec) config() *v1alpha4.Cluster {
	mark := []v1alpha4.Mount{{HostPath: ownerMount, ContainerPath: ownerDir + s.owner, Readonly: true}}
	c := &v1alpha4.Cluster{Nodes: []v1alpha4.Node{{Role: v1alpha4.ControlPlaneRole, ExtraMounts: mark}}}
	for range s.workers {
		c.Nodes = append(c.Nodes, v1alpha4.Node{Role: v1alpha4.WorkerRole, ExtraMounts: mark})
	}
	return c
}

func (p kindProvider) create(s clusterSpec) error {
	options := []kind.CreateOption{
		kind.CreateWithV1Alpha4Config(s.config()),
		kind.CreateWithKubeconfigPath(s.kubeconfig), // nobody else's is touched
		kind.CreateWithDisplayUsage(false), kind.CreateWithDisplaySalutation(false),
		// It would delete by name, be it somebody else's that came in between.
		kind.CreateWithRetain(true),
	}
	if s.image != "" {
		options = append(options, kind.CreateWithNodeImage(s.image))
	}
	return explainExec(p.Create(s.name, options...))
}

func (p kindProvider) remove(cluster string) error {
	// No path would mean the user's own kubeconfig, in which there is nothing
	// of ours.
	kubeconfig, remove, err := scratchKubeconfig()
	if err != nil {
		return err
	}
	defer remove()
	return explainExec(p.Delete(cluster, kubeconfig))
}

// errForming says that a node is listed, and does not exist: the engine is
// creating it (or removing it), and knows nothing of it until that is done.
var errForming = errors.New("a node is being created or removed")

func (p kindProvider) owners(cluster string) ([]string, error) {
	all, err := p.nodes(cluster)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	args := []string{"container", "inspect"}
	for _, n := range all {
		args = append(args, n.String())
	}
	text, err := exec.Command(engineCommand(), args...).Output() //nolint:noctx // the engine answers at once
	if err == nil {
		return ownersOf(text)
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

// ownersOf reads what the engine says of containers.
func ownersOf(inspected []byte) ([]string, error) {
	var all []struct {
		Mounts []struct{ Destination string }
	}
	if err := json.Unmarshal(inspected, &all); err != nil {
		return nil, fmt.Errorf("reading what the container engine says of nodes: %w", err)
	}
	out := make([]string, len(all))
	for i, c := range all {
		for _, m := range c.Mounts {
			if by, ok := strings.CutPrefix(m.Destination, ownerDir); ok {
				out[i] = by
			}
		}
	}
	return out, nil
}

// engineCommand is the command of the engine that kind has detected: it looks
// for them in this order.
func engineCommand() string {
	for _, name := range []string{"docker", "nerdctl", "finch"} {
		if _, err := exec.LookPath(name); err == nil {
			return name
		}
	}
	return "podman"
}

// pullAttempts is how often an image is asked for: a registry refuses now and
// then.
const pullAttempts = 3

// pull pulls with Docker, since kind's own pulling cannot be interrupted. The
// other engines have kind do it.
func (kindProvider) pull(ctx context.Context, image string) error {
	if engineCommand() != "docker" {
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
		if try == pullAttempts || ctxtime.Sleep(ctx, time.Duration(try)*time.Second) != nil {
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
