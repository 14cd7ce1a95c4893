//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube"
	"zeroloss/scenarios/run/runtimetest"
	"zeroloss/scenarios/rundir"
)

// agreement is the part of summary.json in which the runtimes must agree.
type agreement struct {
	Verdict string
	Reasons []string
	Arms    map[string]struct {
		Lost          int
		PredictedLost [2]int
	}
	Propagation struct {
		Received struct {
			Count int
			P50Ms float64
		}
	}
}

// medianWithin is the maximum difference of the median propagation delays.
const medianWithin = 0.25

// localAndKubeAgree checks that a scenario has the same result on local processes
// with the embedded registry and on Kubernetes with a real Nacos.
func localAndKubeAgree(t *testing.T, w *testCluster) {
	local := measureRun(t, "local", func() *running { return start(t, zeroloss, filepath.Join(t.TempDir(), "run"), "offline", "--json") })
	cluster := measureRun(t, "kube", func() *running { return w.run(t, "offline", "--json") })
	require.Equal(t, local.Verdict, cluster.Verdict, "local: %v, kube: %v", local.Reasons, cluster.Reasons)
	for name, a := range map[string]agreement{"local": local, "kube": cluster} {
		require.Equal(t, "pass", a.Verdict, "%s: %v", name, a.Reasons)
		require.Zero(t, a.Arms["gray"].Lost, name)
		base := a.Arms["base"]
		require.GreaterOrEqual(t, base.Lost, base.PredictedLost[0], name)
		require.LessOrEqual(t, base.Lost, base.PredictedLost[1], name)
		require.GreaterOrEqual(t, a.Propagation.Received.Count, 8, "%s: two instances out and in again, and two subscribers", name)
	}
	one, other := local.Propagation.Received.P50Ms, cluster.Propagation.Received.P50Ms
	require.Less(t, math.Abs(one-other)/min(one, other), medianWithin, "local %.0f ms, kube %.0f ms", one, other)
}

// measureRun returns the result of a run. On a host that is too busy in every
// attempt, the results do not agree.
func measureRun(t *testing.T, name string, begin func() *running) (a agreement) {
	t.Helper()
	r := measure(t, name, 5*time.Minute, begin, nil)
	require.NoError(t, json.Unmarshal(r.stdout.Bytes(), &a))
	base := a.Arms["base"]
	t.Logf("%s: base lost %d of %v predicted, gray %d, received in %.0f ms (%d)",
		name, base.Lost, base.PredictedLost, a.Arms["gray"].Lost, a.Propagation.Received.P50Ms, a.Propagation.Received.Count)
	return a
}

// kubeRegistryKeepsContract runs the contract tests of runtimes in a cluster.
func kubeRegistryKeepsContract(t *testing.T, w *testCluster) {
	var prepared *scenarios.Prepared
	prepare := func(t *testing.T) *plan.Plan {
		var err error
		prepared, err = scenarios.Prepare(scenarios.Request{Scenario: "testdata/scenarios/short.yaml", Seed: 1})
		require.NoError(t, err)
		return prepared.Plan
	}
	id := 0
	runtimetest.Run(t, runtimetest.Subject{
		Name: "kube",
		New: func(_ *testing.T, dir *rundir.Dir, _ *plan.Plan) run.Runtime {
			id++
			return kube.New(kube.Options{
				Dir: dir, Manifests: prepared.Manifests, Run: fmt.Sprintf("contract-%d-%d", os.Getpid(), id),
				Cluster: w.name, Binary: zeroloss,
			})
		},
		Plan: prepare,
		Refused: func(t *testing.T) *plan.Plan {
			p := prepare(t)
			p.Speed = 10 // a cluster's clocks cannot be
			return p
		},
		InterruptAt: []record.Kind{record.KindPodCreated, record.KindTimeZero, record.KindPodDeleted},
		CheckCleanedUp: func(t *testing.T, _ *rundir.Dir) {
			var all corev1.NamespaceList
			require.NoError(t, w.client.Resources().List(t.Context(), &all))
			for _, n := range all.Items {
				require.NotContains(t, n.Name, fmt.Sprintf("contract-%d-", os.Getpid()))
			}
		},
	})
}
