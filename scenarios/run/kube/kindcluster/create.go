package kindcluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"zeroloss/scenarios/run"
)

const (
	// createStopTimeout is how long kind has to end once its nodes are deleted
	// under it: with what follows it is within the 30 s that an interruption may
	// take.
	createStopTimeout = 20 * time.Second
	// lateNodeTimeout is how long nodes may still appear after kind has failed:
	// it starts all at once, and does not wait for the others when one fails.
	lateNodeTimeout = 5 * time.Second
)

// create creates the cluster, or nothing.
func (c *Cluster) create(ctx context.Context, o Options) error {
	kubeconfig, remove, err := scratchKubeconfig()
	if err != nil {
		return fmt.Errorf("%w: %w", run.ErrEnvironment, err)
	}
	defer remove()
	spec := clusterSpec{name: c.name, image: o.NodeImage, owner: c.self, workers: o.Workers, kubeconfig: kubeconfig}
	if err := c.createNodes(ctx, spec); err != nil {
		return err
	}
	c.created, c.ownedByRun = true, true
	if err = c.provider.setState(c.name, stateReady); err != nil {
		err = fmt.Errorf("%w: marking cluster %q as ready: %w", run.ErrEnvironment, c.name, err)
	} else {
		err = c.connect()
	}
	if err != nil {
		return errors.Join(err, c.undo(nil, 0))
	}
	return nil
}

func (c *Cluster) createNodes(ctx context.Context, spec clusterSpec) error {
	failed := func(err error) error {
		return fmt.Errorf("%w: creating cluster %q: %w\n  try it by hand: kind create cluster --name %s%s",
			run.ErrEnvironment, c.name, err, c.name, strings.TrimSuffix(" --image "+spec.image, " --image "))
	}
	interrupted := fmt.Errorf("%w: while cluster %q was created", run.ErrInterrupted, c.name)
	if err := c.provider.pull(ctx, spec.image); err != nil {
		if ctx.Err() != nil {
			return interrupted
		}
		return failed(err)
	}
	done := make(chan error, 1)
	go func() { done <- c.provider.create(spec) }()
	select {
	case err := <-done:
		if err != nil {
			return errors.Join(failed(err), c.undo(nil, 1+spec.workers))
		}
		return nil
	case <-ctx.Done():
		return errors.Join(interrupted, c.undo(done, 1+spec.workers))
	}
}

// undo deletes what kind creates, under it, until nothing more can come. done
// tells that kind has ended (nil: it has), nodes how many it may create. Prefer
// deleting all nodes at once: a node created and removed between two looks
// cannot be counted.
func (c *Cluster) undo(done <-chan error, nodes int) error {
	timeout, one, again := time.NewTimer(createStopTimeout), time.NewTimer(createStopTimeout/2), time.NewTicker(pollInterval)
	defer timeout.Stop()
	defer one.Stop()
	defer again.Stop()
	if done == nil {
		timeout.Reset(lateNodeTimeout)
	}
	atOnce := nodes
	for deleted := 0; ; {
		if done == nil {
			atOnce = 1
		}
		n, err := c.deleteNodes(c.self, atOnce)
		deleted += n
		// kind may go on for half a minute with what does not exist any more.
		if err == nil && (deleted >= nodes || done == nil && nodes == 1) {
			return nil
		}
		select {
		case cerr := <-done:
			done = nil
			timeout.Reset(lateNodeTimeout)
			if cerr == nil {
				nodes = 0 // all that it creates exists
			}
		case <-one.C:
			atOnce = 1
		case <-timeout.C:
			return errors.Join(err, fmt.Errorf("nodes of cluster %q may still appear: zeroloss clean deletes them", c.name))
		case <-again.C:
		}
	}
}

// deleteNodes deletes the cluster if all its nodes are of the process by, and
// there are at least atOnce of them. It returns how many it has deleted.
func (c *Cluster) deleteNodes(by string, atOnce int) (int, error) {
	marks, err := c.provider.owners(c.name)
	if err != nil {
		return 0, fmt.Errorf("%w: deleting cluster %q: %w", run.ErrEnvironment, c.name, err)
	}
	n := countOwned(marks, by)
	switch {
	case n == 0 || n < atOnce:
		return 0, nil
	case n < len(marks):
		return 0, fmt.Errorf("%w: deleting cluster %q: no run created %d of its %d nodes\n  look at them: kind get nodes --name %s", run.ErrEnvironment, c.name, len(marks)-n, len(marks), c.name)
	}
	if err := c.provider.remove(c.name); err != nil {
		return 0, fmt.Errorf("%w: deleting cluster %q: %w", run.ErrEnvironment, c.name, err)
	}
	return n, nil
}

func countOwned(marks []string, by string) (n int) {
	for _, m := range marks {
		if m == by && by != "" {
			n++
		}
	}
	return n
}
