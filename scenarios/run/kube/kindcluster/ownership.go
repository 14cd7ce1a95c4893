package kindcluster

import (
	"context"
	"errors"
	"slices"
	"time"

	"zeroloss/internal/ctxtime"
	"zeroloss/scenarios/run/kube/owner"
)

// ownership is whose a cluster is, and how far it is.
//
//	absent ──▶ creating ──▶ ready ──▶ absent
//	              │           └─ --keep ─▶ foreign
//	              └─ its process ends ─▶ abandoned ──▶ absent
type ownership int

const (
	absent    ownership = iota
	foreign             // this program did not create all of it, or it was kept: used, never deleted
	creating            // a process that runs is creating it
	abandoned           // the process that was creating it is gone
	ready               // a run created it
	unclear             // a run created it, and it cannot be told how far it is, or by whom
)

// creator is the process that created a cluster.
type creator struct{ owner.Leftover }

// reason says what is known of the process.
func (c creator) reason(self string) string { return c.ReasonToKeep(self, false) }

// runs reports whether the process is known to run.
func (c creator) runs(self string) bool { return c.ReasonToKeep(self, true) != "" }

// inspect finds out whose the cluster is. The error is errForming while that
// cannot be told.
func (c *Cluster) inspect() (ownership, creator, error) {
	marks, err := c.provider.owners(c.name)
	if err != nil {
		return absent, creator{}, err
	}
	if len(marks) == 0 {
		return absent, creator{}, nil
	}
	by := creator{owner.Leftover{Name: c.name, Process: marks[0]}}
	if by.Process == "" || slices.ContainsFunc(marks, func(m string) bool { return m != by.Process }) {
		return foreign, creator{}, nil
	}
	state, err := c.provider.state(c.name)
	switch {
	case err == nil && state == stateKept:
		return foreign, by, nil
	case err == nil && state == stateReady:
		return ready, by, nil
	case by.Process == c.self: // of an earlier run of this process, which could not undo it
		return abandoned, by, nil
	case by.runs(c.self):
		return creating, by, nil
	case err != nil || by.reason(c.self) != "":
		return unclear, by, nil //nolint:nilerr // a node that does not run cannot be asked: that is the answer
	}
	return abandoned, by, nil
}

// createdMeanwhile reports whether another run has created the cluster, or is
// about to.
func (c *Cluster) createdMeanwhile() bool {
	is, by, err := c.inspect()
	return (err == nil && (is == ready || is == creating) && by.Process != c.self) || errors.Is(err, errForming)
}

// formTimeout is how long the engine may take to create a node, or to remove
// one.
const formTimeout = 15 * time.Second

// awaitFormed waits until the engine can say whose all nodes are; false if it
// cannot in good time.
func (c *Cluster) awaitFormed(ctx context.Context) bool {
	ctx, stop := context.WithTimeout(ctx, formTimeout)
	defer stop()
	for {
		if _, err := c.provider.owners(c.name); !errors.Is(err, errForming) {
			return true
		}
		if ctxtime.Sleep(ctx, pollInterval) != nil {
			return false
		}
	}
}
