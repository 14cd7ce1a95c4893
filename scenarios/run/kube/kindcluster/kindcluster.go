// Package kindcluster creates, uses and deletes clusters of kind
// (https://kind.sigs.k8s.io), which run in containers of this machine.
//
// Who deletes a cluster:
//
//   - The run that created it, when it ends, unless --keep.
//   - Not while another run has something in it: then it is left, and the run
//     says so.
//   - [Clean], if the process that created it is gone and nobody works in it.
//   - Nobody, if this program did not create it, or a run kept it.
//
// Each node carries the process that created it, from its first moment; see
// provider.go. So nothing has to be written down elsewhere, and what a killed
// run leaves is known for what it is.
package kindcluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"zeroloss/internal/ctxtime"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/owner"
)

// DefaultName is the cluster that a run uses, or creates and deletes, unless
// it names another one.
const DefaultName = "zeroloss"

// Cluster is one of kind's clusters.
type Cluster struct {
	name     string
	provider provider
	self     string // this process, as owner.Self names it

	config     *rest.Config
	created    bool // by this run
	ownedByRun bool // by a run, be it this one
}

// Name returns kind's name of the cluster.
func (c *Cluster) Name() string { return c.name }

// Config returns the connection to the cluster, as its administrator.
func (c *Cluster) Config() *rest.Config { return c.config }

// CreatedByThisRun reports whether this run created the cluster, and so deletes it.
func (c *Cluster) CreatedByThisRun() bool { return c.created }

// CreatedByRun reports whether a run created the cluster; its nodes may not be ready
// yet. Any other one is the user's.
func (c *Cluster) CreatedByRun() bool { return c.ownedByRun }

func newCluster(name string) (*Cluster, error) {
	p, err := newProvider()
	if err != nil {
		return nil, err
	}
	return &Cluster{name: name, provider: p, self: owner.Self()}, nil
}

// Find connects to a cluster that exists; nil if there is none, or it is not
// ready, or this machine has no container engine.
func Find(name string) (*Cluster, error) {
	c, err := newCluster(name)
	if err != nil {
		return nil, nil //nolint:nilerr // without a container engine there is no kind cluster
	}
	all, err := c.provider.list()
	if err != nil {
		return nil, fmt.Errorf("%w: listing kind's clusters: %w\n  is the container engine running?", run.ErrEnvironment, err)
	}
	if !slices.Contains(all, c.name) {
		return nil, nil
	}
	switch o, _, err := c.inspect(); {
	case errors.Is(err, errForming):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("%w: asking for cluster %q: %w", run.ErrEnvironment, name, err)
	case o != foreign && o != ready:
		return nil, nil
	}
	return c, c.connect()
}

// Options say which cluster a run uses.
type Options struct {
	Name string // required
	// Of a cluster that is created: the image of its nodes ("" is kind's own
	// choice), and how many nodes it has beside the control plane.
	NodeImage string
	Workers   int
	// Log is told what is done, as printf; required.
	Log func(format string, args ...any)
}

// waitForOther bounds the wait for another run that creates the cluster.
const waitForOther = 10 * time.Minute

// Open connects to a cluster, and creates it if it does not exist.
func Open(ctx context.Context, o Options) (*Cluster, error) {
	c, err := newCluster(o.Name)
	if err != nil {
		return nil, err
	}
	return c, c.open(ctx, o)
}

func (c *Cluster) open(ctx context.Context, o Options) error {
	waiting, stop := context.WithTimeout(ctx, waitForOther)
	defer stop()
	for told := false; ; {
		is, by, err := c.inspect()
		if errors.Is(err, errForming) && c.awaitFormed(waiting) {
			continue
		}
		if err != nil {
			return fmt.Errorf("%w: asking for cluster %q: %w", run.ErrEnvironment, c.name, err)
		}
		switch is {
		case absent:
			o.Log("creating kind cluster %s", c.name)
			err := c.create(ctx, o)
			if err != nil && ctx.Err() == nil && c.createdMeanwhile() {
				continue
			}
			return err
		case foreign, ready:
			c.ownedByRun = is == ready
			return c.connect()
		case abandoned: // half-created by a process that is gone
			if _, err := c.deleteNodes(by.Process, 1); err != nil {
				return err
			}
			continue
		case unclear:
			return fmt.Errorf("%w: cluster %q was left half-created, or its nodes do not run; %s\n  zeroloss clean --all --cluster %s deletes it", run.ErrEnvironment, c.name, by.reason(c.self), c.name)
		case creating: // wait for it
		}
		if !told {
			o.Log("waiting for kind cluster %s: %s", c.name, by.reason(c.self))
			told = true
		}
		if ctxtime.Sleep(waiting, pollInterval) != nil {
			if ctx.Err() != nil {
				return fmt.Errorf("%w: while another run created cluster %q", run.ErrInterrupted, c.name)
			}
			return fmt.Errorf("%w: cluster %q: %s, and has not created it in %v\n  name another one: --cluster NAME", run.ErrEnvironment, c.name, by.reason(c.self), waitForOther)
		}
	}
}

// pollInterval is the pause between two looks at a cluster that changes.
const pollInterval = 300 * time.Millisecond

// connect reads the connection of the cluster.
func (c *Cluster) connect() error {
	text, err := c.provider.kubeconfig(c.name)
	if err == nil {
		c.config, err = clientcmd.RESTConfigFromKubeConfig([]byte(text))
	}
	if err != nil {
		return fmt.Errorf("%w: reading the kubeconfig of cluster %q: %w", run.ErrEnvironment, c.name, err)
	}
	return nil
}

// scratchKubeconfig returns the path of a file that kind may write instead of
// the user's own kubeconfig.
func scratchKubeconfig() (path string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "zeroloss-")
	if err != nil {
		return "", nil, fmt.Errorf("making a temporary directory: %w", err)
	}
	return filepath.Join(dir, "kubeconfig"), func() { _ = os.RemoveAll(dir) }, nil
}
