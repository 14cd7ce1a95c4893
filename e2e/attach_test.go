//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"zeroloss/scenarios/rundir"
)

// A service that is none of ours, in a cluster: the catalogue's own-service, and
// attach on one that was there before.

// strangerNS is somebody else's namespace.
const strangerNS = "e2e-strangers"

// attachShows are the runs on a stranger's service, one after the other.
func attachShows() []show {
	on := func(f func(*testing.T, *town, string)) func(*testing.T, *town) {
		return func(t *testing.T, w *town) { f(t, w, w.stranger(t)) }
	}
	to := func(code int, args ...string) func(*testing.T, *town) {
		return on(func(t *testing.T, w *town, url string) { attachedTo(t, w, url, code, args...) })
	}
	inside := "http://orders." + strangerNS + ".svc.cluster.local/"
	return []show{
		{"attach: restart, from a pod", false, on(func(t *testing.T, w *town, _ string) {
			attachedTo(t, w, inside, 1, "--restart", "--allow-changes", "--in-cluster")
		})},
		{"attach: restart", true, to(1, "--restart", "--allow-changes")},
		{"attach: nothing happens", true, to(3, "--observe")},
		{"attach: scale, and back after Ctrl-C", false, on(scaledBack)},
		{"attach: scale, and back after kill -9 and clean", true, on(scaledBackByClean)},
		{"attach: the budget is spent", true, on(budgetSpent)},
		{"attach: a PodDisruptionBudget", false, on(budgetHeeded)},
	}
}

// budgetSpent: a run that costs too much is stopped.
func budgetSpent(t *testing.T, w *town, url string) {
	r := w.attach(t, url, "--restart", "--allow-changes", "--abort-after", "2")
	require.Equal(t, 130, r.code(2*time.Minute), r.stderr.String())
	require.Contains(t, r.stderr.String(), "the budget is 2")
}

// ownService: what a preStop sleep is worth.
func ownService(t *testing.T, w *town) {
	var s struct {
		Arms map[string]struct {
			Lost, Releases int
			Masked         *int
		}
	}
	w.passes(t, 4*time.Minute, &s, nil, "own-service")
	without, with := s.Arms["without"], s.Arms["with"]
	require.Positive(t, without.Lost)
	require.Nil(t, without.Masked, "nobody can see it")
	require.Equal(t, 3, with.Releases)
	require.Zero(t, with.Lost)
}

// stranger puts a service into the cluster by hand, if it is not there yet, and
// returns its URL from outside: a port of this machine's loopback.
func (w *town) stranger(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("docker", "port", w.name+"-control-plane", fmt.Sprintf("%d/tcp", nodePort)).Output()
	require.NoError(t, err)
	url := "http://" + strings.TrimSpace(string(out)) + "/"
	if w.hasStranger {
		return url
	}
	image := w.ownImage(t)
	labels := map[string]string{"app": "orders"}
	replicas := int32(3)
	make := w.client.Resources()
	require.NoError(t, make.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: strangerNS}}))
	require.NoError(t, make.Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "orders", Namespace: strangerNS},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{
				Name: "server", Image: image, ImagePullPolicy: corev1.PullIfNotPresent, Args: []string{"plain-server", "--work", "200ms"},
				ReadinessProbe: &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromInt32(8080)}}},
			}}}},
		},
	}))
	require.NoError(t, make.Create(t.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "orders", Namespace: strangerNS},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeNodePort, Selector: labels,
			Ports: []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(8080), NodePort: nodePort}},
		},
	}))
	w.inNode(t, "kubectl -n "+strangerNS+" rollout status deployment orders --timeout 60s")
	w.hasStranger = true
	return url
}

// inNode runs a command in the control plane's node.
func (w *town) inNode(t *testing.T, command string) string {
	t.Helper()
	out, err := exec.Command("docker", "exec", w.name+"-control-plane", "sh", "-c", "export KUBECONFIG=/etc/kubernetes/admin.conf; "+command).CombinedOutput()
	require.NoError(t, err, string(out))
	return string(out)
}

func (w *town) attach(t *testing.T, url string, args ...string) *running {
	return startVerb(t, "attach", zeroloss, filepath.Join(t.TempDir(), "run"), append(args,
		"--cluster", w.name, "--deployment", strangerNS+"/orders", "--url", url, "--instance-header", "X-Pod",
		"--rate", "45/s", "--at", "4s", "--duration", "25s", "--json")...)
}

// attachedTo: a naive server loses when it is restarted, which fails the gate;
// where nothing is released the run proves nothing.
func attachedTo(t *testing.T, w *town, url string, code int, args ...string) {
	r := measure(t, strings.Join(args, " "), 3*time.Minute, func() *running {
		w.inNode(t, "kubectl -n "+strangerNS+" rollout status deployment orders --timeout 60s")
		return w.attach(t, url, args...)
	}, nil)
	r.skipIfBusy(t)
	var s struct {
		Arms map[string]struct{ Sent, Lost, Releases int }
	}
	require.NoError(t, json.Unmarshal(r.stdout.Bytes(), &s))
	a := s.Arms["orders"]
	if code == 1 {
		require.Positive(t, a.Lost)
		require.Equal(t, 3, a.Releases)
	} else {
		require.Zero(t, a.Releases)
	}
	require.Equal(t, code, r.code, r.stderr.String())
	require.FileExists(t, filepath.Join(r.dir, rundir.PageFile))
}

// scaledBack: a run that is interrupted while the target is small gives it back
// what it had.
func scaledBack(t *testing.T, w *town, url string) {
	r := w.attach(t, url, "--scale-to", "1", "--allow-changes")
	replicas := func() string {
		return w.inNode(t, "kubectl -n "+strangerNS+" get deployment orders -o 'jsonpath={.spec.replicas}'")
	}
	require.Eventually(t, func() bool { return replicas() == "1" }, time.Minute, 200*time.Millisecond)
	require.NoError(t, r.cmd.Process.Signal(syscall.SIGINT))
	require.Equal(t, 130, r.code(time.Minute), r.stderr.String())
	require.Equal(t, "3", replicas())
}

// scaledBackByClean: what a run that was killed could not give back, clean does.
func scaledBackByClean(t *testing.T, w *town, url string) {
	r := w.attach(t, url, "--scale-to", "1", "--allow-changes")
	replicas := func() string {
		return w.inNode(t, "kubectl -n "+strangerNS+" get deployment orders -o 'jsonpath={.spec.replicas}'")
	}
	require.Eventually(t, func() bool { return replicas() == "1" }, time.Minute, 200*time.Millisecond)
	require.NoError(t, r.cmd.Process.Kill())
	<-r.gone
	out, err := exec.Command(zeroloss, "clean", "--cluster", w.name).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "deployment "+strangerNS+"/orders: scaled back to 3")
	require.Equal(t, "3", replicas())
	w.inNode(t, "kubectl -n "+strangerNS+" rollout status deployment orders --timeout 60s")
}

// budgetHeeded: nothing is done that a budget forbids.
func budgetHeeded(t *testing.T, w *town, url string) {
	three := intstr.FromInt32(3)
	pdb := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "all-of-them", Namespace: strangerNS},
		Spec:       policyv1.PodDisruptionBudgetSpec{MinAvailable: &three, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "orders"}}},
	}
	require.NoError(t, w.client.Resources().Create(t.Context(), pdb))
	defer func() { require.NoError(t, w.client.Resources().Delete(context.WithoutCancel(t.Context()), pdb)) }()
	w.inNode(t, "kubectl -n "+strangerNS+" rollout status deployment orders --timeout 60s; kubectl -n "+strangerNS+" wait pdb/all-of-them --for=jsonpath='{.status.currentHealthy}'=3 --timeout 30s")
	for _, action := range [][]string{{"--restart"}, {"--scale-to", "2"}} {
		r := w.attach(t, url, append(action, "--allow-changes")...)
		require.Equal(t, 4, r.code(time.Minute))
		require.Contains(t, r.stderr.String(), `PodDisruptionBudget "all-of-them" allows`)
		require.NoDirExists(t, r.dir)
	}
}
