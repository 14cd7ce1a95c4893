//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/e2e-framework/klient"
	"sigs.k8s.io/e2e-framework/pkg/env"
	"sigs.k8s.io/e2e-framework/pkg/envconf"
	"sigs.k8s.io/kind/pkg/cluster"

	"zeroloss/loadgen/record"
	"zeroloss/scenarios/replay"
	"zeroloss/scenarios/rundir"
)

// A cluster of two nodes, and helpers for the tests in it (kube_cases_test.go).

// nodePort is a port of the nodes that is mapped to the host's loopback address.
const nodePort = 30480

// kindNodes configures a control-plane node that also runs pods, and a worker.
var kindNodes = fmt.Sprintf(`kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
nodes:
- role: control-plane
  extraPortMappings: [{containerPort: %d, listenAddress: 127.0.0.1}]
  kubeadmConfigPatches: ["{kind: InitConfiguration, nodeRegistration: {taints: []}}"]
- role: worker
`, nodePort)

const cleanWithin = 30 * time.Second

// nodeImage returns the kind node image, or skips the test without one.
func nodeImage(t *testing.T) string {
	if err := exec.Command("docker", "version").Run(); err != nil {
		t.Skipf("skipped: no container engine answers: docker version: %v", err)
	}
	image := os.Getenv("ZEROLOSS_NODE_IMAGE")
	if image == "" {
		out, err := exec.Command("docker", "images", "--format", "{{.Repository}}:{{.Tag}}", "kindest/node").Output()
		require.NoError(t, err)
		image, _, _ = strings.Cut(string(out), "\n")
	}
	if image == "" {
		t.Skip("skipped: there is no image of kind's nodes here: docker pull kindest/node:v1.34.4, or set ZEROLOSS_NODE_IMAGE")
	}
	return image
}

// testCluster is a cluster for tests that also contains objects of others.
type testCluster struct {
	name, kubeconfig string
	client           klient.Client
	env              env.Environment
	hasTarget        bool // has the existing service that attach targets
}

// decoys are namespaces that only look like namespaces of a run.
var decoys = []corev1.Namespace{
	{ObjectMeta: metav1.ObjectMeta{Name: "zeroloss-decoy"}},
	{ObjectMeta: metav1.ObjectMeta{Name: "zeroloss-20260101-000000-0000", Labels: map[string]string{"app.kubernetes.io/managed-by": "zeroloss"}}},
	{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{"app.kubernetes.io/managed-by": "zeroloss", "zeroloss/run": "shop"}}},
}

func kindProvider(t *testing.T) *cluster.Provider {
	option, err := cluster.DetectNodeProvider()
	require.NoError(t, err)
	return cluster.NewProvider(option)
}

func newTestCluster(t *testing.T) *testCluster {
	image := nodeImage(t)
	p := kindProvider(t)
	w := &testCluster{name: fmt.Sprintf("zl-e2e-%d", os.Getpid()), kubeconfig: filepath.Join(t.TempDir(), "kubeconfig")}
	t.Cleanup(func() { require.NoError(t, p.Delete(w.name, w.kubeconfig)) })
	require.NoError(t, p.Create(w.name, cluster.CreateWithRawConfig([]byte(kindNodes)), cluster.CreateWithNodeImage(image),
		cluster.CreateWithKubeconfigPath(w.kubeconfig), cluster.CreateWithWaitForReady(2*time.Minute)))
	cfg := envconf.NewWithKubeConfig(w.kubeconfig)
	w.client, w.env = cfg.Client(), env.NewWithConfig(cfg)
	for _, d := range decoys {
		require.NoError(t, w.client.Resources().Create(t.Context(), d.DeepCopy()))
	}
	return w
}

// onlyOwnObjectsRemain asserts that no object of zeroloss is left, and that all
// other objects still exist.
func (w *testCluster) onlyOwnObjectsRemain(t *testing.T) {
	t.Helper()
	var all corev1.NamespaceList
	require.NoError(t, w.client.Resources().List(t.Context(), &all))
	var got []string
	for _, n := range all.Items {
		if n.Name == "shop" || strings.HasPrefix(n.Name, "zeroloss") {
			got = append(got, n.Name)
			require.Equal(t, corev1.NamespaceActive, n.Status.Phase, n.Name)
		}
	}
	require.ElementsMatch(t, []string{"zeroloss-decoy", "zeroloss-20260101-000000-0000", "shop"}, got)
}

// run starts `zeroloss run` in the cluster.
func (w *testCluster) run(t *testing.T, args ...string) *running {
	return start(t, zeroloss, filepath.Join(t.TempDir(), "run"), append(args, "--runtime", "kube", "--cluster", w.name)...)
}

// loseNothing runs a scenario in the cluster and asserts that gray loses nothing
// and base loses requests.
func loseNothing(t *testing.T, w *testCluster, scenario string) {
	var s losses
	w.passes(t, 5*time.Minute, &s, nil, scenario)
	require.Zero(t, s.Arms["gray"].Lost, "lossless offline is on")
	require.GreaterOrEqual(t, s.Arms["base"].Lost, 10, "and off")
}

// passes runs a scenario in the cluster until the host was not too busy to
// measure, asserts that it passed, and returns its summary. Each run must replay
// and satisfy holds.
func (w *testCluster) passes(t *testing.T, within time.Duration, summary any, holds func(attempt), args ...string) attempt {
	t.Helper()
	a := measure(t, args[0], within, func() *running { return w.run(t, append(args, "--json")...) }, func(a attempt) {
		replaysInCluster(t, a.dir)
		if holds != nil {
			holds(a)
		}
	})
	a.skipIfBusy(t)
	a.passed(t)
	require.NoError(t, json.Unmarshal(a.stdout.Bytes(), summary))
	return a
}

// losses is the part of summary.json that these tests use.
type losses struct {
	Reasons []string
	Arms    map[string]struct{ Lost int }
}

// replaysInCluster replays the recorded inputs of the control plane.
func replaysInCluster(t *testing.T, dir string) {
	t.Helper()
	run, err := rundir.Open(dir)
	require.NoError(t, err)
	require.Empty(t, run.Incomplete)
	all := readStreams(t, dir)
	_, err = replay.StateMachines(run.Plan.Control, all, rundir.Harness, true)
	require.NoError(t, err)
	found, err := replay.CompareWithKubernetes(run.Plan.Control, all, rundir.Harness)
	require.NoError(t, err)
	for _, d := range found {
		if !run.WritesEvents(d.Workload) {
			continue // it records too little to predict decisions
		}
		require.NotContains(t, d.Rule, "deletion order", "%+v", d)
		t.Logf("Kubernetes decided differently from the model: %+v", d) // can happen on a busy host
	}
}

// comingUp means: while the run waits for its pods.
const comingUp time.Duration = -1

// awaitExit waits until the run is at a point: a time after its start, while it comes
// up, or under load.
func awaitExit(t *testing.T, r *running, at time.Duration) {
	t.Helper()
	switch {
	case at > 0:
		pause(r, at)
		return
	case at == comingUp:
		require.True(t, r.until(3*time.Minute, "its pods are waited for", func() bool {
			return strings.Contains(r.stderr.String(), "waiting for the load pod")
		}), r.stderr.String())
		return
	}
	under := func() bool { return has(t, filepath.Join(r.dir, "events", "harness.ndjson"), record.KindTimeZero) }
	require.True(t, r.until(3*time.Minute, "time zero", under), r.stderr.String())
	pause(r, 3*time.Second)
}

func interruptAt(t *testing.T, w *testCluster, at time.Duration) {
	r := w.run(t, "offline")
	awaitExit(t, r, at)
	r.signal(syscall.SIGINT)
	require.Equal(t, 130, r.code(cleanWithin), r.stderr.String())
}

func killInClusterAt(t *testing.T, w *testCluster, at time.Duration) {
	r := w.run(t, "offline")
	awaitExit(t, r, at)
	code, out, errs := call(t, "", zeroloss, "clean", "--cluster", w.name)
	require.Equal(t, 0, code, errs)
	require.Contains(t, out, "left alone, process", "clean takes nothing from a run that goes on")
	r.signal(syscall.SIGKILL)
	r.code(time.Second)
	w.cleanRemovesEverything(t)
}

func killWhileCleaning(t *testing.T, w *testCluster) {
	r := w.run(t, "offline")
	awaitExit(t, r, 0)
	r.signal(syscall.SIGINT)
	ended := func() bool { return has(t, filepath.Join(r.dir, "events", "harness.ndjson"), record.KindEnd) }
	require.True(t, r.until(cleanWithin, "the run's end", ended))
	r.signal(syscall.SIGKILL)
	r.code(time.Second)
	w.cleanRemovesEverything(t)
}

func (w *testCluster) cleanRemovesEverything(t *testing.T) {
	t.Helper()
	began := time.Now()
	code, _, errs := call(t, "", zeroloss, "clean", "--cluster", w.name)
	require.Equal(t, 0, code, errs)
	require.Less(t, time.Since(began), cleanWithin)
}

// A run without an existing cluster creates one and deletes it afterwards.
func TestKubeMakesAndDeletesItsCluster(t *testing.T) {
	image := nodeImage(t)
	name := fmt.Sprintf("zl-e2e-own-%d", os.Getpid())
	began := time.Now()
	r := start(t, zeroloss, filepath.Join(t.TempDir(), "run"), "crash", "--json", "--runtime", "kube", "--cluster", name, "--node-image", image)
	code := r.code(5 * time.Minute)
	t.Logf("no cluster to verdict to no cluster: %v", time.Since(began).Round(time.Second))
	var s losses
	require.NoError(t, json.Unmarshal(r.stdout.Bytes(), &s), r.stderr.String())
	if (attempt{code: code, reasons: s.Reasons}).busy() {
		// This does not need another cluster: the test is about creating and
		// deleting one.
		t.Logf("its verdict counts for nothing: this machine was too busy to measure: %v", s.Reasons)
	} else {
		require.Zero(t, code, r.stderr.String())
	}
	require.GreaterOrEqual(t, s.Arms["gray"].Lost, 10, "no instance that dies can be drained")
	option, err := cluster.DetectNodeProvider()
	require.NoError(t, err)
	left, err := cluster.NewProvider(option).List()
	require.NoError(t, err)
	require.NotContains(t, left, name)
}

// After kill -9 during the creation of the cluster, clean recognizes the cluster
// by the owner on its nodes.
func TestKubeCleansAClusterThatACrashLeft(t *testing.T) {
	image := nodeImage(t)
	name := fmt.Sprintf("zl-e2e-lost-%d", os.Getpid())
	r := start(t, zeroloss, filepath.Join(t.TempDir(), "run"), "offline", "--runtime", "kube", "--cluster", name, "--node-image", image)
	there := func() bool {
		out, err := exec.Command("docker", "ps", "--filter", "label=io.x-k8s.kind.cluster="+name, "-q").Output()
		return err == nil && len(out) > 0
	}
	require.True(t, r.until(time.Minute, "the cluster's container", there), r.stderr.String())
	r.signal(syscall.SIGKILL)
	r.code(time.Second)
	code, out, errs := call(t, "", zeroloss, "clean", "--cluster", name)
	require.Equal(t, 0, code, errs)
	require.Contains(t, out, "cluster "+name+": deleted")
	require.False(t, there())
}
