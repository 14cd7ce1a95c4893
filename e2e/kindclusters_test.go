//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Ownership of a kind cluster with a real container engine; the cases are
// described in scenarios/run/kube/kindcluster.

// containers lists the node containers of a kind cluster in any state.
func containers(t *testing.T, cluster string) []string {
	t.Helper()
	out, err := exec.Command("docker", "ps", "--all", "--filter", "label=io.x-k8s.kind.cluster="+cluster, "--format", "{{.Names}}").Output()
	require.NoError(t, err)
	return strings.Fields(string(out))
}

// Ctrl-C while kind creates the cluster: before its first container, while the
// containers start, and while Kubernetes starts.
func TestKubeInterruptedWhileItsClusterIsMade(t *testing.T) {
	image := nodeImage(t)
	for i, x := range []struct {
		scenario string
		nodes    int           // that are there before
		late     time.Duration // after that
	}{{"offline", 0, 0}, {"offline", 0, 300 * time.Millisecond}, {"drain", 1, 0}, {"offline", 1, 4 * time.Second}} {
		name := fmt.Sprintf("zl-e2e-int%d-%d", i, os.Getpid())
		r := start(t, zeroloss, filepath.Join(t.TempDir(), "run"), x.scenario, "--runtime", "kube", "--cluster", name, "--node-image", image)
		under := func() bool {
			return strings.Contains(r.stderr.String(), "creating kind cluster "+name) && len(containers(t, name)) >= x.nodes
		}
		require.True(t, r.until(time.Minute, "the cluster", under), r.stderr.String())
		pause(r, x.late)
		r.signal(syscall.SIGINT)
		began := time.Now()
		require.Equal(t, 130, r.code(cleanWithin), r.stderr.String())
		t.Logf("%s, %d nodes, %v later: ended after %v", x.scenario, x.nodes, x.late, time.Since(began).Round(time.Millisecond))
		code, out, errs := call(t, "", zeroloss, "clean", "--cluster", name)
		require.Equal(t, 0, code, errs)
		require.NotContains(t, out, name, "clean has nothing to do")
		require.Empty(t, containers(t, name))
	}
}

// A run is killed before its cluster has a node. A cluster of the same name that
// the user creates afterwards belongs to the user.
func TestKubeCleanKnowsADecoy(t *testing.T) {
	image := nodeImage(t)
	name := fmt.Sprintf("zl-e2e-decoy-%d", os.Getpid())
	r := start(t, zeroloss, filepath.Join(t.TempDir(), "run"), "offline", "--runtime", "kube", "--cluster", name, "--node-image", "kindest.invalid/node:v0")
	require.True(t, r.until(time.Minute, "the cluster", func() bool { return strings.Contains(r.stderr.String(), "creating kind cluster "+name) }), r.stderr.String())
	r.signal(syscall.SIGKILL)
	r.code(time.Second)
	node := name + "-control-plane"
	out, err := exec.Command("docker", "create", "--name", node, "--label", "io.x-k8s.kind.cluster="+name, "--label", "io.x-k8s.kind.role=control-plane", image).CombinedOutput()
	require.NoError(t, err, string(out))
	t.Cleanup(func() { _ = exec.Command("docker", "rm", "--force", "--volumes", node).Run() })
	_, said, errs := call(t, "", zeroloss, "clean", "--cluster", "zl-e2e-none")
	require.NotContains(t, said, name, errs)
	require.Equal(t, []string{node}, containers(t, name))
}
