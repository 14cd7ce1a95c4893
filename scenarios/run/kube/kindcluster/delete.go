package kindcluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/owner"
)

// Keep makes a cluster that a run created the user's: no run deletes it any
// more, nor does Clean.
func (c *Cluster) Keep() error {
	if !c.ownedByRun {
		return nil
	}
	if err := c.provider.setState(c.name, stateKept); err != nil {
		return fmt.Errorf("%w: keeping cluster %q: %w", run.ErrEnvironment, c.name, err)
	}
	return nil
}

// Delete deletes the cluster at the end of the run that created it. why is the
// reason the cluster was left in place; "" if it was not. ownNamespace is that
// of this run, which goes with the cluster.
func (c *Cluster) Delete(ctx context.Context, ownNamespace string) (why string, err error) {
	if !c.created {
		return "this run did not create it", nil
	}
	is, by, err := c.inspect()
	switch {
	case err != nil:
		return "", fmt.Errorf("%w: deleting cluster %q: %w", run.ErrEnvironment, c.name, err)
	case is == absent:
		return "", nil
	case is == foreign && by.Process == c.self:
		return "another run has kept it", nil
	case by.Process != c.self:
		return "it is not the one that this run created", nil
	}
	// Nobody can work in a cluster that does not answer.
	if why, err := c.inUse(ctx, ownNamespace, false); err == nil && why != "" {
		return why, nil
	}
	_, err = c.deleteNodes(c.self, 1)
	return "", err
}

// inUseTimeout bounds the look into a cluster.
const inUseTimeout = 5 * time.Second

// inUse returns what runs have in the cluster that goes on, or was kept; "" if
// nothing. all (--all) leaves only what a running process works with.
func (c *Cluster) inUse(ctx context.Context, ownNamespace string, all bool) (string, error) {
	if c.config == nil {
		if err := c.connect(); err != nil {
			return "", err
		}
	}
	api, err := client.New(c.config)
	if err != nil {
		return "", err
	}
	ctx, stop := context.WithTimeout(ctx, inUseTimeout)
	defer stop()
	found, err := api.Namespaces().List(ctx, metav1.ListOptions{LabelSelector: owner.Selector})
	if err != nil {
		return "", api.Explain("listing namespaces", err)
	}
	for i := range found.Items {
		l, ours := owner.Namespace(&found.Items[i])
		if !ours || l.Name == ownNamespace {
			continue
		}
		if why := l.ReasonToKeep(c.self, all); why != "" {
			return "namespace " + l.Name + " is in it: " + why, nil
		}
	}
	return "", nil
}

// Clean deletes the clusters that runs created whose process is gone, where
// nobody works in them. log is told of each cluster that a run created, and of
// no other. all (--all) also deletes what runs of other hosts created, what
// does not answer, and what has kept namespaces in it.
func Clean(ctx context.Context, all bool, log func(string)) error {
	p, err := newProvider()
	if err != nil {
		return nil //nolint:nilerr // without a container engine there is no kind cluster
	}
	return clean(ctx, p, owner.Self(), all, log)
}

func clean(ctx context.Context, p provider, self string, all bool, log func(string)) error {
	names, err := p.list()
	if err != nil {
		return fmt.Errorf("%w: listing kind's clusters: %w\n  is the container engine running?", run.ErrEnvironment, err)
	}
	for _, name := range names {
		said, cerr := (&Cluster{name: name, provider: p, self: self}).clean(ctx, all)
		if cerr != nil {
			err = errors.Join(err, fmt.Errorf("%w: cleaning cluster %q: %w", run.ErrEnvironment, name, cerr))
		} else if said != "" {
			log("cluster " + name + ": " + said)
		}
	}
	return err
}

// clean returns what it has done with the cluster; "" if that is no run's.
func (c *Cluster) clean(ctx context.Context, all bool) (string, error) {
	is, by, err := c.inspect()
	for errors.Is(err, errForming) && c.awaitFormed(ctx) {
		is, by, err = c.inspect()
	}
	switch {
	case err != nil:
		return "", err
	case is == absent || is == foreign:
		return "", nil
	}
	if why := by.ReasonToKeep(c.self, all); why != "" && by.Process != c.self {
		return "left alone, " + why, nil
	}
	if is != abandoned {
		why, err := c.inUse(ctx, "", all)
		switch {
		case err != nil && !all:
			return "left alone, it does not answer, so that nobody can tell whether a run works in it (--all takes it)", nil
		case why != "":
			return "left alone, " + why, nil
		}
	}
	if _, err := c.deleteNodes(by.Process, 1); err != nil {
		return "", err
	}
	return "deleted", nil
}
