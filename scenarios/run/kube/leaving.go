package kube

import (
	"context"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/owner"
)

// holding does f while no other process reads or writes the marks, if this one
// is still the cluster's: of who keeps it, or deletes it by hand, it is no more.
func (k *kindCluster) holding(f func(x mark) error) error {
	ctx, stop := context.WithTimeout(context.Background(), cleanupTimeout)
	defer stop()
	release, err := k.marks.hold(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", run.ErrEnvironment, err)
	}
	defer release()
	x, marked, err := k.marks.read(k.name)
	if err == nil && marked && x.Badge == k.badge {
		err = f(x)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", run.ErrEnvironment, err)
	}
	return nil
}

// settle writes the mark.
func (k *kindCluster) settle(x mark) error {
	return k.holding(func(mark) error { return k.marks.write(k.name, x) })
}

// forget removes the mark: there is nothing of ours any more, or it is the
// user's now.
func (k *kindCluster) forget() error {
	return k.holding(func(mark) error { return k.marks.remove(k.name) })
}

// quit takes this run from the users, and deletes nothing.
func (k *kindCluster) quit() error {
	return k.holding(func(x mark) error {
		x.Users, _ = k.marks.others(x, false)
		return k.marks.write(k.name, x)
	})
}

// shared reports whether another run works with the cluster.
func (k *kindCluster) shared() (shared bool, err error) {
	err = k.holding(func(x mark) error {
		others, _ := k.marks.others(x, false)
		shared = len(others) > 0
		return nil
	})
	return shared, err
}

// leave takes this run from the users, and deletes the cluster if it was the
// last, and occupied knows of nobody else. why is for what it is not deleted;
// "" if it is, or is not there.
func (k *kindCluster) leave(occupied func() string) (why string, err error) {
	last := false
	err = k.holding(func(x mark) error {
		others, w := k.marks.others(x, false)
		if last = len(others) == 0; !last {
			why = w
			x.Users = others
		} else {
			x.Doing, x.Users = deleting, []string{k.marks.self}
		}
		return k.marks.write(k.name, x)
	})
	switch {
	case err != nil:
		return "", err
	case why != "":
		return why, nil
	case !last:
		return "another run has kept it", nil
	}
	if why = occupied(); why != "" {
		return why, k.settle(mark{Badge: k.badge})
	}
	if _, err := k.takeAway(1); err != nil {
		return "", err
	}
	return "", k.forget()
}

// occupied is why a cluster that runs make is not to be deleted though no run
// that has marked it goes on: what runs of others, or of attach, have in it.
func occupied(ctx context.Context, c *client.Client, own, here string, all bool) (string, error) {
	ctx, stop := context.WithTimeout(ctx, nodesTimeout)
	defer stop()
	found, err := c.Namespaces().List(ctx, metav1.ListOptions{LabelSelector: owner.Selector})
	if err != nil {
		return "", c.Explain("listing namespaces", err)
	}
	for i := range found.Items {
		l, ours := owner.Namespace(&found.Items[i])
		if !ours || l.Name == own {
			continue
		}
		if why := l.ReasonToKeep(here, all); why != "" {
			return "namespace " + l.Name + " is in it: " + why, nil
		}
	}
	return "", nil
}

// leave releases what a run has taken: its namespace with release and, where runs
// have made it and no other works with it, the cluster. c is nil where the cluster
// was not reached.
func (r *cluster) leave(where *reach, c *client.Client, namespace string, release func() error, tell func(string, ...any)) error {
	k := where.kind
	switch {
	case !where.marked():
		return release()
	case r.o.Keep:
		tell("kept cluster %s: kind delete cluster --name %s", k.name, k.name)
		return errors.Join(release(), k.forget()) // it is the user's now
	}
	shared, err := k.shared()
	if shared {
		err = errors.Join(err, release())
	}
	why, lerr := k.leave(func() string {
		if c == nil {
			return ""
		}
		// What does not answer has nobody who works in it.
		why, _ := occupied(context.Background(), c, namespace, k.marks.self, false)
		return why
	})
	if why != "" {
		tell("left cluster %s: %s", k.name, why)
		if !shared {
			err = errors.Join(err, release())
		}
	}
	return errors.Join(err, lerr)
}

// clean deletes the cluster, if it is the one that the mark means, and nobody
// works with it, and says what it has done.
func (k *kindCluster) clean(ctx context.Context, o CleanOptions) (said string, err error) {
	was, why, err := k.condemn(ctx, o.All)
	for errors.Is(err, errForming) && k.formed(ctx) {
		was, why, err = k.condemn(ctx, o.All)
	}
	switch {
	case err != nil:
		return "", fmt.Errorf("%w: cleaning cluster %q: %w", run.ErrEnvironment, k.name, err)
	case why != "":
		return why, nil
	}
	if was.Doing == "" { // else it has never been whole, or is not any more
		if why := k.livesIn(ctx, o.All); why != "" {
			return "left alone, " + why, k.settle(mark{Badge: k.badge})
		}
	}
	if _, err := k.takeAway(1); err != nil {
		return "", err
	}
	return "deleted", k.forget()
}

// livesIn asks the cluster itself who works in it.
func (k *kindCluster) livesIn(ctx context.Context, all bool) string {
	where, err := k.connect()
	var why string
	if err == nil {
		var c *client.Client
		if c, err = client.New(where.config); err == nil {
			why, err = occupied(ctx, c, "", k.marks.self, all)
		}
	}
	if err != nil && !all {
		return "it does not answer, so that nobody can tell whether a run works in it (--all takes it)"
	}
	return why
}

// condemn marks the cluster as being deleted; why says what is done instead.
func (k *kindCluster) condemn(ctx context.Context, all bool) (was mark, why string, err error) {
	release, err := k.marks.hold(ctx)
	if err != nil {
		return was, "", err
	}
	defer release()
	was, marked, err := k.marks.read(k.name)
	if err != nil || !marked {
		return was, "left alone, another process has just done with it", err
	}
	if _, why := k.marks.others(was, all); why != "" {
		return was, "left alone, " + why, nil
	}
	badges, err := k.engine.badges(k.name)
	switch n := worn(badges, was.Badge); {
	case err != nil:
		return was, "", err
	case len(badges) == 0:
		return was, "there is none any more; its mark is removed", k.marks.remove(k.name)
	case was.Badge == "":
		return was, fmt.Sprintf("left alone, an older version has marked it, without saying how to tell it from another of that name (kind delete cluster --name %s)", k.name), nil
	case n == 0:
		return was, "left alone, it is not the one that a run has made; its mark is removed", k.marks.remove(k.name)
	}
	k.badge = was.Badge
	return was, "", k.marks.write(k.name, mark{k.badge, deleting, []string{k.marks.self}})
}
