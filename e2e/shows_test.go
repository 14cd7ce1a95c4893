//go:build e2e

package e2e

import (
	"context"
	"testing"
	"time"

	"sigs.k8s.io/e2e-framework/pkg/envconf"
	"sigs.k8s.io/e2e-framework/pkg/features"
)

// show is something that a cluster must show. -short, which is CI's part, leaves
// out those that are long.
type show struct {
	name string
	long bool
	f    func(t *testing.T, w *town)
}

// TestKube is all that is shown in one cluster of two nodes. `make e2e` runs it;
// it needs a container engine and an image of kind's nodes.
func TestKube(t *testing.T) {
	w := newTown(t)
	for _, s := range shows() {
		w.env.Test(t, features.New(s.name).Assess("holds", func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			if s.long && testing.Short() {
				t.Skip("skipped: -short is CI's part; make e2e has it all")
			}
			defer func() {
				if !t.Failed() { // one that was skipped leaves nothing either
					w.onlyDecoys(t)
				}
			}()
			s.f(t, w)
			return ctx
		}).Feature())
	}
}

func shows() []show {
	of := func(scenario string) func(*testing.T, *town) {
		return func(t *testing.T, w *town) { loseNothing(t, w, scenario) }
	}
	interrupted := func(at time.Duration) func(*testing.T, *town) {
		return func(t *testing.T, w *town) { interruptedInTown(t, w, at) }
	}
	killed := func(at time.Duration) func(*testing.T, *town) {
		return func(t *testing.T, w *town) { killedInTown(t, w, at) }
	}
	all := []show{
		{"offline agrees with local", false, agrees},
		{"rolling", false, of("rolling")},
		{"drain", true, drainsANode},
		{"own-service", false, ownService},
		{"grace", true, of("grace")},
		{"offline from three load pods", true, shardedInTown},
		{"the contract of a runtime", true, keepsTheContract},
		{"pods under Pod Security's restricted", false, confinedPods},
		{"Ctrl-C after 2 s", true, interrupted(2 * time.Second)},
		{"Ctrl-C after 10 s", true, interrupted(10 * time.Second)},
		{"Ctrl-C after 20 s", true, interrupted(20 * time.Second)},
		{"Ctrl-C under load", true, interrupted(0)},
		{"Ctrl-C while it drains", true, interruptedDraining},
		{"kill -9 while it comes up", true, killed(comingUp)},
		{"kill -9 under load", false, killed(0)},
		{"kill -9 while it cleans up", true, killedCleaning},
		{"kill -9 while it drains", true, killedDraining},
		{"drain with one node", false, drainsNothing},
	}
	all = append(all, attachShows()...)
	for _, bad := range badTowns() {
		all = append(all, show{bad.name, bad.long, func(t *testing.T, w *town) { refused(t, w, bad) }})
	}
	return all
}
