//go:build e2e

package e2e

import (
	"context"
	"testing"
	"time"

	"sigs.k8s.io/e2e-framework/pkg/envconf"
	"sigs.k8s.io/e2e-framework/pkg/features"
)

// clusterCase is a test in a cluster. -short, which CI uses, skips the long ones.
type clusterCase struct {
	name string
	long bool
	f    func(t *testing.T, w *testCluster)
}

// TestKube runs the tests that share one cluster of two nodes. It is part of
// `make e2e` and needs a container engine and a kind node image.
func TestKube(t *testing.T) {
	w := newTestCluster(t)
	for _, s := range clusterCases() {
		w.env.Test(t, features.New(s.name).Assess("holds", func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			if s.long && testing.Short() {
				t.Skip("skipped: -short is CI's part; make e2e has it all")
			}
			defer func() {
				if !t.Failed() { // one that was skipped leaves nothing either
					w.onlyOwnObjectsRemain(t)
				}
			}()
			s.f(t, w)
			return ctx
		}).Feature())
	}
}

func clusterCases() []clusterCase {
	of := func(scenario string) func(*testing.T, *testCluster) {
		return func(t *testing.T, w *testCluster) { loseNothing(t, w, scenario) }
	}
	interrupted := func(at time.Duration) func(*testing.T, *testCluster) {
		return func(t *testing.T, w *testCluster) { interruptAt(t, w, at) }
	}
	killed := func(at time.Duration) func(*testing.T, *testCluster) {
		return func(t *testing.T, w *testCluster) { killInClusterAt(t, w, at) }
	}
	all := []clusterCase{
		{"offline agrees with local", false, localAndKubeAgree},
		{"rolling", false, of("rolling")},
		{"drain", true, drainsNode},
		{"own-service", false, ownService},
		{"grace", true, of("grace")},
		{"offline from three load pods", true, sharesLoadBetweenPods},
		{"the contract of a runtime", true, kubeRegistryKeepsContract},
		{"pods under Pod Security's restricted", false, podsMeetRestrictedProfile},
		{"Ctrl-C after 2 s", true, interrupted(2 * time.Second)},
		{"Ctrl-C after 10 s", true, interrupted(10 * time.Second)},
		{"Ctrl-C after 20 s", true, interrupted(20 * time.Second)},
		{"Ctrl-C under load", true, interrupted(0)},
		{"Ctrl-C while it drains", true, interruptWhileDraining},
		{"kill -9 while it comes up", true, killed(comingUp)},
		{"kill -9 under load", false, killed(0)},
		{"kill -9 while it cleans up", true, killWhileCleaning},
		{"kill -9 while it drains", true, killWhileDraining},
		{"drain with one node", false, refusesToDrain},
	}
	all = append(all, attachCases()...)
	for _, bad := range brokenEnvironments() {
		all = append(all, clusterCase{bad.name, bad.long, func(t *testing.T, w *testCluster) { refusesBrokenEnvironment(t, w, bad) }})
	}
	return all
}
