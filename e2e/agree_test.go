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
	"sigs.k8s.io/e2e-framework/pkg/envconf"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios"
	"zeroloss/scenarios/plan"
	"zeroloss/scenarios/run"
	"zeroloss/scenarios/run/kube"
	"zeroloss/scenarios/run/runtimetest"
	"zeroloss/scenarios/rundir"
)

// clusterEnv names a kind cluster that is up, for tests that leave nothing in
// it; without it they make one.
const clusterEnv = "ZEROLOSS_E2E_CLUSTER"

// anyTown is that cluster, or one of its own.
func anyTown(t *testing.T) *town {
	name := os.Getenv(clusterEnv)
	if name == "" {
		return newTown(t)
	}
	w := &town{name: name, kubeconfig: filepath.Join(t.TempDir(), "kubeconfig")}
	require.NoError(t, kindProvider(t).ExportKubeConfig(name, w.kubeconfig, false))
	w.client = envconf.NewWithKubeConfig(w.kubeconfig).Client()
	return w
}

// account is the part of summary.json by which two runtimes are compared.
type account struct {
	Verdict string
	Reasons []string
	Arms    map[string]struct {
		Lost          int
		PredictedLost [2]int
	}
	Push struct {
		Heard struct {
			Count int
			P50Ms float64
		}
	}
}

const (
	// medianWithin is how far apart the medians of propagation may be.
	medianWithin = 0.25
	// agreeTries is how often a machine that was too busy to measure may try
	// again. What it measured counts the first time.
	agreeTries = 3
)

// A cluster is a runtime as this machine is, and says the same.
func TestKubeIsARuntime(t *testing.T) {
	w := anyTown(t)
	t.Run("contract", func(t *testing.T) {
		if testing.Short() {
			t.Skip("skipped: -short leaves five runs out; make e2e has them")
		}
		keepsTheContract(t, w)
	})
	t.Run("agrees with local", func(t *testing.T) { agrees(t, w) })
}

// agrees: the same scenario says the same, on processes with the embedded
// registry and on Kubernetes with a real Nacos.
func agrees(t *testing.T, w *town) {
	local := measured(t, "local", func() *running { return start(t, zeroloss, filepath.Join(t.TempDir(), "run"), "offline", "--json") })
	cluster := measured(t, "kube", func() *running { return w.run(t, "offline", "--json") })
	require.Equal(t, local.Verdict, cluster.Verdict)
	for name, a := range map[string]account{"local": local, "kube": cluster} {
		require.Equal(t, "pass", a.Verdict, "%s: %v", name, a.Reasons)
		require.Zero(t, a.Arms["gray"].Lost, name)
		base := a.Arms["base"]
		require.GreaterOrEqual(t, base.Lost, base.PredictedLost[0], name)
		require.LessOrEqual(t, base.Lost, base.PredictedLost[1], name)
		require.GreaterOrEqual(t, a.Push.Heard.Count, 8, "%s: two instances out and in again, and two subscribers", name)
	}
	one, other := local.Push.Heard.P50Ms, cluster.Push.Heard.P50Ms
	require.Less(t, math.Abs(one-other)/min(one, other), medianWithin, "local %.0f ms, kube %.0f ms", one, other)
}

func measured(t *testing.T, name string, begin func() *running) account {
	t.Helper()
	for try := 1; ; try++ {
		r := begin()
		code := r.code(5 * time.Minute)
		var a account
		require.NoError(t, json.Unmarshal(r.stdout.Bytes(), &a), r.stderr.String())
		base := a.Arms["base"]
		t.Logf("%s, try %d: exit %d, base lost %d of %v predicted, gray %d, heard in %.0f ms (%d)",
			name, try, code, base.Lost, base.PredictedLost, a.Arms["gray"].Lost, a.Push.Heard.P50Ms, a.Push.Heard.Count)
		if code != 3 || !unfit(a.Reasons) || try == agreeTries {
			return a
		}
		t.Logf("too busy to measure: %v", a.Reasons)
	}
}

// keepsTheContract: what a runtime has to do is done in a cluster, too.
func keepsTheContract(t *testing.T, w *town) {
	var prepared *scenarios.Prepared
	prepare := func(t *testing.T) *plan.Plan {
		var err error
		prepared, err = scenarios.Prepare(scenarios.Request{Scenario: "testdata/scenarios/short.yaml", Seed: 1})
		require.NoError(t, err)
		return prepared.Plan
	}
	id := 0
	runtimetest.Run(t, runtimetest.Target{
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
		Moments: []record.Kind{record.PodCreated, record.RunZero, record.PodDeleted},
		Left: func(t *testing.T, _ *rundir.Dir) {
			var all corev1.NamespaceList
			require.NoError(t, w.client.Resources().List(t.Context(), &all))
			for _, n := range all.Items {
				require.NotContains(t, n.Name, fmt.Sprintf("contract-%d-", os.Getpid()))
			}
		},
	})
}
