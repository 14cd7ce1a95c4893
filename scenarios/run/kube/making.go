package kube

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube/client"
	"zeroloss/scenarios/run/kube/owner"
)

const (
	// busyFor bounds the wait for another run that makes or deletes the cluster.
	busyFor = 10 * time.Minute
	// kindEnds is how long kind has to end once its work is taken away under it:
	// with what follows it is within the 30 s that an interruption may take.
	kindEnds = 20 * time.Second
	// lateNodes is how long nodes may still come after kind has failed: it starts
	// all at once, and does not wait for the others when one fails.
	lateNodes = 5 * time.Second
	// formFor is how long the engine may take to create a node, or remove one.
	formFor = 15 * time.Second
)

// claim is what came of asking for a cluster.
type claim int

const (
	busy    claim = iota // another run makes or deletes it
	users                // it is there, and none of ours
	joined               // it is there, and a run's; this one is among its users now
	remains              // what there is of it is left of a run that was killed; ours to remove
	ordered              // it is not there; ours to make
)

// open uses the cluster if it is there, and makes it if not. What a run makes
// is marked before, so that nothing is left without a sign of whose it is.
func (k *kindCluster) open(ctx context.Context, nodeImage, scratch string, tell func(string, ...any)) (*reach, error) {
	waiting, stop := context.WithTimeout(ctx, busyFor)
	defer stop()
	for told := false; ; {
		c, why, err := k.claim(ctx)
		if errors.Is(err, errForming) && k.formed(waiting) {
			continue
		}
		if err == nil && c == remains {
			if _, err = k.takeAway(1); err == nil {
				continue
			}
		}
		if err != nil {
			return nil, fmt.Errorf("%w: asking for cluster %q: %w", run.ErrEnvironment, k.name, err)
		}
		switch c {
		case ordered:
			tell("creating kind cluster %s", k.name)
			return k.make(ctx, order{name: k.name, image: nodeImage, badge: k.badge, workers: k.workers, kubeconfig: filepath.Join(scratch, "kubeconfig")})
		case users:
			return k.connect()
		case joined:
			where, err := k.connect()
			if err != nil {
				err = errors.Join(err, k.quit())
			}
			return where, err
		}
		if !told {
			tell("waiting for kind cluster %s: %s", k.name, why)
			told = true
		}
		if client.Sleep(waiting, 300*time.Millisecond) != nil {
			if ctx.Err() != nil {
				return nil, fmt.Errorf("%w: while another run was busy with cluster %q", run.ErrInterrupted, k.name)
			}
			return nil, fmt.Errorf("%w: cluster %q: %s, and has not made or deleted it in %v\n  take another: --cluster NAME", run.ErrEnvironment, k.name, why, busyFor)
		}
	}
}

// claim says whose cluster it is, and in the same moment marks it as this
// run's, if it may have it.
func (k *kindCluster) claim(ctx context.Context) (c claim, why string, err error) {
	release, err := k.marks.hold(ctx)
	if err != nil {
		return 0, "", err
	}
	defer release()
	x, marked, err := k.marks.read(k.name)
	if err != nil {
		return 0, "", err
	}
	others, why := k.marks.others(x, false)
	if x.Doing != "" && len(others) > 0 {
		if !k.marks.seen(others) {
			return 0, "", fmt.Errorf("it was left half made; %s\n  zeroloss clean --all --cluster %s removes it", why, k.name)
		}
		return busy, why, nil
	}
	badges, err := k.engine.badges(k.name)
	switch {
	case err != nil:
		return 0, "", err
	case len(badges) == 0:
		k.badge = strings.ToLower(rand.Text())
		return ordered, "", k.marks.write(k.name, mark{k.badge, making, []string{k.marks.self}})
	case worn(badges, x.Badge) < len(badges):
		if marked && x.Badge != "" {
			err = k.marks.remove(k.name) // the one that it means is gone
		}
		return users, "", err
	case x.Doing != "":
		k.badge = x.Badge
		return remains, "", k.marks.write(k.name, mark{k.badge, deleting, []string{k.marks.self}})
	}
	k.badge = x.Badge
	return joined, "", k.marks.write(k.name, mark{k.badge, "", append(others, k.marks.self)})
}

// formed waits until the engine can say of all nodes what they wear; false if it
// cannot in good time.
func (k *kindCluster) formed(ctx context.Context) bool {
	ctx, stop := context.WithTimeout(ctx, formFor)
	defer stop()
	for {
		if _, err := k.engine.badges(k.name); !errors.Is(err, errForming) {
			return true
		}
		if client.Sleep(ctx, 300*time.Millisecond) != nil {
			return false
		}
	}
}

// worn is how many of the nodes wear a badge.
func worn(badges []string, badge string) (n int) {
	for _, b := range badges {
		if b == badge && badge != "" {
			n++
		}
	}
	return n
}

// make makes the cluster that was ordered, or nothing.
func (k *kindCluster) make(ctx context.Context, o order) (*reach, error) {
	if err := k.create(ctx, o); err != nil {
		return nil, err
	}
	where, err := k.connect()
	if err == nil {
		err = k.settle(mark{k.badge, "", []string{k.marks.self}})
	}
	if err != nil {
		return nil, errors.Join(err, k.undo(nil, 0))
	}
	return where, nil
}

func (k *kindCluster) create(ctx context.Context, o order) error {
	failed := func(err error) error {
		return fmt.Errorf("%w: creating cluster %q: %w\n  try it by hand: kind create cluster --name %s%s",
			run.ErrEnvironment, k.name, err, k.name, strings.TrimSuffix(" --image "+o.image, " --image "))
	}
	interrupted := fmt.Errorf("%w: while cluster %q was created", run.ErrInterrupted, k.name)
	if err := k.engine.fetch(ctx, o.image); err != nil {
		if ctx.Err() != nil {
			return errors.Join(interrupted, k.forget())
		}
		return errors.Join(failed(err), k.forget())
	}
	done := make(chan error, 1)
	go func() { done <- k.engine.create(o) }()
	select {
	case err := <-done:
		if err != nil {
			return errors.Join(failed(err), k.undo(nil, 1+o.workers))
		}
		return nil
	case <-ctx.Done():
		return errors.Join(interrupted, k.undo(done, 1+o.workers))
	}
}

// undo takes away what kind makes, under it, until nothing more can come. done
// tells that kind has ended (nil: it has), nodes how many it may come to. They
// are taken together where that is possible: what has come and gone unseen
// cannot be counted. Until it is certain that all have, the mark stays.
func (k *kindCluster) undo(done <-chan error, nodes int) error {
	patience, hurry, again := time.NewTimer(kindEnds), time.NewTimer(kindEnds/2), time.NewTicker(300*time.Millisecond)
	defer patience.Stop()
	defer hurry.Stop()
	defer again.Stop()
	if done == nil {
		patience.Reset(lateNodes)
	}
	together := nodes
	for gone := 0; ; {
		if done == nil {
			together = 1
		}
		n, err := k.takeAway(together)
		gone += n
		// kind may go on for half a minute with what is not there any more.
		if err == nil && (gone >= nodes || done == nil && nodes == 1) {
			return k.forget()
		}
		select {
		case cerr := <-done:
			done = nil
			patience.Reset(lateNodes)
			if cerr == nil {
				nodes = 0 // all that it makes is there
			}
		case <-hurry.C:
			together = 1
		case <-patience.C:
			return errors.Join(err, fmt.Errorf("what may still come of cluster %q: zeroloss clean removes it", k.name))
		case <-again.C:
		}
	}
}

// takeAway removes the nodes that wear the cluster's badge, once there are so
// many, and says how many it has removed.
func (k *kindCluster) takeAway(together int) (int, error) {
	badges, err := k.engine.badges(k.name)
	if err != nil {
		return 0, fmt.Errorf("%w: deleting cluster %q: %w", run.ErrEnvironment, k.name, err)
	}
	n := worn(badges, k.badge)
	switch {
	case n == 0 || n < together:
		return 0, nil
	case n < len(badges):
		return 0, fmt.Errorf("%w: deleting cluster %q: %d of its %d nodes are none of a run's\n  look at them: kind get nodes --name %s", run.ErrEnvironment, k.name, len(badges)-n, len(badges), k.name)
	}
	if err := k.engine.remove(k.name); err != nil {
		return 0, fmt.Errorf("%w: deleting cluster %q: %w", run.ErrEnvironment, k.name, err)
	}
	return n, nil
}

// seen reports whether one of the harnesses is known to be there.
func (m marks) seen(others []string) bool {
	return slices.ContainsFunc(others, func(u string) bool { return owner.Leftover{Process: u}.ReasonToKeep(m.self, true) != "" })
}
